"""Screenings in, draws out: a batch of subjects of any trials in a fixed number of statements.

A consent taken back comes on a topic of its own, before or after the screening: either order ends
in the same refusal. A stopping boundary comes there too, and pauses the trial.
"""

from collections.abc import Sequence
from datetime import datetime

from services.randomizer import store
from services.randomizer.activate import bring_up
from services.randomizer.book import Decision
from services.randomizer.domain import decide
from services.randomizer.facts import BoundaryCrossed, ConsentWithdrawn, Fact
from services.randomizer.news import news
from services.randomizer.plans import Plans
from services.randomizer.trials import Trials
from shared.contracts.events.safety import SafetyBoundaryCrossed, SubjectWithdrawn
from shared.contracts.events.screening import PatientScreened, ScreeningFailed
from shared.contracts.subjects import SiteId, SubjectId, TrialId
from shared.runtime.database import Connection, NotYet
from shared.runtime.outbox import NewEvent
from shared.runtime.record import Received
from shared.runtime.subscription import DataFault

Screening = Received[PatientScreened] | Received[ScreeningFailed]
Heard = Screening | Received[SubjectWithdrawn] | Received[SafetyBoundaryCrossed]


async def on_screening(
    trials: Trials, db: Connection, now: datetime, batch: Sequence[Screening]
) -> list[NewEvent]:
    """Decide on a submission, signature, correction or failure of each of these subjects."""
    return await _on(trials, db, now, batch)


async def on_withdrawn(
    trials: Trials, db: Connection, now: datetime, batch: Sequence[Received[SubjectWithdrawn]]
) -> list[NewEvent]:
    """A consent taken back keeps these subjects from a draw; who leaves the treatment was drawn."""
    consent = [received for received in batch if received.data.withdrawn_from == "consent"]
    return await _on(trials, db, now, consent)


async def on_boundary_crossed(
    trials: Trials, db: Connection, now: datetime, batch: Sequence[Received[SafetyBoundaryCrossed]]
) -> list[NewEvent]:
    """Pause where the boundary says so: nobody is drawn until a trial manager resumes."""
    pausing = [received for received in batch if received.data.action == "pause"]
    return await _on(trials, db, now, pausing)


async def _on(
    trials: Trials, db: Connection, now: datetime, batch: Sequence[Heard]
) -> list[NewEvent]:
    by_trial: dict[TrialId, list[Heard]] = {}
    for received in batch:
        trial = TrialId(received.envelope.trial or "")
        if trial not in trials.plans:
            raise DataFault("no protocol of this trial is here")
        if getattr(received.data, "subject", None) != received.envelope.subject:
            raise DataFault("the data are of another subject than the key")
        _check_version(trials.plans[trial], received.data, now)
        by_trial.setdefault(trial, []).append(received)
    wanted = {
        trial: [
            (SubjectId(r.data.subject), SiteId(r.data.site))
            for r in several
            if not isinstance(r.data, SafetyBoundaryCrossed)
        ]
        for trial, several in by_trial.items()
    }
    books = await store.load(db, wanted)
    decisions: list[Decision] = []
    said: list[NewEvent] = []
    for trial, book in books.items():
        plans = trials.plans[trial]
        newest = plans.find(book.trial.protocol_version)
        if newest is not None and plans.due(newest, now):
            said += await bring_up(trials, plans, db, now)
    if said:
        books = await store.load(db, wanted)
    for trial, book in books.items():
        rules = await trials.rules(db, book)
        facts = [_fact(received) for received in by_trial[trial]]
        decision = decide(rules, book, facts)
        if decision.closes(book) and book.trial.arrivals:
            # Those who wait for the list of an earlier version learn of it, too.
            whole = await store.load(db, {trial: wanted[trial]}, whole=True)
            decision = decide(rules, whole[trial], facts)
        decisions.append(decision)
        said += news(trial, decision, now, [received.envelope for received in by_trial[trial]])
    await store.save(db, decisions, now)
    return said


def _check_version(plans: Plans, data: object, now: datetime) -> None:
    """A screening waits for its version's day, and for the file as a dead letter."""
    if not isinstance(data, PatientScreened):
        return
    plan = plans.find(data.protocol_version)
    if plan is None:
        raise DataFault(f"version {data.protocol_version!r} of the protocol is not here")
    if plan.since > now:
        raise NotYet("the screening's version of the protocol is not in force")


def _fact(received: Heard) -> Fact:
    match received.data:
        case PatientScreened() | ScreeningFailed() as screening:  # nearly all: they come first
            return screening
        case SubjectWithdrawn(subject=subject, site=site):
            return ConsentWithdrawn(SubjectId(subject), SiteId(site))
        case SafetyBoundaryCrossed():
            return BoundaryCrossed()
