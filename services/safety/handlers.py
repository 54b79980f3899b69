"""Events in: who a subject is, its regimen and its arm, in whichever order the topics bring them.

What was reported of a subject before is judged again: its components may be others than thought.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from services.safety import domain, store, subjects
from services.safety.commands import Trial, news, told_of
from services.safety.subjects import Named, Subject
from shared.contracts.events.randomization import PatientRandomized
from shared.contracts.events.safety import KeyResumed, KeyWaiting
from shared.contracts.events.screening import PatientScreened
from shared.contracts.subjects import SubjectId, TrialId
from shared.runtime.database import Connection
from shared.runtime.outbox import NewEvent
from shared.runtime.record import Received
from shared.runtime.subscription import DataFault

Trials = Mapping[TrialId, Trial]
E = TypeVar("E", PatientScreened, PatientRandomized)


async def on_patient_screened(
    trials: Trials, db: Connection, now: datetime, batch: Sequence[Received[PatientScreened]]
) -> list[NewEvent]:
    """The subject is known, and its regimen by the newest (attempt, revision)."""

    def told(subject: Subject, data: PatientScreened, trial: Trial) -> Subject:
        if (data.attempt, data.revision) < (subject.attempt, subject.revision):
            return replace(subject, named=True)
        return replace(
            subject,
            named=True,
            regimen=trial.rules.at(now).components.regimen_in(data.carry),
            attempt=data.attempt,
            revision=data.revision,
        )

    return await _learn(trials, db, now, batch, told)


async def on_patient_randomized(
    trials: Trials, db: Connection, now: datetime, batch: Sequence[Received[PatientRandomized]]
) -> list[NewEvent]:
    """The subject is known, and its arm for ever; in a masked trial there is none to learn."""

    def told(subject: Subject, data: PatientRandomized, trial: Trial) -> Subject:
        return replace(subject, named=True, arm=data.arm)

    return await _learn(trials, db, now, batch, told)


def key_waiting(letter: str, topic: str) -> KeyWaiting:
    """Safety learns nothing more of this key: a critical alert."""
    return KeyWaiting(letter=letter, topic=topic)


def key_resumed(letter: str, topic: str) -> KeyResumed:
    """The key goes on."""
    return KeyResumed(letter=letter, topic=topic)


async def _learn(
    trials: Trials,
    db: Connection,
    now: datetime,
    batch: Sequence[Received[E]],
    told: Callable[[Subject, E, Trial], Subject],
) -> list[NewEvent]:
    """Each subject as its event tells, and what follows for its cases."""
    causes: dict[Named, Received[E]] = {}
    for received in batch:
        trial = TrialId(received.envelope.trial or "")
        if trial not in trials:
            raise DataFault("no protocol of this trial is here")
        if received.data.subject != received.envelope.subject:
            raise DataFault("the data are of another subject than the key")
        causes[trial, SubjectId(received.data.subject)] = received
    before = await subjects.lock(db, causes)
    after = {
        name: told(before[name], received.data, trials[name[0]])
        for name, received in causes.items()
    }
    changed = {name: one for name, one in after.items() if one != before[name]}
    if not changed:
        return []
    await subjects.learn(db, changed.values())
    ids = await store.of_subjects(db, changed)
    rules = {name: trial.rules for name, trial in trials.items()}
    said: list[NewEvent] = []
    steps = []
    for filed in await store.load(db, rules, ids):
        name = filed.trial, filed.case.subject
        step = domain.learn(rules[filed.trial].at(now), filed.case, told_of(changed[name], now))
        if step.case != filed.case:
            steps.append((filed, filed.stepped(step.case, None)))
            said += news(filed, step.events, now, cause=causes[name].envelope)
    if steps:
        await store.save(db, steps)
    return said
