"""A poison record waits as a dead letter until a person replays or drops it."""

from collections.abc import Callable
from uuid import uuid4

import pytest

from tests.acceptance import topics
from tests.acceptance.people import kind
from tests.acceptance.platform import Platform
from tests.acceptance.poison import TOPIC, Forger, drop, letter, letters
from tests.acceptance.story import PATIENCE_S, Json, Story, new_subject
from tests.waiting import until_true

Tiny = Callable[[str], Story]


@pytest.fixture
def story(tiny: Tiny) -> Story:
    return tiny("TDEAD")


@pytest.fixture
def forger(platform: Platform) -> Forger:
    """Writes for a subject that nobody screened."""
    return Forger(platform, new_subject())


def listed(platform: Platform) -> list[Json]:
    """`trialops dead list`."""
    result = platform.run("dead", "list")
    assert result.code == 0, result.err
    return result.rows


def test_a_poison_record_waits_and_later_ones_of_its_key_behind_it(
    platform: Platform, story: Story, forger: Forger
) -> None:
    place = forger.send(forger.value(), forger.headers("v2"))
    forger.send(forger.value())
    found = letter(story, place)
    assert found == {
        "id": found["id"],
        "topic": TOPIC,
        "partition": place[0],
        "offset": place[1],
        "key": forger.key,
        "reason": "version 2 of PatientScreened is not known here",
    }
    assert story.manager.get("randomizer", f"/dead/{found['id']}").json() == found

    other = story.randomize()  # others pass
    assert story.allocation(other) is not None
    assert story.allocation(forger.subject) is None

    refused = story.manager.post("randomizer", f"/dead/{found['id']}/replay")
    assert (refused.status_code, kind(refused)) == (409, "still-dead")
    assert letters(story, place) == [found]
    assert story.allocation(forger.subject) is None

    dropped = story.manager.post("randomizer", f"/dead/{found['id']}/drop", {"reason": "poison"})
    assert dropped.status_code == 200
    assert story.drawn(forger.subject)  # the one that waited goes on
    assert letters(story, place) == []
    assert story.manager.get("randomizer", f"/dead/{found['id']}").status_code == 404
    again = story.manager.post("randomizer", f"/dead/{found['id']}/drop", {"reason": "again"})
    assert again.status_code == 409

    def settlements() -> list[Json]:
        entries = story.entries(type="trialops.DeadLetterSettled.v1")
        return [entry for entry in entries if entry["data"]["letter"] == found["id"]]

    until_true(lambda: bool(settlements()), PATIENCE_S)
    [settled] = settlements()
    assert settled["actor"] == "manager-person"
    assert (settled["data"]["outcome"], settled["data"]["reason"]) == ("dropped", "poison")


def test_the_command_line_lists_shows_replays_and_drops(
    platform: Platform, story: Story, forger: Forger
) -> None:
    another = Forger(platform, new_subject())
    first = letter(story, forger.send(b"{"))
    second = letter(story, another.send(b"{}"))
    forger.send(forger.value())
    mine = [one for one in listed(platform) if one["id"] in (first["id"], second["id"])]
    assert mine == [{"service": "randomizer", **one} for one in (first, second)]
    shown = platform.run("dead", "show", first["id"])
    assert (shown.code, shown.rows) == (0, [{"service": "randomizer", **first}])

    replayed = platform.run("dead", "replay", first["id"], second["id"])
    assert (replayed.code, replayed.out) == (1, "")
    assert len(replayed.err.splitlines()) == 2
    dropped = platform.run("dead", "drop", first["id"], "--reason", "cannot be read")
    assert dropped.code == 0, dropped.err
    assert dropped.rows == [{"service": "randomizer", "id": first["id"], "state": "dropped"}]
    assert story.drawn(forger.subject)
    assert platform.run("dead", "drop", second["id"], "--reason", "empty").code == 0

    for line in (["show", str(uuid4())], ["replay", first["id"]]):
        gone = platform.run("dead", *line)
        assert (gone.code, gone.out) == (1, "")
        assert len(gone.err.splitlines()) == 1, gone.err
    wrong = platform.run("dead", "drop", second["id"])
    assert (wrong.code, wrong.out, len(wrong.err.splitlines())) == (2, "", 1)


def test_a_record_that_can_be_applied_after_all_is_replayed_with_those_behind_it(
    platform: Platform, story: Story, forger: Forger
) -> None:
    place = forger.send(b"not json at all")
    forger.send(forger.value())
    found = letter(story, place)
    # What an upgrade of the consumer would do for the letter, its superuser does here.
    query = "UPDATE randomizer.dead_letter SET value = $1 WHERE id = $2::text::uuid"
    platform.sql(query, forger.value(), found["id"])
    replayed = platform.run("dead", "replay", found["id"])
    assert replayed.code == 0, replayed.err
    assert replayed.rows == [{"service": "randomizer", "id": found["id"], "state": "replayed"}]
    assert story.drawn(forger.subject)
    until_true(lambda: letters(story, place) == [], PATIENCE_S)


def test_a_dead_letter_goes_out_as_it_came_and_into_the_log_by_its_hash(
    platform: Platform, story: Story, forger: Forger
) -> None:
    poison = b'{"subject": "canary"'
    headers = forger.headers()
    place = forger.send(poison, headers)
    found = letter(story, place)
    [record] = topics.awaited(platform.kafka, "trialops.randomizer.dead", forger.key, 1)
    assert record.header("ce_id") == found["id"]
    assert record.value == poison
    names = [name for name, _ in record.headers]
    assert len(names) == len(set(names))
    assert record.type == "trialops.DeadLettered.v1"
    assert record.header("ce_source") == "/trialops/randomizer"
    assert record.header("dead_ce_id") == headers["ce_id"] != record.header("ce_id")
    assert record.header("dead_reason") == found["reason"]
    assert record.header("dead_topic") == TOPIC
    assert (record.header("dead_partition"), record.header("dead_offset")) == tuple(map(str, place))
    originals = {f"dead_{name}" for name in headers}
    origin = {"dead_reason", "dead_topic", "dead_partition", "dead_offset"}
    assert {name for name in names if name.startswith("dead_")} == originals | origin

    [entry] = [e for e in story.logged("DeadLettered") if e["id"] == found["id"]]
    assert "data" not in entry and "data_base64" not in entry
    assert entry["datasize"] == len(poison)
    drop(story, found)


def test_letters_of_another_trial_are_not_seen(
    platform: Platform, story: Story, forger: Forger
) -> None:
    found = letter(story, forger.send(b"{"))
    foreign = platform.person("trial_manager", trials=("TWAY",))
    assert found["id"] not in {one["id"] for one in foreign.pages("randomizer", "/dead")}
    path = f"/dead/{found['id']}"
    assert foreign.get("randomizer", path).status_code == 404
    assert foreign.post("randomizer", f"{path}/replay").status_code == 404
    reason = {"reason": "not mine"}
    assert foreign.post("randomizer", f"{path}/drop", reason).status_code == 404
    assert story.manager.post("randomizer", f"{path}/drop", reason).status_code == 200
