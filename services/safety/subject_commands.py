"""What people say of subjects beside their events: decided and kept in the caller's transaction."""

from collections.abc import Sequence
from datetime import datetime

from services.safety import subjects
from services.safety.commands import Trial
from services.safety.subjects import Subject, Survival, Withdrawal
from shared.contracts.events.base import Event
from shared.contracts.events.safety import (
    SubjectWithdrawn,
    SurvivalRecorded,
    SurvivalReported,
    WithdrawalRecorded,
)
from shared.contracts.subjects import site_of
from shared.runtime.database import Connection
from shared.runtime.outbox import NewEvent


class Conflict(Exception):
    """What earlier reports forbid; ``type`` is stable and ends a problem's type."""

    def __init__(self, type_: str, detail: str) -> None:
        super().__init__(detail)
        self.type = type_
        self.detail = detail


async def survive(
    db: Connection, trial: Trial, subject: Subject, said: Survival, person: str, now: datetime
) -> list[NewEvent]:
    """Keep a survival status of a locked subject; Conflict where one who died is told to live on.

    A death is always taken, on a day before one that the subject was told to live on, too: which of
    the two was wrong nobody knows here. Of several deaths the newest report counts: a date can be
    put right.
    """
    earlier = await subjects.survivals(db, trial.id, subject.id)
    deaths = [one.date for one in earlier if one.status == "dead"]
    if said.status == "alive" and deaths and said.date > deaths[-1]:
        raise Conflict("reported-dead", "an earlier death of the subject has been reported")
    await subjects.add_survival(db, (trial.id, subject.id), said, person, now)
    site = site_of(subject.id)
    reported = SurvivalReported(subject=subject.id, site=site, status=said.status, date=said.date)
    recorded = SurvivalRecorded(**reported.model_dump(), cause=said.cause)
    return _of_subject(trial, subject, [reported, recorded], person, now)


async def withdraw(
    db: Connection, trial: Trial, subject: Subject, said: Withdrawal, person: str, now: datetime
) -> list[NewEvent]:
    """Keep a withdrawal of a locked subject; Conflict where it has been reported."""
    if not await subjects.add_withdrawal(db, (trial.id, subject.id), said, person, now):
        where = said.withdrawn_from
        raise Conflict("already-withdrawn", f"the subject's withdrawal from {where} is known")
    site = site_of(subject.id)
    withdrawn = SubjectWithdrawn(
        subject=subject.id, site=site, withdrawn_from=said.withdrawn_from, date=said.date
    )
    recorded = WithdrawalRecorded(
        subject=subject.id,
        site=site,
        withdrawn_from=said.withdrawn_from,
        date=said.date,
        reason=said.reason,
    )
    return _of_subject(trial, subject, [withdrawn, recorded], person, now)


def _of_subject(
    trial: Trial, subject: Subject, events: Sequence[Event], person: str, now: datetime
) -> list[NewEvent]:
    site = site_of(subject.id)
    return [NewEvent(event, now, trial.id, subject.id, site, person) for event in events]
