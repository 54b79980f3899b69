"""What people may do to a trial's enrolment: each command one transaction, with its reason kept."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from services.randomizer import records, replay, store
from services.randomizer.allocation_list import AllocationList, ListError, ListTooLongError, parse
from services.randomizer.book import Book, Decision
from services.randomizer.domain import NotPossibleError, decide
from services.randomizer.facts import Command, LoadList
from services.randomizer.news import news
from services.randomizer.plan import Plan
from services.randomizer.replay import Bundle, DrawnArm, Opening
from services.randomizer.trials import Trials
from services.randomizer.went_by import went_by
from shared.contracts.events.randomization import (
    ArmsRead,
    EnrolmentDecided,
    SeedOpened,
    SeedOpeningRequested,
)
from shared.contracts.subjects import TrialId
from shared.runtime.database import Connection, NotYet
from shared.runtime.outbox import NewEvent
from shared.runtime.problems import conflict, invalid, too_large
from shared.runtime.routes import Call
from shared.runtime.work import Answer

_OPENERS = 2


async def locked(db: Connection, trial: TrialId, *, whole: bool = False) -> Book:
    """The trial's book, locked."""
    books = await store.load(db, {trial: []}, whole=whole)
    if trial not in books:
        raise NotYet("the trial is not activated")
    return books[trial]


async def _decided(
    trials: Trials, trial: TrialId, command: Command, db: Connection, now: datetime
) -> Decision:
    book = await locked(db, trial, whole=True)
    try:
        decision = decide(await trials.rules(db, book), book, [command])
    except NotPossibleError as why:
        raise conflict("not-possible", f"Not now: {why}.") from why
    await store.save(db, [decision], now)
    return decision


async def enrol(
    trials: Trials,
    call: Call,
    command: Command,
    fact: EnrolmentDecided,
    answer: Callable[[Book], object],
    db: Connection,
    now: datetime,
) -> Answer:
    """Pause, resume or close the trial, or open or close a site."""
    trial, actor = TrialId(call.trial), call.caller.sub
    decision = await _decided(trials, trial, command, db, now)
    told = NewEvent(fact, now, trial=trial, site=fact.site, actor=actor)
    said = news(trial, decision, now, actor=actor)
    return Answer(answer(decision.book), events=[*said, told])


def checked_list(plan: Plan, raw: bytes) -> AllocationList:
    """The uploaded list; 422 names its faulty lines, 413 where it is too long."""
    arms = {stratum: frozenset(r.shares) for stratum, r in plan.scheme.ratios.items()}
    try:
        return parse(raw, arms)
    except ListTooLongError as why:
        raise too_large("The list is too long for the log.") from why
    except ListError as why:
        raise invalid([(("line", line), text) for line, text in why.faults]) from why


async def load_list(
    trials: Trials, call: Call, rows: AllocationList, db: Connection, now: datetime
) -> Answer:
    """Put a list in force, once, before any draw from it; who waits for it is drawn."""
    trial, actor = TrialId(call.trial), call.caller.sub
    decision = await _decided(trials, trial, LoadList(rows), db, now)
    await records.keep_list(db, trial, rows.sha256, rows.text, actor, now)
    body = {"list_sha256": rows.sha256, "rows": rows.size}
    return Answer(body, events=news(trial, decision, now, actor=actor))


async def open_seed(trials: Trials, call: Call, db: Connection, now: datetime) -> Answer:
    """The first statistician's request is kept; with a second person's, the seed is open."""
    trial, actor = TrialId(call.trial), call.caller.sub
    say = partial(NewEvent, time=now, trial=trial, actor=actor)
    book = await locked(db, trial)
    if book.trial.state != "closed":
        raise conflict("not-closed", "The seed opens only after the trial is closed.")
    drawn = await records.allocations(db, trial, 0, book.trial.randomized)
    masked = trials.plans[trial].at(now).masked or any(one.treatment_code for one in drawn)
    openers = await records.openers(db, trial)
    if masked and len(openers) >= _OPENERS and actor not in openers[:_OPENERS]:
        raise conflict("already-opened", "Two others have opened this seed; it is theirs alone.")
    people, new = await records.ask_opening(db, trial, actor, call.body.reason, now)
    asked = [say(SeedOpeningRequested(reason=call.body.reason))] if new else []
    if len(people) < _OPENERS:
        return Answer({"requested_by": people, "opened": False}, 202, asked)
    rules = await trials.rules(db, book)
    earlier = await records.earlier_schemes(db, book.trial)
    values = await went_by(db, trial, [one.number for one in drawn])
    opening = replay.opening(rules.plan, rules.seed, earlier, rules.rows)
    bundle = Bundle(
        **opening.model_dump(),
        randomized=book.trial.randomized,
        allocations=[
            DrawnArm(
                number=one.number,
                subject=one.subject,
                stratum=one.stratum,
                arm=one.arm,
                protocol_version=one.protocol_version,
                treatment_code=one.treatment_code,
                carry=values.get(one.number, {}),
            )
            for one in drawn
        ],
    )
    opened: list[NewEvent] = []
    if new and len(people) == _OPENERS:
        opened = [say(_opened(opening, people, masked=masked))]
    read = say(ArmsRead(path=call.request.url.path))
    return Answer(bundle.model_dump(mode="json"), 201, [*asked, *opened, read])


def _opened(opening: Opening, people: list[str], *, masked: bool) -> SeedOpened:
    """What is told to everybody: of a masked trial the commitment alone, as the seed tells arms."""
    if masked:
        return SeedOpened(
            commitment=opening.commitment,
            opened_by=tuple(people),
            seed=None,
            protocol_version=opening.protocol_version,
            randomization=None,
            strata=None,
        )
    told = opening.model_dump(mode="json", exclude={"trial"})
    told["earlier"] = tuple(told["earlier"])
    return SeedOpened(opened_by=tuple(people), **told)
