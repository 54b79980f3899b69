"""Screenings in, draws out: a batch of subjects of any trials in a fixed number of statements."""

from collections.abc import Sequence
from datetime import datetime

from services.randomizer import store
from services.randomizer.desk import Decision
from services.randomizer.domain import decide
from services.randomizer.news import news
from services.randomizer.trials import Trials
from shared.contracts.events.screening import PatientScreened, ScreeningFailed
from shared.contracts.subjects import SiteId, SubjectId, TrialId
from shared.runtime.database import Connection
from shared.runtime.outbox import NewEvent
from shared.runtime.record import Received
from shared.runtime.subscription import DataFault

Screening = Received[PatientScreened] | Received[ScreeningFailed]


async def on_screening(
    trials: Trials, db: Connection, now: datetime, batch: Sequence[Screening]
) -> list[NewEvent]:
    """Decide on a submission, signature, correction or failure of each of these subjects."""
    by_trial: dict[TrialId, list[Screening]] = {}
    for received in batch:
        trial = TrialId(received.envelope.trial or "")
        if trial not in trials.plans:
            raise DataFault("no protocol of this trial is here")
        if received.data.subject != received.envelope.subject:
            raise DataFault("the data are of another subject than the key")
        by_trial.setdefault(trial, []).append(received)
    books = await store.load(
        db,
        {
            trial: [(SubjectId(r.data.subject), SiteId(r.data.site)) for r in several]
            for trial, several in by_trial.items()
        },
    )
    decisions: list[Decision] = []
    said: list[NewEvent] = []
    for trial, book in books.items():
        rules = await trials.rules(db, book)
        decision = decide(rules, book, [received.data for received in by_trial[trial]])
        decisions.append(decision)
        said += news(trial, decision, now, [received.envelope for received in by_trial[trial]])
    await store.save(db, decisions, now)
    return said
