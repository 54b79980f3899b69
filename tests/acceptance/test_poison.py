"""Each kind of poison: unreadable, out of order, a forgery, no JSON, odd headers."""

from collections.abc import Callable
from uuid import uuid4

import pytest

from tests.acceptance.people import kind
from tests.acceptance.platform import Platform
from tests.acceptance.poison import SCREENED, Forger, drop, letter, letters
from tests.acceptance.story import PATIENCE_S, Story, new_subject
from tests.waiting import until_true

Tiny = Callable[[str], Story]


@pytest.fixture
def story(tiny: Tiny) -> Story:
    return tiny("TDEAD")


@pytest.fixture
def forger(platform: Platform) -> Forger:
    """Writes for a subject that nobody screened."""
    return Forger(platform, new_subject())


UNREADABLE: dict[str, Callable[[dict[str, str]], dict[str, str]]] = {
    "no id": lambda headers: {k: v for k, v in headers.items() if k != "ce_id"},
    "no sequence": lambda headers: {k: v for k, v in headers.items() if k != "ce_sequence"},
    "no uuid": lambda headers: headers | {"ce_id": "1"},
    "sequence zero": lambda headers: headers | {"ce_sequence": "0"},
    "sequence no number": lambda headers: headers | {"ce_sequence": "one"},
    "nothing": lambda _: {},
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_record_without_identity_blocks_nothing_and_can_only_be_dropped(
    story: Story, forger: Forger, name: str
) -> None:
    headers = UNREADABLE[name](forger.headers())
    forger.sequence = 0  # it has no place in the key's order
    place = forger.send(forger.value(), headers)
    forger.send(forger.value())
    assert story.drawn(forger.subject)
    for service in ("randomizer", "audit"):
        found = letter(story, place, service)
        assert found["key"] is None
        refused = story.manager.post(service, f"/dead/{found['id']}/replay")
        assert (refused.status_code, kind(refused)) == (409, "not-replayable")
        drop(story, found, service)


def test_another_id_at_the_watermark_is_a_letter_that_blocks_nothing(
    story: Story, forger: Forger
) -> None:
    forger.send(forger.value())
    story.drawn(forger.subject)
    forger.sequence = 0
    place = forger.send(forger.value(2))
    for service in ("randomizer", "audit"):
        found = letter(story, place, service)
        assert found["reason"] == "another event has this key and sequence"
        refused = story.manager.post(service, f"/dead/{found['id']}/replay")
        assert (refused.status_code, kind(refused)) == (409, "not-replayable")
        drop(story, found, service)


def test_an_older_conflict_is_found_by_audit(story: Story, forger: Forger) -> None:
    first = forger.headers()
    forger.send(forger.value(), first)
    forger.send(forger.value(2))
    entries = story.logged("PatientScreened", 2, subject=forger.subject)
    kept = {entry["sequence"]: entry["index"] for entry in entries}
    place = forger.send(forger.value(3), first)  # the same id with other bytes
    other = first | {"ce_id": str(uuid4())}
    forger.send(forger.value(), other)  # another id at a place long taken

    def conflicts() -> dict[str, int]:
        found = [entry["data"] for entry in story.entries(type="trialops.LogConflictFound.v1")]
        return {one["id"]: one["index"] for one in found}

    ids = {first["ce_id"], other["ce_id"]}
    until_true(lambda: ids <= conflicts().keys(), PATIENCE_S)
    assert {conflicts()[one] for one in ids} == {kept["1"]}
    assert letters(story, place) == []  # at the randomizer it is a repeat
    assert len(story.entries(subject=forger.subject, type=SCREENED)) == 2


def test_a_gap_waits_until_it_is_filled(story: Story, forger: Forger) -> None:
    first, second = forger.headers(), forger.headers()
    forger.send(forger.value(2), second)
    other = story.randomize()
    assert story.allocation(other) is not None
    assert story.allocation(forger.subject) is None
    forger.send(forger.value(1), first)
    assert story.drawn(forger.subject)


POISON: dict[str, bytes | None] = {
    "null": None,
    "empty": b"",
    "no json": b"\xff\xfe\x00",
    "deep": b"[" * 30_000,
    "wrong data": b'{"subject": 7}',
    "large": b'{"x": "' + b"y" * 60_000 + b'"}',
    "infinite": b'{"attempt": 1e999}',
}


def test_each_poison_is_one_letter_and_its_neighbours_are_applied(
    platform: Platform, story: Story
) -> None:
    forgers = {name: Forger(platform, new_subject()) for name in POISON}
    before = Forger(platform, new_subject())
    before.send(before.value())
    places = {name: forgers[name].send(value) for name, value in POISON.items()}
    after = Forger(platform, new_subject())
    after.send(after.value())
    assert story.drawn(before.subject) and story.drawn(after.subject)
    for name, place in places.items():
        found = letter(story, place)
        assert found["key"] == forgers[name].key, name
        drop(story, found)


def test_odd_headers_are_told_and_stop_nobody(
    platform: Platform, story: Story, forger: Forger
) -> None:
    place = forger.send(forger.value(), forger.headers(), ("ce_actor", None))
    assert letter(story, place)["reason"] == "ce_actor is null, no text or given twice"
    other = Forger(platform, new_subject())
    place_of_other = other.send(other.value(), other.headers(), ("x-odd", b"\xff"))
    for found in (letter(story, place), *letters(story, place_of_other)):
        drop(story, found)
