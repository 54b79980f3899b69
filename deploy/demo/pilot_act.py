"""The pilot on stage: its list uploaded, then its records sent day by day, each on its own day."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from itertools import groupby
from typing import Any, Final
from zoneinfo import ZoneInfo

from deploy.demo import pilot, pilot_ends, pilot_events, pilot_filing
from deploy.demo.pilot import TRIAL, Step
from deploy.demo.pilot_tables import Person, Tables, people
from deploy.demo.stage import Answer, Stage
from deploy.demo.teller import Teller, Work
from deploy.tokens import Bearer

STATISTICIAN = Bearer("statistician", (TRIAL,), name="statistician-1")
OFFICER = Bearer("safety_officer", (TRIAL,), name="safety-officer")
_NOON: Final = time(12)


@dataclass
class Played:
    """What was sent, by how many years it was moved, and what the services answered.

    `answers` are the last about each subject's screening, `cases` the ids by subject and event.
    """

    tables: Tables
    people: list[Person]
    years: int
    answers: dict[str, Answer] = field(default_factory=dict)
    cases: dict[tuple[str, str], str] = field(default_factory=dict)


async def play(stage: Stage, tables: Tables, teller: Teller) -> Played:
    """Send everything, the records of a day by rank, and each subject's in their order."""
    everyone = people(tables)
    first = min(person.screened for person in everyone)
    played = Played(tables, everyone, pilot.years_ahead(stage.today(TRIAL), first))
    path = f"/v1/trials/{TRIAL}/allocation-list"
    listed = pilot.allocation_list(everyone)
    await stage.doors.put_csv("randomizer", path, STATISTICIAN, "demo-list", listed)
    steps = stream(tables, played.years, stage.zone(TRIAL), authorities(stage))
    with teller.work(f"{TRIAL}: records of its sites", len(steps)) as work:
        for day, days in groupby(steps, key=lambda step: step.day):
            await stage.noon(TRIAL, day)
            for _, together in groupby(days, key=lambda step: step.place[1]):
                await stage.rested()  # who leaves on the day of the draw is drawn before
                await _send_all(stage, played, together, work)
    await stage.settle()
    return played


def authorities(stage: Stage) -> list[str]:
    """To whom the trial's serious reactions are reported."""
    section: Any = stage.protocol(TRIAL).sections["safety"]
    named: list[str] = section["authorities"]
    return named


def stream(tables: Tables, years: int, zone: ZoneInfo, to: list[str]) -> list[Step]:
    """Everything in the order in which it happened, and what the sponsor files."""
    causes = pilot_ends.causes(tables.relrec, tables.ae)
    steps = [
        *pilot.screenings(people(tables), tables.ti, years),
        *pilot_events.reports(tables.ae, years, zone),
        *pilot_ends.ends(tables.ds, causes, years),
        *pilot_filing.submissions(tables.ae, to, years),
    ]
    return sorted(steps, key=lambda step: step.place)


async def _send_all(stage: Stage, played: Played, steps: Iterable[Step], work: Work) -> None:
    by_subject: dict[str, list[Step]] = {}
    for step in steps:
        by_subject.setdefault(step.subject, []).append(step)

    async def in_order(of_one: list[Step]) -> None:
        for step in of_one:
            await _send(stage, played, step)
            work.advance(step.day.isoformat())

    async with asyncio.TaskGroup() as group:
        for of_one in by_subject.values():
            group.create_task(in_order(of_one))


async def _send(stage: Stage, played: Played, step: Step) -> None:
    subject, named = step.subject, (step.subject, step.event)
    match step.kind:
        case "screening":
            played.answers[subject] = await stage.screen(
                TRIAL, subject, 1, step.body, quiet=step.quiet
            )
        case "correction":
            screening, reason = played.answers[subject], "known at the baseline visit"
            played.answers[subject] = await stage.correct(TRIAL, screening, step.body, reason)
        case "report":
            body = {"subject": subject, "form": step.body}
            answer = await stage.tell(
                TRIAL, "adverse-events", subject, key(step), body, quiet=step.quiet
            )
            played.cases[named] = answer["case"]
        case "follow_up":
            path, body = f"adverse-events/{played.cases[named]}/follow-ups", {"form": step.body}
            await stage.tell(TRIAL, path, subject, key(step), body, quiet=step.quiet)
        case "survival":
            await stage.tell(TRIAL, "survival", subject, key(step), step.body, quiet=step.quiet)
        case "withdrawal":
            await stage.tell(TRIAL, "withdrawals", subject, key(step), step.body, quiet=step.quiet)
        case "submission":
            path = f"/v1/trials/{TRIAL}/adverse-events/{played.cases[named]}/submissions"
            sent_at = datetime.combine(step.day, _NOON, stage.zone(TRIAL)).isoformat()
            sent: Mapping[str, object] = {**step.body, "submitted_at": sent_at}
            await stage.doors.post("safety", path, OFFICER, key(step), sent)


def key(step: Step) -> str:
    """The idempotency key of a record: the event, and which of its records."""
    parts = ("demo", step.subject, step.event, str(step.number), step.kind)
    authority = step.body.get("authority", "")
    return "-".join(part for part in (*parts, authority) if part)
