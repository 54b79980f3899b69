"""Bad input to every POST and PUT: the right status, the place of the fault, nothing kept."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import pytest

from tests.acceptance.forms import tiny as tiny_form
from tests.acceptance.people import Person, places
from tests.acceptance.story import Json, Story, new_subject

Tiny = Callable[[str], Story]
MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Target:
    """One route that takes a JSON body, who may call it, and a body that it would take."""

    service: str
    path: str
    role: str
    body: Json
    text: str  # the member that holds free text, a subject or a time


_REPORT: Json = {
    "subject": "T1-999999",
    "form": {
        "term": "Headache",
        "site_aware_at": "2026-03-01T12:00:00Z",
        "seriousness": ["hospitalisation"],
    },
}

TARGETS = {
    "submit": Target("screening", "screenings", "site", {}, "subject"),
    "check": Target("screening", "screenings/check", "site", {}, "subject"),
    "sign": Target(
        "screening", "screenings/{id}/signature", "investigator", {"meaning": "yes"}, "meaning"
    ),
    "correct": Target(
        "screening",
        "screenings/{id}/corrections",
        "site",
        {"changes": {"age": 41}, "reason": "typo"},
        "reason",
    ),
    "fail": Target("screening", "screenings/{id}/failure", "site", {"reason": "gone"}, "reason"),
    "pause": Target("randomizer", "pause", "safety_officer", {"reason": "why"}, "reason"),
    "resume": Target("randomizer", "resume", "trial_manager", {"reason": "why"}, "reason"),
    "close": Target("randomizer", "close", "trial_manager", {"reason": "why"}, "reason"),
    "open site": Target("randomizer", "sites/T1/open", "trial_manager", {"reason": "y"}, "reason"),
    "close site": Target(
        "randomizer", "sites/T1/close", "trial_manager", {"reason": "why"}, "reason"
    ),
    "open seed": Target("randomizer", "seed/open", "statistician", {"reason": "why"}, "reason"),
    "report": Target("safety", "adverse-events", "site", _REPORT, "subject"),
    "follow up": Target(
        "safety", "adverse-events/{case}/follow-ups", "site", {"form": {"grade": 2}}, "form"
    ),
    "assess": Target(
        "safety",
        "adverse-events/{case}/assessments",
        "safety_officer",
        {"causality": {}, "expected": {}, "reason": "why"},
        "reason",
    ),
    "send": Target(
        "safety",
        "adverse-events/{case}/submissions",
        "safety_officer",
        {"authority": "EU-CTR", "kind": "expedited_15", "submitted_at": "2026-03-02T12:00:00Z"},
        "submitted_at",
    ),
    "survival": Target(
        "safety",
        "survival",
        "site",
        {"subject": "T1-999999", "status": "alive", "date": "2026-03-01"},
        "date",
    ),
    "withdrawal": Target(
        "safety",
        "withdrawals",
        "site",
        {"subject": "T1-999999", "from": "consent", "date": "2026-03-01", "reason": "why"},
        "reason",
    ),
    **{
        f"drop at {service}": Target(service, "drop", "trial_manager", {"reason": "why"}, "reason")
        for service in ("screening", "randomizer", "safety", "audit")
    },
}


@pytest.fixture(scope="module")
def open_screening(request: pytest.FixtureRequest) -> Json:
    """An eligible screening that nothing here may change."""
    story = Story(request.getfixturevalue("platform"), "TBAD")
    story.command(story.officer, "pause")  # so that it stays as it is
    screening = story.submit(new_subject())
    story.until_enrolment(waiting=1)
    return screening


@pytest.fixture(scope="module")
def open_case(request: pytest.FixtureRequest) -> Json:
    """An adverse event that nothing here may change."""
    return Story(request.getfixturevalue("platform"), "TBAD").report(new_subject())


UNSEEN = (
    "SELECT (SELECT count(*) FROM safety.survival WHERE trial = 'TBAD'),"
    " (SELECT count(*) FROM safety.withdrawal WHERE trial = 'TBAD')"
)
KEYS = (
    "SELECT count(*) FROM screening.idempotency WHERE key LIKE 'bad %'",
    "SELECT count(*) FROM randomizer.idempotency WHERE key LIKE 'bad %'",
    "SELECT count(*) FROM safety.idempotency WHERE key LIKE 'bad %'",
    "SELECT count(*) FROM audit.idempotency WHERE key LIKE 'bad %'",
)


@dataclass(frozen=True)
class Door:
    """One target of the trial TBAD, with the state behind it."""

    story: Story
    target: Target
    person: Person
    screening: Json
    case: Json

    def send(self, content: bytes) -> httpx.Response:
        """The bytes as a body, with a key that must not be kept either."""
        names = {"id": self.screening["id"], "case": self.case["case"]}
        path = self.story.path(self.target.path.format_map(names))
        if self.target.path == "drop":
            path = "/dead/01900000-0000-7000-8000-000000000000/drop"
        return self.person.ask(
            "POST", self.target.service, path, content=content, key=f"bad {self.target.path}"
        )

    def body(self, **changes: object) -> Json:
        """A body that the route would take, with changes."""
        good = self.target.body or {"subject": new_subject(), "form": tiny_form()}
        return {**good, **changes}

    def kept(self) -> object:
        """All that the services keep of this trial, as anyone can see, and their keys."""
        story = self.story
        keys = [story.platform.sql(query) for query in KEYS]
        return (
            story.site.pages("screening", story.path("screenings")),
            story.screening(self.screening),
            story.enrolment(),
            story.site.pages("safety", story.path("adverse-events")),
            story.case(self.case),
            story.platform.sql(UNSEEN),
            keys,
        )


@pytest.fixture(params=TARGETS, ids=str)
def door(
    request: pytest.FixtureRequest, tiny: Tiny, open_screening: Json, open_case: Json
) -> Iterator[Door]:
    """The target, and afterwards: nothing was kept and the service is up."""
    story, target = tiny("TBAD"), TARGETS[request.param]
    person = story.platform.person(target.role)
    made = Door(story, target, person, open_screening, open_case)
    before = made.kept()
    yield made
    assert made.kept() == before
    ready = story.platform.http.get(f"{story.platform.services[target.service]}/readyz")
    assert ready.status_code == 200


NOT_JSON: dict[str, bytes] = {
    "empty": b"",
    "no json": b"{",
    "text": b"reason=why",
    "nan": b'{"reason": NaN}',
    "infinity": b'{"reason": -Infinity}',
    "two values": b"{} {}",
    "utf-16": '{"reason": "why"}'.encode("utf-16"),
    "latin-1": '{"reason": "perché"}'.encode("latin-1"),
    "deep": b"[" * 20_000,
    "deep and whole": b"[" * 20_000 + b"]" * 20_000,
    "deep objects": b'{"a":' * 8_000 + b"1" + b"}" * 8_000,
    "long number": b'{"reason": ' + b"9" * 10_000 + b"}",
    "single quotes": b"{'reason': 'why'}",
    "an array": b"[]",
    "a string": b'"why"',
    "null": b"null",
}


def test_bad_bodies_are_refused_with_their_place_and_nothing_is_kept(door: Door) -> None:
    for name, content in NOT_JSON.items():
        answer = door.send(content)
        assert answer.status_code == 422, name
        assert answer.json()["errors"], name

    whole, member = door.body(), door.target.text
    assert places(door.send(json.dumps({**whole, "extra": 1}).encode())) == [["extra"]]
    for wrong in (7, True, None, ["x"], {} if member == "form" else {"x": 1}, ""):
        answer = door.send(json.dumps({**whole, member: wrong}).encode())
        assert (answer.status_code, places(answer)) == (422, [[member]]), wrong
    missing = {name: value for name, value in whole.items() if name != member}
    assert places(door.send(json.dumps(missing).encode())) == [[member]]

    doubled = json.dumps(whole)[:-1] + f', "{member}": "again"}}'
    assert places(door.send(doubled.encode())) == [[member]]
    for unstorable in ("\\ud800", "\\udc00\\ud800", "\\u0000"):
        text = json.dumps({**whole, member: "HERE"}).replace("HERE", f"a{unstorable}b")
        answer = door.send(text.encode())
        assert (answer.status_code, places(answer)) == (422, [[member]]), unstorable

    for size in (49_153, 2 * MEBIBYTE):
        assert door.send(json.dumps(whole).encode().ljust(size)).status_code == 413
    assert door.send(b"[" * 100_000).status_code == 413


FORMS: dict[str, tuple[str, list[str | int]]] = {
    "wrong type": ('{"age": "40", "consent_signed": true}', ["age"]),
    "bool for int": ('{"age": true}', ["age"]),
    "int for bool": ('{"consent_signed": 1}', ["consent_signed"]),
    "fraction for int": ('{"age": 40.5}', ["age"]),
    "unknown field": ('{"age": 40, "initials": "AB"}', ["initials"]),
    "doubled": ('{"age": 40, "age": 41}', ["form", "age"]),
    "nan": ('{"age": NaN}', ["form", "age"]),
    "no unit": ('{"weight": {"value": 70}}', ["weight", "unit"]),
    "unknown unit": ('{"weight": {"value": 70, "unit": "stone"}}', ["weight", "unit"]),
    "other dimension": ('{"weight": {"value": 70, "unit": "cm"}}', ["weight", "unit"]),
    "below zero": ('{"weight": {"value": -1, "unit": "kg"}}', ["weight", "value"]),
    "text value": ('{"weight": {"value": "70", "unit": "kg"}}', ["weight", "value"]),
    "extra member": ('{"weight": {"value": 70, "unit": "kg", "x": 1}}', ["weight", "x"]),
    "huge exponent": ('{"weight": {"value": 1e999999999, "unit": "kg"}}', ["weight", "value"]),
    "tiny exponent": ('{"weight": {"value": 1e-999999999, "unit": "kg"}}', ["weight", "value"]),
    "beyond all": (
        '{"weight": {"value": 1e9999999999999999999, "unit": "kg"}}',
        ["form", "weight", "value"],
    ),
    "huge int": (f'{{"age": {"9" * 5000}}}', ["form", "age"]),
    "big int": (f'{{"age": {"9" * 400}}}', ["age"]),
    "surrogate": ('{"age": "\\ud83d"}', ["form", "age"]),
    "surrogate key": ('{"\\ud83d": 1}', ["form"]),
    "nul": ('{"weight": {"value": 1, "unit": "k\\u0000g"}}', ["form", "weight", "unit"]),
}


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("path", ["screenings", "screenings/check"])
def test_a_bad_form_is_refused_with_its_place(tiny: Tiny, path: str, name: str) -> None:
    story = tiny("TWAY")
    form, place = FORMS[name]
    subject = story.new_subject()
    text = f'{{"subject": "{subject}", "form": {form}}}'
    answer = story.site.ask("POST", "screening", story.path(path), content=text.encode())
    assert answer.status_code == 422, answer.text
    assert place in places(answer), answer.text
    kept = story.site.pages("screening", story.path("screenings"), site="T1")
    assert subject not in {item["subject"] for item in kept}


@pytest.mark.parametrize(
    "subject",
    ["T1-12", "T1-1234567", "t1-001", "T1_001", "T1-001 ", "T1-001\n", "T1-\u0661\u0661\u0661", ""],
)
def test_a_malformed_subject_is_refused(tiny: Tiny, subject: str) -> None:
    answer = tiny("TWAY").submission(subject)
    assert (answer.status_code, places(answer)) == (422, [["subject"]])


@pytest.mark.parametrize("key", ["", "k" * 256, "caf\xe9", "a\tb"])
def test_a_malformed_key_is_refused(tiny: Tiny, key: str) -> None:
    story = tiny("TWAY")
    body = {"subject": story.new_subject(), "form": tiny_form()}
    for path in ("screenings", "screenings/batch"):
        answer = story.site.post("screening", story.path(path), body, key)
        assert (answer.status_code, places(answer)) == (422, [["header", "Idempotency-Key"]])


@pytest.mark.parametrize(
    ("service", "path", "query", "place"),
    [
        ("screening", "screenings", {"limit": "0"}, ["query", "limit"]),
        ("screening", "screenings", {"limit": "1001"}, ["query", "limit"]),
        ("screening", "screenings", {"limit": "x"}, ["query", "limit"]),
        ("screening", "screenings", {"after": "x"}, ["query", "after"]),
        ("screening", "screenings", {"verdict": "maybe"}, ["query", "verdict"]),
        ("screening", "screenings", {"site": "x"}, ["query", "site"]),
        ("screening", "screenings", {"other": "x"}, ["query", "other"]),
        ("screening", "screenings", {"limit": ["1", "2"]}, ["query", "limit"]),
        ("randomizer", "allocations", {"after": "-1"}, ["query", "after"]),
        ("randomizer", "allocations", {"by": "site"}, ["query", "by"]),
        ("randomizer", "allocations", {"after": "\0"}, ["query", "after"]),
        ("safety", "adverse-events", {"subject": "x"}, ["query", "subject"]),
        ("safety", "adverse-events", {"after": "x"}, ["query", "after"]),
        ("safety", "clocks", {"after": "0.1"}, ["query", "after"]),
        ("safety", "clocks", {"state": "stopped"}, ["query", "state"]),
    ],
)
def test_a_bad_query_is_refused_with_its_place(
    nct: Story, service: str, path: str, query: dict[str, str], place: list[str]
) -> None:
    answer = nct.site.get(service, nct.path(path), **query)
    assert answer.status_code == 422
    assert places(answer) == [place]


def test_a_bad_query_to_the_entries_is_refused(nct: Story) -> None:
    for query in (
        {"from": "yesterday"},
        {"to": "2026-01-01"},
        {"subject": "x"},
        {"after": "x"},
        {"actor": "\0"},
    ):
        assert nct.auditor.get("audit", nct.path("entries"), **query).status_code == 422


def test_a_wrong_method_is_told_so(nct: Story) -> None:
    assert nct.site.ask("DELETE", "screening", nct.path("screenings")).status_code == 405
