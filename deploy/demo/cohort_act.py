"""The simulated cohort on stage: screened, completed, signed, until the trial closes."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import groupby
from typing import Any, Final

from deploy.demo import cohort
from deploy.demo.cohort import TRIAL, Visit
from deploy.demo.stage import Answer, Stage
from deploy.demo.teller import Teller, Work
from deploy.tokens import Bearer
from shared.contracts import jsontext

SEED: Final = 6903312  # of the cohort; the platform draws its own and keeps it sealed
_OPENERS: Final = (
    Bearer("statistician", (TRIAL,), name="statistician-1"),
    Bearer("statistician", (TRIAL,), name="statistician-2"),
)
_MEANING: Final = "I have checked the record and confirm that the patient is eligible."


@dataclass
class Played:
    """What was sent, the first and the last answer to each visit, and the opened seed's bundle."""

    visits: list[Visit]
    target: int
    first: dict[tuple[str, int], Answer] = field(default_factory=dict)
    last: dict[tuple[str, int], Answer] = field(default_factory=dict)
    bundle: bytes = b""


async def play(stage: Stage, teller: Teller) -> Played:
    """Everyone comes; then two statisticians open the seed."""
    target = _target(stage)
    monday = stage.today(TRIAL) + timedelta(days=7 - stage.today(TRIAL).weekday())
    played = Played(cohort.simulate(SEED, monday, target), target)
    with teller.work(f"{TRIAL}: simulated patients", len(played.visits)) as work:
        for _, together in groupby(played.visits, key=lambda visit: visit.week):
            visits = list(together)
            day = cohort.day_of(visits[0], monday)
            await stage.noon(TRIAL, day)
            await asyncio.gather(*(_visit(stage, played, visit, day, work) for visit in visits))
    await stage.settle()
    for opener in _OPENERS:
        path, reason = f"/v1/trials/{TRIAL}/seed/open", {"reason": "the trial has its target"}
        bundle = await stage.doors.post("randomizer", path, opener, "demo-seed", reason)
        played.bundle = jsontext.dumps(bundle)
    return played


def _target(stage: Stage) -> int:
    section: Any = stage.protocol(TRIAL).sections["randomization"]
    target: int = section["target"]
    return target


async def _visit(stage: Stage, played: Played, visit: Visit, day: date, work: Work) -> None:
    """The whole way of one attempt, as the site and its investigator go it."""
    name = (visit.subject, visit.attempt)
    answer = await stage.screen(TRIAL, visit.subject, visit.attempt, visit.form)
    played.first[name] = answer
    if visit.correction is not None:
        answer = await stage.correct(TRIAL, answer, visit.correction, "the result has come")
    played.last[name] = answer
    if answer["verdict"] == "eligible":
        await stage.sign(TRIAL, answer, _MEANING)
    work.advance(day.isoformat())


def strata(visits: list[Visit]) -> Mapping[str, str | None]:
    """The stratum of each subject by the size of the tumour that was sent."""
    return {visit.subject: visit.stratum for visit in visits}
