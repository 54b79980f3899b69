"""A minimised trial from its first subject to the replay, and how predictable it was."""

import json
from collections.abc import Callable
from pathlib import Path

from tests.acceptance.platform import Platform
from tests.acceptance.story import PATIENCE_S, Json, Story
from tests.waiting import until_true

Tiny = Callable[[str], Story]


def test_minimisation_draws_tells_how_predictable_it_was_and_is_replayed(
    platform: Platform, tiny: Tiny, tmp_path: Path
) -> None:
    story = tiny("TMINI")
    ages = [40, 41, 70, 40, 71, 41, 40, 70, 41, 40, 70, 41]
    drawn = [story.randomize(age=age) for age in ages]
    path = story.path("predictability")

    report = story.statistician.get("randomizer", path).json()
    assert report["randomized"] == 12
    assert {name: of["randomized"] for name, of in report["strata"].items()} == {
        "young": 8,
        "old": 4,
    }
    assert 0 <= report["guessed"] <= 1
    assert (report["more_than_implied"], report["implied"]) == (False, None)
    looks = story.logged("ArmsRead", actor=story.statistician.sub)
    assert f"/v1{path}" in [entry["data"]["path"] for entry in looks]

    assert story.manager.get("randomizer", path).status_code == 403

    def refusals() -> list[Json]:
        items = story.auditor.pages(
            "audit", story.path("entries"), type="trialops.AccessRefused.v1"
        )
        told = [json.loads(item["entry"])["data"] for item in items]
        return [fact for fact in told if fact["path"] == f"/v1{path}"]

    until_true(lambda: bool(refusals()), PATIENCE_S)

    listed = story.statistician.get("randomizer", story.path("allocations"), by="arm").json()
    assert [one["subject"] for one in listed["items"]] == drawn
    assert [one["carry"] for one in listed["items"]] == [{"age": age} for age in ages]
    plain = story.statistician.get("randomizer", story.path("allocations")).json()["items"]
    assert not any("carry" in one for one in plain)

    assert story.command(story.manager, "close").status_code == 200
    assert 0.5 < story.statistician.get("randomizer", path).json()["implied"] < 1
    story.command(story.statistician, "seed/open")
    second = platform.person("statistician", "second-statistician")
    bundle = story.command(second, "seed/open").json()
    story.logged("SeedOpened")
    replayed = platform.run("replay", "--trial", "TMINI")
    assert (replayed.code, replayed.rows[0]["checked"]) == (0, 12), replayed.out + replayed.err

    file = tmp_path / "bundle.json"
    file.write_text(json.dumps(bundle))
    offline = platform.run("replay", "--trial", "TMINI", "--bundle", str(file))
    assert (offline.code, offline.rows) == (0, replayed.rows)
