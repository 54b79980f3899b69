"""The command line of a running platform, and what its logs never hold."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from tests.acceptance import topics
from tests.acceptance.platform import Platform
from tests.acceptance.story import Story

SERVERS = {"postgres", "kafka", "mailbox"}
PARTS = SERVERS | {"screening", "randomizer", "safety", "notifier", "audit", "portal"}


def test_status_tells_every_process(platform: Platform) -> None:
    result = platform.run("status")
    assert result.code == 0
    assert {row["name"] for row in result.rows} == PARTS
    for row in result.rows:
        assert row.keys() == {"name", "pid", "ready"}
        outside = row["name"] in ("kafka", "postgres") and platform.outside
        assert row["ready"] is True and (row["pid"] is None if outside else row["pid"] > 1)


def test_endpoints_tell_where_everything_is(platform: Platform) -> None:
    login = set() if platform.outside else {"kafka_login"}
    assert platform.endpoints.keys() == {"services", "kafka", "postgres", "state"} | login
    assert platform.services.keys() == PARTS - SERVERS
    assert platform.endpoints["state"] == str(platform.folder)
    assert platform.sql("SELECT 1 AS one")[0]["one"] == 1
    for url in platform.services.values():
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)
        for path in ("livez", "readyz", "metrics", "openapi.json"):
            assert platform.http.get(f"{url}/{path}").status_code == 200


def test_a_second_platform_in_the_same_folder_is_refused(platform: Platform) -> None:
    again = platform.run("up", "--detach")
    assert again.code == 2
    assert len(again.err.splitlines()) == 1
    assert platform.run("status").code == 0


def test_every_trial_of_the_folder_is_active(platform: Platform) -> None:
    manager = platform.person("trial_manager")
    for file in platform.protocols.glob("*.yaml"):
        answer = manager.get("randomizer", f"/trials/{file.stem}/enrolment")
        assert answer.status_code == 200, file.stem


def test_a_token_is_for_whom_it_says(platform: Platform, nct: Story) -> None:
    result = platform.run("token", "site", "--trial", nct.trial, "--site", "IT001", "--name", "ada")
    assert result.code == 0
    [said] = result.rows
    assert said.keys() == {"token", "sub", "expires_at"}
    assert said["sub"] == "ada"
    assert datetime.fromisoformat(said["expires_at"]) > datetime.now(UTC)
    headers = {"authorization": f"Bearer {said['token']}"}
    url = f"{platform.services['screening']}/v1{nct.path('screenings')}"
    assert platform.http.get(url, headers=headers).status_code == 200
    other = url.replace(nct.trial, "TWAY")
    assert platform.http.get(other, headers=headers).status_code == 404


@pytest.mark.parametrize(
    "line",
    [
        ["token", "king"],
        ["token"],
        ["clock", "-6d"],
        ["clock", "+6x"],
        ["clock", "+99999999w"],
        ["nothing"],
        ["up", "--replicas", "nothing=2"],
    ],
    ids=" ".join,
)
def test_wrong_use_is_one_line_and_exit_2(platform: Platform, line: list[str]) -> None:
    result = platform.run(*line)
    assert (result.code, result.out) == (2, "")
    assert len(result.err.splitlines()) == 1


def _now(platform: Platform, move: str = "now") -> datetime:
    result = platform.run("clock", move)
    assert result.code == 0, result.err
    [said] = result.rows
    assert said.keys() == {"now"}
    assert said["now"].endswith("Z")
    return datetime.fromisoformat(said["now"])


def test_the_clock_is_shown_and_moved_for_every_service(platform: Platform, nct: Story) -> None:
    before = _now(platform)
    moved = _now(platform, "+6d")
    assert timedelta(days=6) <= moved - before < timedelta(days=6, minutes=5)
    assert _now(platform) - moved < timedelta(minutes=5)
    subject = nct.new_subject()
    nct.sign(nct.submit(subject))
    at = datetime.fromisoformat(nct.drawn(subject)["at"])
    assert at >= moved
    for entry in nct.logged("PatientRandomized", subject=subject):
        assert datetime.fromisoformat(entry["time"]) >= moved


def test_no_person_subject_or_free_text_is_ever_logged(platform: Platform, nct: Story) -> None:
    """Planted in everything that a person or a producer can send, good or bad."""
    word = "canarybird"
    person = platform.person("investigator", f"{word}-person")
    manager = platform.person("trial_manager", f"{word}-manager")
    subject = nct.new_subject()
    form = nct.form()
    path = nct.path("screenings")
    kept = person.post("screening", path, {"subject": subject, "form": form}, word)
    assert kept.status_code == 201
    one = f"{path}/{kept.json()['id']}"
    changes = {"changes": {"age": 62}, "reason": word}
    assert person.post("screening", f"{one}/corrections", changes).status_code == 200
    assert person.post("screening", f"{one}/signature", {"meaning": word}).status_code == 200
    nct.drawn(subject)
    for bad in (
        {"subject": word, "form": form},
        {"subject": subject, "form": {word: word}},
        {"subject": subject, "form": form | {"sex": word}},
        {word: word},
    ):
        assert person.post("screening", path, bad).status_code == 422
    assert person.post("screening", f"{one}/{word}", {"reason": word}).status_code == 404
    person.ask("POST", "screening", f"{path}/batch", content=f'{{"{word}": 1}}\n{word}'.encode())
    person.get("screening", path, site=word)
    person.get("screening", f"{path}/{word}")
    manager.post("randomizer", nct.path(f"sites/{word}/close"), {"reason": word})
    manager.post("randomizer", f"/dead/{word}/drop", {"reason": word})
    platform.http.get(f"{platform.services['audit']}/{word}?{word}={word}")
    platform.http.get(
        f"{platform.services['audit']}/v1/entries", headers={"authorization": f"Bearer {word}"}
    )
    poison: list[topics.Header] = [(word, word.encode()), ("ce_actor", word.encode())]
    topics.produce(platform.kafka, "trialops.screening", word.encode(), word.encode(), poison)
    poisoned = manager.pages("randomizer", "/dead")
    nct.randomize_signed()
    for letter in [*poisoned, *manager.pages("randomizer", "/dead")]:
        manager.post("randomizer", f"/dead/{letter['id']}/replay")

    logs = platform.logs()
    assert logs
    assert word not in logs
    assert subject not in logs
    assert not re.search(r"\b(IT0\d\d|T[12])-\d{6}\b", logs)  # of any test before
    assert not re.search(r"\w+-(person|statistician)\b", logs)
    for service in platform.services.values():
        metrics = platform.http.get(f"{service}/metrics").text
        assert word not in metrics and subject not in metrics
    letters = json.dumps(manager.pages("randomizer", "/dead"))
    assert word not in letters
