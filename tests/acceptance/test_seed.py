"""The seed: sealed until two statisticians open it, then every draw can be drawn again."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from tests.acceptance.people import kind
from tests.acceptance.platform import Platform
from tests.acceptance.story import PATIENCE_S, Json, Story
from tests.waiting import until_true

Tiny = Callable[[str], Story]


def close(story: Story) -> None:
    """The trial manager closes the trial."""
    assert story.command(story.manager, "close").status_code == 200


def opened(story: Story) -> Json:
    """The bundle, once two statisticians have opened the seed."""
    story.command(story.statistician, "seed/open")
    second = story.platform.person("statistician", "second-statistician")
    answer = story.command(second, "seed/open")
    assert answer.status_code == 201, answer.text
    story.logged("SeedOpened")
    return dict(answer.json())


def test_a_seed_is_opened_by_two_different_statisticians_after_closing(
    platform: Platform, tiny: Tiny
) -> None:
    story = tiny("TSEED")
    story.randomize()
    first, second = story.statistician, platform.person("statistician", "second-statistician")
    early = story.command(first, "seed/open")
    assert (early.status_code, kind(early)) == (409, "not-closed")
    close(story)
    for _ in range(2):  # the same person is one person
        asked = story.command(first, "seed/open")
        assert asked.status_code == 202
        assert "seed" not in asked.json()
    assert story.entries(type="trialops.SeedOpened.v1") == []
    answer = story.command(second, "seed/open")
    assert answer.status_code == 201
    bundle = answer.json()

    [fact] = story.logged("SeedOpened")
    assert fact["data"]["opened_by"] == ["first-statistician", "second-statistician"]
    assert fact["data"]["seed"] == bundle["seed"]
    requests = story.logged("SeedOpeningRequested", 2)
    assert [entry["actor"] for entry in requests] == ["first-statistician", "second-statistician"]
    [committed] = story.logged("SeedCommitted")
    commitment = hashlib.sha256(bytes.fromhex(bundle["seed"]) + b"TSEED").hexdigest()
    assert committed["data"]["commitment"] == bundle["commitment"] == commitment
    [drawn] = story.logged("PatientRandomized")
    assert committed["index"] < drawn["index"]  # before the first draw


def test_a_refused_opening_is_recorded(tiny: Tiny) -> None:
    story = tiny("TPAUSE")
    path = f"/v1{story.path('seed/open')}"
    assert story.command(story.manager, "seed/open").status_code == 403

    def refusals() -> list[Json]:
        log = story.path("entries")
        items = story.auditor.pages("audit", log, type="trialops.AccessRefused.v1")
        told = [json.loads(item["entry"])["data"] for item in items]
        return [fact for fact in told if fact["path"] == path]

    until_true(lambda: bool(refusals()), PATIENCE_S)
    assert refusals() == [
        {"person": "manager-person", "method": "POST", "path": path, "status": 403}
    ]


def test_before_the_opening_there_is_nothing_to_replay(platform: Platform) -> None:
    result = platform.run("replay", "--trial", "TWAY")
    assert result.code == 1
    assert len(result.err.splitlines()) == 1
    assert platform.run("replay", "--trial", "NOSUCH").code == 2


def test_replay_draws_every_allocation_again(
    platform: Platform, tiny: Tiny, tmp_path: Path
) -> None:
    story = tiny("TREPLAY")
    for age in (40, 41, 70, 42, 71, 43, 44, 45, 72, 46):
        story.randomize(age=age)
    close(story)
    bundle = opened(story)
    replayed = platform.run("replay", "--trial", "TREPLAY")
    assert replayed.code == 0, replayed.out + replayed.err
    [said] = replayed.rows
    assert (said["ok"], said["checked"], said["differences"]) == (True, 10, 0)

    file = tmp_path / "bundle.json"
    file.write_text(json.dumps(bundle))
    offline = platform.run("replay", "--trial", "TREPLAY", "--bundle", str(file))
    assert (offline.code, offline.rows) == (0, replayed.rows)

    third = bundle["allocations"][2]
    third["arm"] = "ARM_LARCH" if third["arm"] == "ARM_MAPLE" else "ARM_MAPLE"
    file.write_text(json.dumps(bundle))
    forged = platform.run("replay", "--trial", "TREPLAY", "--bundle", str(file))
    assert forged.code == 1
    assert forged.rows[0]["first_difference"]["number"] == 3

    wrong = platform.run("replay", "--trial", "TWAY", "--bundle", str(file))
    assert (wrong.code, len(wrong.err.splitlines())) == (2, 1)


def test_a_list_is_replayed_too(platform: Platform, tiny: Tiny) -> None:
    story = tiny("TLISTSEED")
    rows = "young,ARM_MAPLE\nold,ARM_LARCH\nyoung,ARM_LARCH\n"
    assert story.load_list(rows).status_code == 200
    for age in (40, 70, 41):
        story.randomize(age=age)
    close(story)
    assert opened(story)["allocation_list"] == rows
    assert platform.run("replay", "--trial", "TLISTSEED").code == 0


def test_an_allocation_changed_in_the_database_is_named(platform: Platform, tiny: Tiny) -> None:
    story = tiny("TFORGED")
    subjects = [story.randomize() for _ in range(4)]
    close(story)
    opened(story)
    assert platform.run("replay", "--trial", "TFORGED").code == 0
    forge = (
        "UPDATE randomizer.allocation SET arm = CASE arm WHEN 'ARM_MAPLE' THEN 'ARM_LARCH'"
        " ELSE 'ARM_MAPLE' END WHERE trial = 'TFORGED' AND number = 2"
    )
    platform.sql("ALTER TABLE randomizer.allocation DISABLE TRIGGER kept")
    platform.sql(forge)
    platform.sql("ALTER TABLE randomizer.allocation ENABLE TRIGGER kept")
    replayed = platform.run("replay", "--trial", "TFORGED")
    assert replayed.code == 1
    [said] = replayed.rows
    assert (said["ok"], said["differences"]) == (False, 1)
    difference = said["first_difference"]
    assert (difference["number"], difference["subject"]) == (2, subjects[1])
    assert {difference["recorded"], difference["drawn"]} == {"ARM_MAPLE", "ARM_LARCH"}
