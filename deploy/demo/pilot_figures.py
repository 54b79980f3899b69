"""The pilot's figures: the data's own counts beside those of the services.

The criteria are decided here once more in a few plain lines over the tables, so that a mistake of
the services' engine cannot hide itself.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from deploy.demo.pilot import TRIAL, moved
from deploy.demo.pilot_act import STATISTICIAN, Played
from deploy.demo.pilot_tables import Person
from deploy.demo.row import Row
from deploy.demo.stage import Answer, Stage
from deploy.tokens import Bearer

_MANAGER: Final = Bearer("trial_manager", (TRIAL,), name="trial-manager")
_SITES: Final = Bearer("site", (TRIAL,), name="site-reader")

_OUTCOMES: Final = {True: "true", False: "false", None: "unknown"}


def _old_enough(person: Person) -> bool | None:
    """Men and postmenopausal women of 50; a woman's menopause is attested by randomization."""
    if person.age < 50:
        return False
    return True if person.sex == "male" or person.randomized else None


def _between(low: int, value: int | None, high: int) -> bool | None:
    return None if value is None else low <= value <= high


def _pulse_is_out(person: Person) -> bool | None:
    if person.pulse is None:
        return None
    return not 50 <= person.pulse <= 100


CRITERIA: Final[Mapping[str, Callable[[Person], bool | None]]] = {
    "INCL01": _old_enough,
    "INCL02": lambda person: person.probable_ad,
    "INCL03": lambda person: _between(10, person.mmse, 23),
    "INCL04": lambda person: _between(0, person.hachinski, 4),
    "INCL06": lambda person: person.consented <= person.screened,
    "EXCL17": _pulse_is_out,
}
"""The criteria that values decide."""


def broken(person: Person) -> list[str]:
    """The criteria that the subject's own values break."""
    return [name for name, holds in CRITERIA.items() if holds(person) is name.startswith("EXCL")]


def verdict(person: Person) -> str:
    """What both steps must lead to; whoever was not randomized lacks the attested criteria."""
    if broken(person):
        return "ineligible"
    return "incomplete" if person.randomized is None else "eligible"


def against(answer: Answer) -> list[str]:
    """The criteria of an answer that are not as a patient needs them."""
    criteria: Iterable[Mapping[str, Any]] = answer["criteria"]
    return [one["id"] for one in criteria if one["outcome"] is (one["category"] == "exclusion")]


async def figures(stage: Stage, played: Played) -> list[Row]:
    """Every row of the pilot."""
    people, doors = played.people, stage.doors
    at = f"/v1/trials/{TRIAL}"
    screenings = await doors.every("screening", f"{at}/screenings", _SITES)
    by_arm = await doors.every("randomizer", f"{at}/allocations", STATISTICIAN, by="arm")
    as_shown = await doors.every("randomizer", f"{at}/allocations", _SITES)
    enrolment = await doors.get("randomizer", f"{at}/enrolment", _MANAGER)
    drawn = [person for person in people if person.arm and not broken(person)]
    allocated = {one["subject"]: one for one in by_arm}
    return [
        Row(TRIAL, "subjects screened", len(people), len({one["subject"] for one in screenings})),
        Row(
            TRIAL,
            "screened at each site",
            _count(person.site for person in people),
            _count(_site(one) for one in screenings),
        ),
        Row(
            TRIAL,
            "verdicts after both steps",
            _count(map(verdict, people)),
            _count(one["verdict"] for one in screenings),
        ),
        Row(TRIAL, "criteria decided by values", _outcomes(people), _answered(played)),
        Row(
            TRIAL,
            "randomized in the real trial, refused here for their values",
            {one.id: " ".join(broken(one)) for one in people if one.arm and broken(one)},
            {
                one.id: " ".join(against(played.answers[one.id]))
                for one in people
                if one.arm and one.id not in allocated
            },
        ),
        Row(
            TRIAL,
            "allocations by arm",
            _count(str(person.arm) for person in drawn),
            _count(one["arm"] for one in by_arm),
        ),
        Row(
            TRIAL,
            "allocations by site and arm",
            _count(f"{person.site} {person.arm}" for person in drawn),
            _count(f"{_site(one)} {one['arm']}" for one in by_arm),
        ),
        Row(
            TRIAL,
            "subjects with the arm they had in the real trial",
            len(drawn),
            sum(one.id in allocated and allocated[one.id]["arm"] == one.arm for one in drawn),
        ),
        Row(
            TRIAL,
            "what its sites see of the draws: codes of their own, arms",
            {"codes": len(drawn), "arms": 0},
            {
                "codes": len({one["treatment_code"] for one in as_shown}),
                "arms": sum("arm" in one for one in as_shown),
            },
        ),
        Row(
            TRIAL,
            "subjects allocated on their day",
            len(drawn),
            sum(
                one.id in allocated and _on_its_day(stage, played, one, allocated) for one in drawn
            ),
        ),
        Row(
            TRIAL,
            "enrolment",
            {"randomized": len(drawn), "waiting": 0, "refused": 0},
            {name: enrolment[name] for name in ("randomized", "waiting", "refused")},
        ),
    ]


def _count(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def _site(item: Answer) -> str:
    return str(item["subject"]).partition("-")[0]


def _outcomes(people: Iterable[Person]) -> dict[str, int]:
    return _count(
        f"{name} {_OUTCOMES[holds(person)]}"
        for person in people
        for name, holds in CRITERIA.items()
    )


def _answered(played: Played) -> dict[str, int]:
    return _count(
        f"{one['id']} {_OUTCOMES[one['outcome']]}"
        for answer in played.answers.values()
        for one in answer["criteria"]
        if one["id"] in CRITERIA
    )


def _on_its_day(
    stage: Stage, played: Played, person: Person, allocated: Mapping[str, Answer]
) -> bool:
    if person.randomized is None or person.id not in allocated:
        return False
    zone = ZoneInfo(stage.protocol(TRIAL).sites[0].time_zone)
    at = datetime.fromisoformat(allocated[person.id]["at"]).astimezone(zone)
    return at.date() == moved(person.randomized, played.years)
