"""A double-blind trial on a platform of its own: who learns an arm, and that nothing tells it."""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import httpx
import pytest

from tests.acceptance import topics
from tests.acceptance.canaries import Search, lengths, signed_in
from tests.acceptance.people import Person, kind
from tests.acceptance.platform import Platform, running
from tests.acceptance.poison import SCREENED
from tests.acceptance.story import PATIENCE_S, Json, Story, new_subject
from tests.acceptance.test_restore import dump, restored, until_ready, until_refuses
from tests.acceptance.trials import MASKED_ARMS, MASKED_TITLES, write_masked
from tests.integration.runtime.collector import Collector, collecting
from tests.waiting import until_true

REASON = "Numbat: anaphylaxis, the antidote depends on it"
SUBJECTS = 8


@dataclass
class Blind:
    """The platform with what it sends to a collector."""

    platform: Platform
    collector: Collector

    def story(self, trial: str = "TMASK") -> Story:
        """A trial there."""
        return Story(self.platform, trial)


@pytest.fixture(scope="module")
def blind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Blind]:
    """A platform with masked trials alone, but for one; its spans and metrics are collected."""
    folder = tmp_path_factory.mktemp("masked")
    protocols = write_masked(folder / "protocols")
    with collecting() as collector:
        told = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_METRIC_EXPORT_INTERVAL": "2000"}
        with patch.dict(os.environ, told), running(folder / "state", protocols) as platform:
            yield Blind(platform, collector)


@pytest.fixture(scope="module")
def drawn(blind: Blind) -> list[str]:
    """Subjects of both arms."""
    story = blind.story()
    subjects = [story.new_subject() for _ in range(SUBJECTS)]
    for subject in subjects:
        story.submit(subject)
    for subject in subjects:
        story.drawn(subject)
    return subjects


@pytest.fixture
def story(blind: Blind) -> Story:
    """The trial TMASK."""
    return blind.story()


def arms_of(story: Story) -> dict[str, str]:
    """The arms, as the statistician may ask for them."""
    items = story.statistician.pages("randomizer", story.path("allocations"), by="arm")
    return {one["subject"]: one["arm"] for one in items}


def unblinding(
    person: Person, story: Story, subject: str, key: str | None = None
) -> httpx.Response:
    path = story.path(f"subjects/{subject}/unblind")
    return person.post("randomizer", path, {"reason": REASON}, key)


def tells(text: str) -> bool:
    return any(word in text for word in (*MASKED_ARMS, *MASKED_TITLES))


def test_everybody_reads_codes_and_by_arm_the_statistician_and_a_service_read_arms(
    blind: Blind, story: Story, drawn: list[str]
) -> None:
    arms = arms_of(story)
    assert set(arms.values()) == set(MASKED_ARMS)
    for person in (story.site, story.investigator, story.manager, story.statistician):
        items = person.pages("randomizer", story.path("allocations"))
        assert [one.keys() for one in items] == [
            {"subject", "number", "stratum", "at", "treatment_code"}
        ] * len(arms)
        assert len({one["treatment_code"] for one in items}) == len(arms)
        one = person.get("randomizer", story.path(f"allocations/{drawn[0]}")).json()
        assert one == next(item for item in items if item["subject"] == drawn[0])
    enrolment = story.statistician.get("randomizer", story.path("enrolment"))
    assert "arms" not in enrolment.json()
    by_arm = story.statistician.get("randomizer", story.path("enrolment"), by="arm").json()["arms"]
    assert sum(by_arm["young"].values()) == len(arms)
    service = blind.platform.person("service", f"safety-{new_subject()}")
    found = service.get("randomizer", story.path("allocations"), by="arm").json()["items"]
    assert {one["subject"]: one["arm"] for one in found} == arms
    assert story.logged("ArmsRead", actor=service.sub)


def test_a_plain_look_of_the_statistician_tells_no_arm_and_is_no_look_by_arm(
    blind: Blind, story: Story, drawn: list[str]
) -> None:
    person = blind.platform.person("statistician", f"statistician-{new_subject()}")
    answers = [
        person.get("randomizer", story.path("allocations")),
        person.get("randomizer", story.path(f"allocations/{drawn[0]}")),
    ]
    assert not any(tells(answer.text) for answer in answers)
    person.get("randomizer", story.path("allocations"), by="arm")
    assert len(story.logged("ArmsRead", actor=person.sub)) == 1


def test_answers_about_a_subject_are_as_long_whatever_its_arm(
    story: Story, drawn: list[str]
) -> None:
    about = [story.site.get("randomizer", story.path(f"allocations/{one}")) for one in drawn]
    assert len(lengths(about)) == 1
    topic = "trialops.randomization"
    told = [topics.awaited(story.platform.kafka, topic, f"TMASK:{one}", 1)[0] for one in drawn]
    assert len({len(record.value or b"") for record in told}) == 1


def test_an_investigator_unblinds_in_an_emergency_and_nobody_else_is_shown(
    blind: Blind, story: Story, drawn: list[str]
) -> None:
    subject, arms = drawn[0], arms_of(story)
    investigator = blind.platform.person("investigator", "emergency-doctor", sites=("T1",))
    before = investigator.get("randomizer", story.path(f"allocations/{subject}")).json()
    answer = unblinding(investigator, story, subject, "once")
    assert answer.status_code == 200, answer.text
    assert answer.json() == {**before, "arm": arms[subject]}
    assert unblinding(investigator, story, subject, "once").content == answer.content

    [fact] = story.logged("SubjectUnblinded", subject=subject)
    assert fact["actor"] == "emergency-doctor"
    assert fact["data"] == {
        "subject": subject,
        "site": "T1",
        "number": before["number"],
        "treatment_code": before["treatment_code"],
        "purpose": "emergency",
    }
    [reason] = story.logged("UnblindingRecorded", subject=subject)
    assert reason["topic"] == "trialops.randomizer.record"
    assert (reason["data"]["reason"], reason["data"]["purpose"]) == (REASON, "emergency")

    def alerts() -> list[Json]:
        items = story.officer.pages("notifier", "/alerts")
        return [one for one in items if one["event"] == "SubjectUnblinded"]

    until_true(lambda: bool(alerts()), PATIENCE_S)
    [alert] = alerts()
    assert (alert["severity"], alert["subject"]) == ("critical", subject)

    for person in (investigator, story.site, story.officer, story.manager):
        after = person.get("randomizer", story.path(f"allocations/{subject}"))
        assert not tells(after.text)


def test_a_safety_officer_unblinds_one_case_for_an_authority(
    story: Story, drawn: list[str]
) -> None:
    subject = drawn[1]
    answer = unblinding(story.officer, story, subject)
    assert answer.json()["arm"] == arms_of(story)[subject]
    [fact] = story.logged("SubjectUnblinded", subject=subject)
    assert (fact["actor"], fact["data"]["purpose"]) == ("officer-person", "authority_report")


def test_who_may_not_unblind_is_refused_and_recorded(
    blind: Blind, story: Story, drawn: list[str]
) -> None:
    subject = drawn[2]
    elsewhere = blind.platform.person("investigator", "doctor-elsewhere", sites=("T2",))
    site = blind.platform.person("site", "curious-nurse", sites=("T1",))
    manager = blind.platform.person("trial_manager", "curious-manager")
    statistician = blind.platform.person("statistician", "curious-statistician")
    tried = [(elsewhere, 404), (site, 403), (manager, 403), (statistician, 403)]
    for person, status in tried:
        answer = unblinding(person, story, subject)
        assert answer.status_code == status
        assert not tells(answer.text)
    path = f"/v1{story.path(f'subjects/{subject}/unblind')}"

    def refused() -> set[tuple[str, int]]:
        log = story.path("entries")
        items = story.auditor.pages("audit", log, type="trialops.AccessRefused.v1")
        told = [json.loads(item["entry"])["data"] for item in items]
        return {(fact["person"], fact["status"]) for fact in told if fact["path"] == path}

    until_true(lambda: len(refused()) == len(tried), PATIENCE_S)
    assert refused() == {(person.sub, status) for person, status in tried}
    assert story.entries(type="trialops.SubjectUnblinded.v1", subject=subject) == []


def test_what_cannot_be_unblinded_says_why(blind: Blind, story: Story, drawn: list[str]) -> None:
    person = blind.platform.person("investigator", "doctor-of-all")
    undrawn = unblinding(person, story, new_subject())
    assert (undrawn.status_code, kind(undrawn)) == (404, "not-allocated")
    for subject in ("T9-000001", "T1-1", "nobody"):
        assert unblinding(person, story, subject).status_code == 404
    path = story.path(f"subjects/{drawn[3]}/unblind")
    for body in ({}, {"reason": " "}, {"reason": "x" * 2001}, {"reason": 1}):
        assert person.post("randomizer", path, body).status_code == 422
    open_one = blind.story("TWAY")
    subject = open_one.randomize()
    answer = unblinding(person, open_one, subject)
    assert (answer.status_code, kind(answer)) == (409, "not-masked")
    assert story.entries(type="trialops.SubjectUnblinded.v1", subject=drawn[3]) == []


def test_safety_answers_the_same_of_whoever_it_is(story: Story, drawn: list[str]) -> None:
    """The arms bring other components: that one of them is refused would tell the arm."""
    arms = arms_of(story)
    cases = {}
    for subject in drawn:
        answer = story.report(subject, causality={"surgery": "related"})
        cases[subject] = story.assess(answer, expected={"surgery": False})
    shown = [
        {name: case[name] for name in ("serious", "susar", "authorities", "why", "set_aside")}
        for case in cases.values()
    ]
    assert len({arms[subject] for subject in drawn}) == 2
    assert all(one == shown[0] for one in shown)
    assert shown[0]["susar"]


def test_a_list_of_a_masked_trial_is_replayed_from_the_openers_file(
    blind: Blind, tmp_path: Path
) -> None:
    story = blind.story("TMASKLIST")
    one, other = MASKED_ARMS
    faulty = story.load_list(f"young,{one}\nyoung,{other}x\n")
    assert faulty.status_code == 422
    rows = f"young,{one}\nyoung,{other}\nyoung,{other}\n"
    assert story.load_list(rows).status_code == 200
    for _ in range(3):
        story.randomize()
    assert [arm for _, arm in sorted(arms_of(story).items())] == [one, other, other]

    story.command(story.manager, "close")
    first, second = story.statistician, blind.platform.person("statistician", "second")
    assert story.command(first, "seed/open").status_code == 202
    answer = story.command(second, "seed/open")
    assert answer.status_code == 201
    assert answer.headers["content-disposition"] == 'attachment; filename="TMASKLIST-bundle.json"'
    assert story.command(first, "seed/open").json() == answer.json()
    third = story.command(blind.platform.person("statistician", "third"), "seed/open")
    assert (third.status_code, kind(third)) == (409, "already-opened")

    [fact] = story.logged("SeedOpened")
    told = {name: value for name, value in fact["data"].items() if value is not None}
    assert told == {
        "commitment": answer.json()["commitment"],
        "opened_by": ["first-statistician", "second"],
        "protocol_version": "1.0",
        "earlier": [],
    }

    file = tmp_path / "bundle.json"
    file.write_text(answer.text)
    replayed = blind.platform.run("replay", "--trial", "TMASKLIST", "--bundle", str(file))
    assert (replayed.code, replayed.rows[0]["checked"]) == (0, 3), replayed.out
    online = blind.platform.run("replay", "--trial", "TMASKLIST")
    assert online.code == 1
    assert "two openers" in online.err

    bundle = answer.json()
    codes = [item["treatment_code"] for item in bundle["allocations"]]
    bundle["allocations"][1]["treatment_code"] = codes[2]
    file.write_text(json.dumps(bundle))
    forged = blind.platform.run("replay", "--trial", "TMASKLIST", "--bundle", str(file))
    assert forged.code == 1
    assert forged.rows[0]["problems"] == [
        "allocation 2 has another treatment code than its arm makes"
    ]


def test_a_restored_randomizer_has_the_arms_and_codes_that_it_had(
    blind: Blind, tmp_path: Path
) -> None:
    story, platform = blind.story("TBACK"), blind.platform
    for _ in range(5):
        story.randomize()
    backup = dump(platform, "randomizer", tmp_path / "backup")
    for _ in range(6):
        story.randomize()
    path = story.path("allocations")
    before = story.statistician.pages("randomizer", path, by="arm")
    assert platform.run("clock", "+1s").code == 0
    with restored(platform, "randomizer", backup):
        pass
    until_refuses(platform, "randomizer")
    accepted = platform.run("restore", "randomizer", "--accept", "the disk failed")
    assert accepted.code == 0, accepted.err
    until_ready(platform, "randomizer")
    assert len(before) == 11
    assert story.statistician.pages("randomizer", path, by="arm") == before
    assert story.drawn(story.randomize())["number"] == 12


def test_the_portal_shows_the_arm_once_to_the_one_who_asks(
    blind: Blind, story: Story, drawn: list[str]
) -> None:
    subject, arm = drawn[7], arms_of(story)[drawn[7]]
    page = f"/trials/TMASK/subjects/{subject}"
    with signed_in(blind.platform, "investigator") as browser:
        code = story.drawn(subject)["treatment_code"]
        assert code in browser.get(page).text
        assert f'href="{page}/unblind"' in browser.get(page).text
        form = browser.get(f"{page}/unblind").text
        fields = {
            name: re.findall(rf'name="{name}" value="([^"]*)"', form)[-1]
            for name in ("csrf", "once")
        }
        blank = browser.post(f"{page}/unblind", data={**fields, "reason": " "})
        assert blank.status_code == 422
        assert story.entries(type="trialops.SubjectUnblinded.v1", subject=subject) == []
        answer = browser.post(f"{page}/unblind", data={**fields, "reason": REASON})
        assert answer.status_code == 200
        assert arm in answer.text
        assert answer.headers["cache-control"] == "no-store"
        assert not any(tells(browser.get(at).text) for at in (page, f"{page}/unblind"))
    assert len(story.logged("SubjectUnblinded", subject=subject)) == 1
    for sub in ("site", "trial_manager"):
        with signed_in(blind.platform, sub) as browser:
            assert "unblind" not in browser.get(page).text.replace("Subject unblinded", "")
            assert browser.get(f"{page}/unblind").status_code == 403


def lived(story: Story, drawn: list[str]) -> None:
    """All else that can befall a trial: corrections, pauses, letters that cannot be read."""
    subject = drawn[4]
    [screening] = [
        one
        for one in story.site.pages("screening", story.path("screenings"))
        if one["subject"] == subject
    ]
    story.correct(screening, age=17)
    story.logged("EligibilityDeviation", subject=subject)
    case = story.report(subject, causality={"surgery": "related"}, seriousness=["death"])
    story.follow_up(case, outcome="fatal")
    story.submission_of(case, "expedited_7", "2026-03-02T12:00:00Z")
    story.withdraw(subject, "treatment")
    story.command(story.officer, "pause")
    waiting = story.new_subject()
    story.submit(waiting)
    story.until_enrolment(waiting=1)
    story.command(story.manager, "resume")
    story.drawn(waiting)
    headers = [("ce_type", SCREENED.encode()), ("ce_trial", b"TMASK"), ("ce_id", b"no id")]
    key = f"TMASK:{drawn[5]}".encode()
    topics.produce(story.platform.kafka, "trialops.screening", key, b"{", headers)
    until_true(lambda: bool(story.manager.pages("randomizer", "/dead")), PATIENCE_S)


def test_no_arm_stands_anywhere_but_in_the_randomizers_own_tables(
    blind: Blind, story: Story, drawn: list[str]
) -> None:
    lived(story, drawn)
    unblinding(story.officer, story, drawn[6])
    story.command(story.manager, "close")
    story.command(story.statistician, "seed/open")
    second = blind.platform.person("statistician", "second")
    assert story.command(second, "seed/open").status_code == 201
    story.logged("SeedOpened")
    platform, spans = blind.platform, len(blind.collector.spans())
    until_true(lambda: len(blind.collector.metrics) > 2, PATIENCE_S)

    search = Search((*MASKED_ARMS, *MASKED_TITLES))
    pages = [
        search.pages(platform, row["sub"])
        for row in platform.run("people").rows
        if row["role"] != "service"
    ]
    assert min(pages) > 5
    search.topics(platform)
    search.processes(platform)
    search.telemetry(blind.collector)
    search.tables(platform)
    drawn_by = {"table randomizer.allocation", "table randomizer.scheme"}
    kept = {"table randomizer.allocation_list", "table randomizer.idempotency"}
    assert drawn_by <= search.found <= drawn_by | kept
    assert spans > 50
    assert search.looked > 1000


def test_the_search_finds_what_is_there(blind: Blind, drawn: list[str]) -> None:
    """The codes, which stand where an arm would: a search that sees them would see an arm."""
    story = blind.story()
    codes = tuple(
        one["treatment_code"] for one in story.site.pages("randomizer", story.path("allocations"))
    )
    search = Search(codes)
    search.topics(blind.platform)
    search.tables(blind.platform)
    search.pages(blind.platform, "site")
    assert {"topic trialops.randomization", "table randomizer.allocation"} < search.found
    assert {"table audit.entry"} < search.found
    assert [place for place in search.found if place.startswith("page ")]
