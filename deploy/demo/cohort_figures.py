"""The figures of the simulated cohort: what each form was made for beside what the services say."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from deploy.demo.blocks import is_balanced
from deploy.demo.cohort import TOO_LATE, TRIAL
from deploy.demo.cohort_act import Played, strata
from deploy.demo.pilot_figures import against
from deploy.demo.row import Row
from deploy.demo.stage import Answer, Stage
from deploy.tokens import Bearer

_STATISTICIAN: Final = Bearer("statistician", (TRIAL,), name="statistician-1")
_SITES: Final = Bearer("site", (TRIAL,), name="site-reader")
_ABOUT: Final = f"{TRIAL} (simulated)"


async def figures(stage: Stage, played: Played) -> list[Row]:
    """Every row of the cohort."""
    at = f"/v1/trials/{TRIAL}"
    screenings = await stage.doors.every("screening", f"{at}/screenings", _SITES)
    drawn = await stage.doors.every("randomizer", f"{at}/allocations", _STATISTICIAN, by="arm")
    enrolment = await stage.doors.get("randomizer", f"{at}/enrolment", _STATISTICIAN)
    return [*_screened(stage, played, screenings), *_drawn(stage, played, drawn, enrolment)]


def _screened(stage: Stage, played: Played, screenings: list[Answer]) -> list[Row]:
    visits = played.visits
    section: Any = stage.protocol(TRIAL).sections["eligibility"]
    completed = [name for visit in visits if visit.correction for name in [visit.subject]]
    return [
        Row(
            _ABOUT,
            "patients screened",
            len({visit.subject for visit in visits}),
            len({one["subject"] for one in screenings}),
        ),
        Row(
            _ABOUT,
            "screened again after they had failed",
            sorted(visit.subject for visit in visits if visit.attempt > 1),
            sorted(one["subject"] for one in screenings if one["attempt"] > 1),
        ),
        Row(
            _ABOUT,
            "verdicts of all attempts",
            _count(visit.ends for visit in visits),
            _count(one["verdict"] for one in screenings),
        ),
        Row(
            _ABOUT,
            "incomplete at first, then completed",
            len(completed),
            sum(
                played.first[visit.subject, visit.attempt]["verdict"] == "incomplete"
                and played.last[visit.subject, visit.attempt]["verdict"] == "eligible"
                for visit in visits
            ),
        ),
        Row(
            _ABOUT,
            "criteria failed by someone",
            sorted(criterion["id"] for criterion in section["criteria"]),
            sorted({name for answer in played.last.values() for name in against(answer)}),
        ),
        Row(
            _ABOUT,
            "attempts that fail the criterion they were made for, and no other",
            len(visits),
            sum(
                against(played.last[visit.subject, visit.attempt])
                == ([visit.fails] if visit.fails else [])
                for visit in visits
            ),
        ),
    ]


def _drawn(stage: Stage, played: Played, drawn: list[Answer], enrolment: Answer) -> list[Row]:
    target, made = played.target, strata(played.visits)
    numbers = [one["number"] for one in drawn]
    return [
        Row(
            _ABOUT,
            "enrolment",
            {
                "state": "closed",
                "randomized": f"{target}",
                "refused": f"{TOO_LATE}",
                "waiting": "0",
            },
            {name: f"{enrolment[name]}" for name in ("state", "randomized", "refused", "waiting")},
        ),
        Row(
            _ABOUT,
            f"allocations numbered 1 to {target} without gap",
            True,
            numbers == list(range(1, target + 1)),
        ),
        Row(
            _ABOUT,
            "patients drawn in the stratum of their tumour's size",
            target,
            sum(made[one["subject"]] == one["stratum"] for one in drawn),
        ),
        Row(
            _ABOUT,
            "strata balanced in whole blocks of the protocol's sizes",
            [stratum.id for stratum in stage.protocol(TRIAL).strata],
            _balanced(stage, drawn),
        ),
        replayed(played),
    ]


def _balanced(stage: Stage, drawn: Sequence[Answer]) -> list[str]:
    section: Any = stage.protocol(TRIAL).sections["randomization"]
    sizes: Mapping[str, list[int]] = section["block_sizes"]
    return [
        stratum.id
        for stratum in stage.protocol(TRIAL).strata
        if is_balanced(
            [one["arm"] for one in drawn if one["stratum"] == stratum.id],
            stratum.ratio,
            sizes[stratum.id],
        )
    ]


def replayed(played: Played) -> Row:
    """Every allocation drawn again from the opened seed."""
    from services.randomizer import replay

    found = replay.replay(replay.read(played.bundle))
    return Row(
        _ABOUT,
        "allocations drawn again from the opened seed",
        {"checked": f"{played.target}", "differences": "0", "problems": "none"},
        {
            "checked": f"{found.checked}",
            "differences": f"{found.differences}",
            "problems": "; ".join(found.problems) or "none",
        },
    )


def _count(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))
