"""The replay: every draw again from the bundle alone, and the first that differs is named."""

import argparse
import json
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.commands import replay as command
from deploy.embedded.state import State
from deploy.wrong_use import WrongUse
from services.randomizer.facts import LoadList
from services.randomizer.replay import EarlierScheme, opening, read, replay
from services.randomizer.rules import Rules
from shared.contracts.events.randomization import PatientRandomized
from tests.unit.randomizer.made import LISTED, Story, csv, rules, screened

Bundle = dict[str, Any]


def bundle_of(story: Story, earlier: list[EarlierScheme] | None = None) -> Bundle:
    """What a trial's opening and its allocations make."""
    by = story.rules
    drawn = [event for event in story.told if isinstance(event, PatientRandomized)]
    return {
        **opening(by.plan, by.seed, earlier or [], by.rows).model_dump(mode="json"),
        "allocations": [{**event.model_dump(), "at": "2026-01-01T00:00:00Z"} for event in drawn],
    }


def blocks(strata: str = "glglgglllggg") -> Bundle:
    """A bundle of subjects that came in this order of strata."""
    story = Story(rules())
    names = {"g": "gt4", "l": "le4"}
    story.tell(*(screened(at, stratum=names[of]) for at, of in enumerate(strata, 1)))
    return bundle_of(story)


@given(strata=st.text("gl", max_size=60))
def test_the_replay_draws_what_was_drawn(strata: str) -> None:
    found = replay(read(json.dumps(blocks(strata))))
    assert found.ok
    assert found.checked == len(strata)


def test_the_first_that_differs_is_named() -> None:
    bundle = blocks()
    for number in (5, 8):
        made = bundle["allocations"][number - 1]
        made["arm"] = {"DCN": "SOC", "SOC": "DCN", "RT": "DCN"}[made["arm"]]
    found = replay(read(json.dumps(bundle)))
    assert not found.ok
    assert found.differences == 2
    assert found.first_difference is not None
    assert found.first_difference.number == 5
    assert found.first_difference.recorded == bundle["allocations"][4]["arm"]
    assert found.first_difference.drawn != found.first_difference.recorded


def test_another_seed_is_not_the_one_committed_to() -> None:
    bundle = blocks()
    bundle["seed"] = "00" * 32
    assert "committed" in replay(read(json.dumps(bundle))).problems[0]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda made: made.pop(3), "number 4 is missing"),
        (lambda made: made[2].update(subject=made[1]["subject"]), "two allocations"),
        (lambda made: made[2].update(stratum="huge"), "no stratum"),
    ],
)
def test_a_hole_or_a_twin_is_named(change: Any, problem: str) -> None:
    bundle = blocks()
    change(bundle["allocations"])
    assert problem in " ".join(replay(read(json.dumps(bundle))).problems)


def test_a_listed_trial_is_replayed_from_its_list() -> None:
    rows = csv("gt4,SOC", "gt4,DCN,IT001-0001", "le4,RT")
    story = Story(rules(LISTED))
    story.tell(screened(1), screened(2), screened(3, stratum="le4"), LoadList(rows))
    story.rules = Rules(story.rules.plan, story.rules.seed, rows)
    bundle = bundle_of(story)
    assert replay(read(json.dumps(bundle))).ok
    other = {**bundle, "allocation_list": bundle["allocation_list"].replace("RT", "SOC")}
    assert "not the one that was loaded" in replay(read(json.dumps(other))).problems[0]
    without = {**bundle, "allocation_list": None}
    assert not replay(read(json.dumps(without))).ok


def test_a_version_that_never_drew_needs_no_list() -> None:
    story, old = Story(rules()), rules(LISTED, version="0.1").plan
    story.tell(screened(1), screened(2))
    earlier = EarlierScheme.model_validate(
        {
            "protocol_version": old.protocol_version,
            "randomization": old.scheme.section,
            "strata": old.scheme.strata,
            "until_number": 0,
        }
    )
    bundle = bundle_of(story, [earlier])
    found = replay(read(json.dumps(bundle)))
    assert (found.ok, found.checked) == (True, 2)
    bundle["allocations"][0]["protocol_version"] = "0.1"
    assert "no allocation list" in replay(read(json.dumps(bundle))).problems[0]


def test_an_amended_design_is_replayed_version_by_version() -> None:
    story = Story(rules())
    story.tell(*(screened(number) for number in range(1, 6)))
    old = story.rules.plan
    earlier = EarlierScheme.model_validate(
        {
            "protocol_version": old.protocol_version,
            "randomization": old.scheme.section,
            "strata": old.scheme.strata,
            "until_number": 5,
        }
    )
    story.amend(rules(version="2.0", block_sizes=[12, 18]))
    story.tell(*(screened(number, version="2.0") for number in range(6, 40)))
    assert replay(read(json.dumps(bundle_of(story, [earlier])))).ok
    assert not replay(read(json.dumps(bundle_of(story)))).ok


def run(tmp_path: Path, bundle: Bundle | str, trial: str = "NCT00000001") -> int:
    file = tmp_path / "bundle.json"
    file.write_text(bundle if isinstance(bundle, str) else json.dumps(bundle))
    return command.run(argparse.Namespace(trial=trial, bundle=file, state=tmp_path))


def test_the_command_answers_one_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = blocks()
    assert run(tmp_path, bundle) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer == {
        "trial": "NCT00000001",
        "ok": True,
        "checked": 12,
        "differences": 0,
        "first_difference": None,
        "problems": [],
    }
    bundle["allocations"][0]["arm"] = "RT"
    assert run(tmp_path, bundle) == 1
    assert json.loads(capsys.readouterr().out)["first_difference"]["number"] == 1


@pytest.mark.parametrize(("bundle", "trial"), [("{", "NCT00000001"), ("[]", "X"), (None, "OTHER")])
def test_wrong_use_is_told_in_one_line(tmp_path: Path, bundle: str | None, trial: str) -> None:
    with pytest.raises(WrongUse) as told:
        run(tmp_path, blocks() if bundle is None else bundle, trial)
    assert "\n" not in str(told.value)
    with pytest.raises(WrongUse):
        command.run(argparse.Namespace(trial="T", bundle=tmp_path / "none", state=tmp_path))


class Platform:
    """The two services that the command asks, as far as it asks them; pages of 5."""

    def __init__(self, bundle: Bundle) -> None:
        self.allocations = bundle["allocations"]
        opened = {key: value for key, value in bundle.items() if key != "allocations"}
        self.log: dict[str, list[Bundle]] = {
            "trialops.SeedOpened.v1": [opened],
            "trialops.SeedCommitted.v1": [{"commitment": bundle["commitment"]}],
            "trialops.AllocationListLoaded.v1": [],
            "trialops.PatientRandomized.v1": [dict(one) for one in self.allocations],
        }

    def answer(self, request: httpx.Request) -> httpx.Response:
        query = request.url.params
        assert request.headers["authorization"].startswith("Bearer ")
        if request.url.path == "/v1/trials/OTHER/entries":
            return httpx.Response(404)
        if request.url.path.endswith("/entries"):
            facts = self.log[query["type"]]
            items = [{"index": 0, "entry": json.dumps({"data": fact})} for fact in facts]
            return httpx.Response(200, json={"items": items, "next": None})
        assert query["by"] == "arm"
        after = int(query.get("after", "0"))
        page = self.allocations[after : after + 5]
        more = after + 5 < len(self.allocations)
        return httpx.Response(200, json={"items": page, "next": after + 5 if more else None})


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Platform:
    made = Platform(blocks())
    services = {"audit": "http://127.0.0.1:1", "randomizer": "http://127.0.0.1:2"}
    State(tmp_path).write_endpoints(services, "", "")
    client = partial(httpx.Client, transport=httpx.MockTransport(made.answer))
    monkeypatch.setattr("httpx.Client", client)
    monkeypatch.setattr("deploy.tokens.sign", lambda _state, role: role)
    return made


def ask(state: Path, trial: str = "NCT00000001") -> int:
    return command.run(argparse.Namespace(trial=trial, bundle=None, state=state))


def test_the_running_platform_is_replayed(
    platform: Platform, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(tmp_path) == 0
    assert json.loads(capsys.readouterr().out)["checked"] == 12
    platform.allocations[6]["arm"] = "RT"
    assert ask(tmp_path) == 1
    assert json.loads(capsys.readouterr().out)["first_difference"]["number"] == 7


@pytest.mark.parametrize("change", ["renamed", "swapped", "gone"])
def test_what_a_seed_cannot_tell_the_log_tells(
    platform: Platform, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: str
) -> None:
    first, second, *_, last = platform.allocations
    match change:
        case "renamed":
            first["subject"] = "IT009-0999"
        case "swapped":
            first["subject"], second["subject"] = second["subject"], first["subject"]
        case _:
            platform.allocations.remove(last)
    assert ask(tmp_path) == 1
    [problem] = json.loads(capsys.readouterr().out)["problems"]
    assert f"allocation {12 if change == 'gone' else 1} " in problem


def test_a_seed_other_than_the_logged_one_is_told(
    platform: Platform, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    platform.log["trialops.SeedCommitted.v1"] = [{"commitment": "0" * 64}]
    assert ask(tmp_path) == 1
    assert "commitment" in json.loads(capsys.readouterr().out)["problems"][0]


def test_a_sealed_seed_is_told_in_one_line(
    platform: Platform,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    platform.log["trialops.SeedOpened.v1"] = []
    monkeypatch.setattr(command, "_PATIENCE_S", 0.0)
    assert ask(tmp_path) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines() == ["trialops replay: the seed of NCT00000001 is not open"]
    with pytest.raises(WrongUse):
        ask(tmp_path, "OTHER")
