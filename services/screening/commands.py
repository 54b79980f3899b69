"""Screening forms: decided and kept, each with its events, in the caller's transaction."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import uuid_utils
from pydantic import JsonValue, TypeAdapter

from services.screening import domain, store
from services.screening.domain import Conflict, Decision, Failure, Screening
from services.screening.store import Kept, Revision
from services.screening.trial import Form, Trial
from shared.contracts import jsontext
from shared.contracts.events.base import Event
from shared.contracts.events.screening import (
    FieldChange,
    PatientScreened,
    ScreeningCorrected,
    ScreeningFailed,
    ScreeningFailureDeclared,
    ScreeningSigned,
    ScreeningSubmitted,
)
from shared.contracts.subjects import SubjectId
from shared.contracts.topics import MAX_EVENT_BYTES
from shared.runtime.database import Connection
from shared.runtime.outbox import NewEvent, TooLarge

_HEAD = TypeAdapter(dict[str, object])
"""Writes a screening without its criteria as `jsontext.dumps` does, in a quarter of the time."""


@dataclass(frozen=True, slots=True)
class Submission:
    """One form that was read and decided; nothing of it is kept yet."""

    subject: SubjectId
    form: Form
    decision: Decision
    protocol_version: str


@dataclass(frozen=True, slots=True)
class Told:
    """A screening as it stands, and what is said of it."""

    kept: Kept
    events: Sequence[NewEvent]


async def submit(
    db: Connection, trial: Trial, submissions: Sequence[Submission], person: str, now: datetime
) -> list[Told | Conflict]:
    """Keep each submission as its subject's next attempt, in order; one that may not be is told so.

    One of a subject that is not known yet is one statement; else a few, for one or for many.
    """
    if len(submissions) == 1:
        [first] = submissions
        told = _submitted(trial, None, first, person, now)
        if await store.add_first(db, told.kept.screening, told.kept.revision):
            return [told]
    subjects = [submission.subject for submission in submissions]
    known = await store.lock(db, trial.id, subjects)
    newest = await store.newest(db, trial.id, known)
    results: list[Told | Conflict] = []
    for submission in submissions:
        before = newest.get(submission.subject)
        try:
            told = _submitted(trial, before, submission, person, now)
        except Conflict as conflict:
            results.append(conflict)
            continue
        newest[submission.subject] = told.kept.screening
        results.append(told)
    added = [result.kept for result in results if isinstance(result, Told)]
    await store.add(db, [kept.screening for kept in added], [kept.revision for kept in added])
    return results


def _submitted(
    trial: Trial, newest: Screening | None, submission: Submission, person: str, now: datetime
) -> Told:
    """The submission as its subject's next attempt; Conflict where it may not be."""
    screening = domain.submit(newest, submission.decision, _new_id(), trial.id, submission.subject)
    kept = Kept(screening, _revision(screening, submission, person, now))
    fact = ScreeningSubmitted(
        subject=screening.subject,
        site=screening.site,
        screening=str(screening.id),
        attempt=screening.attempt,
        revision=screening.revision,
        protocol_version=submission.protocol_version,
        form=dict(submission.form),
        form_sha256=kept.revision.form_sha256,
    )
    return _told(kept, submission.decision.carry, fact, person, now)


async def sign(
    db: Connection,
    kept: Kept,
    newest: Screening,
    person: str,
    meaning: str,
    revision: int | None,
    now: datetime,
) -> Told:
    """The investigator's signature; Conflict where it may not be."""
    screening = domain.sign(kept.screening, newest, revision)
    await store.sign(db, screening, person, meaning, now)
    await store.update(db, [screening])
    fact = ScreeningSigned(
        subject=screening.subject,
        site=screening.site,
        screening=str(screening.id),
        attempt=screening.attempt,
        revision=screening.revision,
        meaning=meaning,
        form_sha256=kept.revision.form_sha256,
    )
    return _told(replace(kept, screening=screening), _carry(kept), fact, person, now)


async def correct(
    db: Connection,
    trial: Trial,
    kept: Kept,
    changes: Form,
    reason: str,
    person: str,
    now: datetime,
) -> Told:
    """The corrected form as the next revision, decided again; FormErrors where it breaks a rule."""
    old, subject, site = _object(kept.revision.form), kept.screening.subject, kept.screening.site
    form, today = domain.merged(old, changes), trial.versions.today(site, now)
    # What the version that decides this revision does not ask stays in the one before.
    gone = trial.left_out(form, today, site, kept.revision.protocol_version)
    gone -= {name for name, value in changes.items() if value is not None}
    form = {name: value for name, value in form.items() if name not in gone}
    changes = {**changes, **dict.fromkeys(sorted(gone))}
    submission = Submission(subject, form, *trial.decide(subject, form, today))
    screening = domain.correct(kept.screening, submission.decision)
    revision = replace(_revision(screening, submission, person, now), reason=reason)
    await store.update(db, [screening])
    await store.add_revision(db, revision)
    fact = ScreeningCorrected(
        subject=screening.subject,
        site=screening.site,
        screening=str(screening.id),
        attempt=screening.attempt,
        revision=screening.revision,
        protocol_version=submission.protocol_version,
        changes=tuple(
            FieldChange(field=one.field, old=one.old, new=one.new)
            for one in domain.changed(old, changes)
        ),
        reason=reason,
        form_sha256=revision.form_sha256,
    )
    return _told(Kept(screening, revision), submission.decision.carry, fact, person, now)


async def fail(
    db: Connection,
    kept: Kept,
    newest: Screening,
    reason: str,
    code: Failure | None,
    person: str,
    now: datetime,
) -> Told:
    """The site ends the attempt as a screen failure; Conflict where it may not."""
    screening = domain.fail(kept.screening, newest, code)
    await store.update(db, [screening])
    failed = ScreeningFailed(
        subject=screening.subject,
        site=screening.site,
        screening=str(screening.id),
        attempt=screening.attempt,
    )
    declared = ScreeningFailureDeclared(**failed.model_dump(), reason=reason, code=code)
    return Told(
        replace(kept, screening=screening),
        [_news(screening, fact, person, now) for fact in (failed, declared)],
    )


def answer(kept: Kept) -> bytes:
    """A screening as HTTP shows it, in its newest revision, as JSON."""
    return _with_criteria(brief(kept), kept)


def answer_with_form(kept: Kept) -> bytes:
    """The same with the form of that revision, as it was submitted and corrected."""
    return b'%s,"form":%s}' % (answer(kept)[:-1], kept.revision.form.encode())


def _with_criteria(body: dict[str, object], kept: Kept) -> bytes:
    """The criteria stand in the answer as they were kept: they are ten times the rest."""
    head = _HEAD.dump_json(body)[:-1]
    return b'%s,"criteria":%s}' % (head, kept.revision.criteria.encode())


def brief(kept: Kept) -> dict[str, object]:
    """A screening without its criteria."""
    screening = kept.screening
    return {
        "id": screening.id,
        "subject": screening.subject,
        "attempt": screening.attempt,
        "revision": screening.revision,
        "verdict": screening.verdict,
        "stratum": screening.stratum,
        "missing": kept.revision.missing,
        "signed": screening.signed,
        "failed": screening.failed,
        "refused": screening.refused,
        "randomized": screening.randomized,
        "protocol_version": kept.revision.protocol_version,
        "at": kept.revision.at,
    }


def checked(
    trial: Trial, submission: Submission, newest: Screening | None, person: str, now: datetime
) -> bytes:
    """What submitting would answer, with `id` null; nothing is kept, and nothing forbids it."""
    decision = submission.decision
    screening = Screening(
        id=_new_id(),
        trial=trial.id,
        subject=submission.subject,
        attempt=newest.attempt + 1 if newest else 1,
        revision=1,
        verdict=decision.verdict,
        stratum=decision.stratum,
    )
    kept = Kept(screening, _revision(screening, submission, person, now))
    return _with_criteria({**brief(kept), "id": None}, kept)


def _new_id() -> UUID:
    return UUID(int=uuid_utils.uuid7().int)


def _revision(screening: Screening, submission: Submission, person: str, now: datetime) -> Revision:
    decision, read = submission.decision, submission.decision.outcomes.read
    form = read.written(submission.form)
    if len(form) > MAX_EVENT_BYTES:
        raise TooLarge("the form")
    return Revision(
        screening=screening.id,
        revision=screening.revision,
        form=form.decode(),
        form_sha256=hashlib.sha256(form).hexdigest(),
        criteria=decision.outcomes.written().json.decode(),
        unmet=decision.unmet,
        unknown=decision.unknown,
        missing=decision.missing,
        carry=read.written(decision.carry).decode(),
        protocol_version=submission.protocol_version,
        person=person,
        at=now,
    )


def _told(kept: Kept, carry: Form, fact: Event, person: str, now: datetime) -> Told:
    """`PatientScreened` for the services, the whole fact for the audit log."""
    screening, revision = kept.screening, kept.revision
    screened = PatientScreened(
        subject=screening.subject,
        site=screening.site,
        screening=str(screening.id),
        attempt=screening.attempt,
        revision=screening.revision,
        signed=screening.signed,
        verdict=screening.verdict,
        stratum=screening.stratum,
        unmet=tuple(revision.unmet),
        unknown=tuple(revision.unknown),
        protocol_version=revision.protocol_version,
        form_sha256=revision.form_sha256,
        carry={name: _plain(value) for name, value in carry.items()},
    )
    return Told(kept, [_news(screening, one, person, now) for one in (screened, fact)])


def _news(screening: Screening, event: Event, person: str, now: datetime) -> NewEvent:
    return NewEvent(
        event,
        now,
        trial=screening.trial,
        subject=screening.subject,
        site=screening.site,
        actor=person,
    )


def _carry(kept: Kept) -> Form:
    return _object(kept.revision.carry)


def _object(text: str) -> dict[str, object]:
    value = jsontext.loads(text)
    if not isinstance(value, dict):
        raise TypeError("an object was kept")
    return value


def _plain(value: object) -> JsonValue:
    """A submitted value as an event has it: a decimal is a string."""
    match value:
        case Decimal():
            return str(value)
        case dict():
            return {str(name): _plain(member) for name, member in value.items()}
        case list() | tuple():
            return [_plain(member) for member in value]
        case None | bool() | int() | str():
            return value
        case _:
            return str(value)
