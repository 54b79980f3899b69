"""The pilot on stage: its list uploaded, then its records sent day by day."""

import asyncio
from dataclasses import dataclass, field
from itertools import groupby

from deploy.demo import pilot
from deploy.demo.pilot import TRIAL, Step
from deploy.demo.pilot_tables import Person, Tables, people
from deploy.demo.stage import Answer, Stage
from deploy.demo.teller import Teller, Work
from deploy.tokens import Bearer

STATISTICIAN = Bearer("statistician", (TRIAL,), name="statistician-1")


@dataclass
class Played:
    """What was sent, by how many years it was moved, and the last answer about each subject."""

    people: list[Person]
    years: int
    answers: dict[str, Answer] = field(default_factory=dict)


async def play(stage: Stage, tables: Tables, teller: Teller) -> Played:
    """Send everything, each day's records together, screenings before corrections."""
    everyone = people(tables)
    first = min(person.screened for person in everyone)
    played = Played(everyone, pilot.years_ahead(stage.today(TRIAL), first))
    path = f"/v1/trials/{TRIAL}/allocation-list"
    listed = pilot.allocation_list(everyone)
    await stage.doors.put_csv("randomizer", path, STATISTICIAN, "demo-list", listed)
    steps = pilot.stream(everyone, tables.ti, played.years)
    with teller.work(f"{TRIAL}: screenings and corrections", len(steps)) as work:
        for day, days in groupby(steps, key=lambda step: step.day):
            await stage.noon(TRIAL, day)
            for _, together in groupby(days, key=lambda step: step.rank):
                await asyncio.gather(*(_send(stage, played, step, work) for step in together))
    await stage.rest()
    return played


async def _send(stage: Stage, played: Played, step: Step, work: Work) -> None:
    if step.is_correction:
        screening, reason = played.answers[step.subject], "known at the baseline visit"
        answer = await stage.correct(TRIAL, screening, step.body, reason)
    else:
        answer = await stage.screen(TRIAL, step.subject, 1, step.body)
    played.answers[step.subject] = answer
    work.advance(step.day.isoformat())
