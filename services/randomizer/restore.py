"""After a restore: trials are taken back from the randomizer's own topic, so none draws twice."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from services.randomizer import records, store
from services.randomizer.book import Allocation
from services.randomizer.past_subject import Heard, OfSubject, Said
from services.randomizer.plans import Plans
from services.randomizer.taken_back import Ground, TakenBack, UnknownPast, take_back
from services.randomizer.trials import Trials
from shared.contracts.events import randomization
from shared.contracts.events.safety import SubjectWithdrawn
from shared.contracts.events.screening import PatientScreened, ScreeningFailed
from shared.contracts.subjects import SiteId, SubjectId, TrialId
from shared.runtime import watermark
from shared.runtime.database import Connection
from shared.runtime.record import Received
from shared.runtime.restoring import History, Irrecoverable, events

_TOPIC, _SCREENING, _SAFETY = randomization.TOPIC, "trialops.screening", "trialops.safety"
_SAID = (
    randomization.PatientRandomized,
    randomization.RandomizationRefused,
    randomization.RandomizationWaiting,
    randomization.EligibilityDeviation,
    randomization.RandomizationPaused,
    randomization.RandomizationResumed,
    randomization.RandomizationClosed,
    randomization.SiteOpened,
    randomization.SiteClosed,
    randomization.TrialActivated,
    randomization.SeedCommitted,
    randomization.AllocationListLoaded,
)


async def take_back_all(trials: Trials, db: Connection, history: History) -> int:
    """Each trial as its events tell it; how many allocations were taken back.

    Irrecoverable where the topics do not tell enough: then only a newer backup helps.
    """
    unknown = [record for record in history.unknown if record.topic == _TOPIC]
    said: dict[TrialId, list[Received[Any]]] = {}
    for one in events(unknown, _SAID):
        said.setdefault(TrialId(one.envelope.trial or ""), []).append(one)
    every = (one for several in said.values() for one in several)
    keys = {one.envelope.key for one in every if isinstance(one.data, OfSubject)}
    heard = await _heard(db, history, keys)
    taken = 0
    for trial, several in said.items():
        if trial not in trials.plans:
            raise Irrecoverable(f"no protocol of {trial} is here")
        try:
            taken += await _take_back(trials, trials.plans[trial], db, several, heard)
        except UnknownPast as why:
            raise Irrecoverable(f"{trial} cannot be taken back: {why}") from why
    await _openings(db, history)
    return taken


async def _openings(db: Connection, history: History) -> None:
    """Who has asked for a seed since: one that two have opened does not wait for two again."""
    asked = [record for record in history.unknown if record.topic == randomization.RECORD]
    for one in events(asked, (randomization.SeedOpeningRequested,)):
        of = one.envelope
        trial, reason = TrialId(of.trial or ""), one.data.reason
        await records.ask_opening(db, trial, of.actor, reason, of.time)


async def _take_back(
    trials: Trials,
    plans: Plans,
    db: Connection,
    said: list[Received[Any]],
    heard: dict[str, list[Heard]],
) -> int:
    of_trial = [
        (one.envelope.time, one.data) for one in said if not isinstance(one.data, OfSubject)
    ]
    of_subjects: dict[SubjectId, list[Said]] = {}
    for one in said:
        if isinstance(one.data, OfSubject):
            of_subjects.setdefault(SubjectId(one.data.subject), []).append(_said(one, one.data))
    named = [(name, SiteId(of[-1].event.site)) for name, of in of_subjects.items()]
    plan = plans.at(max(one.envelope.time for one in said))
    books = await store.load(db, {plan.trial: named})
    if plan.trial not in books:
        raise UnknownPast("its seed was made after this backup, and is in no topic")
    book = books[plan.trial]
    schemes = await records.schemes(db, plan.trial)
    ground = Ground(
        plan,
        await trials.seed(db, plan.trial),
        await trials.rows(db, book.trial),
        {one.protocol_version: one.scheme for one in plans.every} | schemes,
        {one.protocol_version: one for one in plans.every},
    )
    about = {name: heard.get(f"{plan.trial}:{name}", []) for name in of_subjects}
    taken = take_back(ground, book, of_trial, of_subjects, about)
    await _save(db, plans, taken, schemes)
    return len(taken.decision.allocations)


def _said(one: Received[Any], event: OfSubject) -> Said:
    of = one.envelope
    return Said(event, of.id, of.sequence, of.time, of.causation)


async def _save(db: Connection, plans: Plans, taken: TakenBack, known: Collection[str]) -> None:
    """The book, each allocation at its own time, and how far the subjects had been heard."""
    made, trial = taken.decision, taken.decision.book.trial
    drawn: dict[datetime, list[Allocation]] = {}
    for one in made.allocations:
        drawn.setdefault(taken.drawn_at[one.number], []).append(one)
    if not drawn:
        drawn[taken.last_said] = []
    for time, allocations in drawn.items():
        await store.save(db, [replace(made, allocations=tuple(allocations))], time)
    for begun in taken.activations:
        plan = plans.find(begun.protocol_version)
        if plan is not None and begun.protocol_version not in known:
            version, number = begun.protocol_version, begun.after_number
            before = trial._replace(protocol_version=version, randomized=number)
            await records.keep_scheme(db, before, plan.scheme, begun.time)
    seen = {name: (of.screening, of.withdrawal) for name, of in taken.considered.items()}
    for topic, which in ((_SCREENING, 0), (_SAFETY, 1)):
        last = {f"{trial.id}:{name}": heard[which] for name, heard in seen.items()}
        await _pass(db, topic, {key: heard for key, heard in last.items() if heard})


async def _pass(db: Connection, topic: str, last: Mapping[str, Heard]) -> None:
    """These records and those before them are not taken again."""
    marks = await watermark.lock(db, topic, last)
    for key, mark in marks.items():
        if mark.sequence < last[key].sequence:
            mark.raise_to(last[key].sequence, last[key].id)
    await watermark.save(db, topic, marks.values())
    await watermark.forget(db, topic, marks)


async def _heard(db: Connection, history: History, keys: Collection[str]) -> dict[str, list[Heard]]:
    """What came about these keys that the database does not know, in the order of each topic.

    What cannot be read is a dead letter, or was one.
    """
    found: dict[str, dict[tuple[str, int], Heard]] = {}
    for topic in (_SCREENING, _SAFETY) if keys else ():
        marks = await watermark.lock(db, topic, keys)
        about = [
            record
            async for record in history.read(topic)
            if record.identity
            and record.identity.key in keys
            and record.identity.sequence > marks[record.identity.key].sequence
        ]
        for one in events(about, (PatientScreened, ScreeningFailed, SubjectWithdrawn)):
            of, data = one.envelope, one.data
            if isinstance(data, SubjectWithdrawn) and data.withdrawn_from != "consent":
                continue
            heard = Heard(data, of.id, of.sequence, of.time)
            found.setdefault(of.key, {}).setdefault((topic, of.sequence), heard)
    return {key: [several[place] for place in sorted(several)] for key, several in found.items()}
