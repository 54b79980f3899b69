"""At start and when their day comes, protocol versions come into force, in their order.

A trial's seed is drawn and committed with its first version, before the first draw.
"""

import os
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final

from services.randomizer import records, store
from services.randomizer.activation import activate, tell_waiting
from services.randomizer.book import Book
from services.randomizer.news import news
from services.randomizer.plan import Plan
from services.randomizer.plans import Plans
from services.randomizer.rules import OtherProtocolError, Rules
from services.randomizer.seed import NONCE_BYTES, SEED_BYTES, Seed, WrongKeyError
from services.randomizer.trials import Trials
from shared.contracts.subjects import TrialId
from shared.runtime import timers
from shared.runtime.database import Connection, Overtaken
from shared.runtime.outbox import NewEvent
from shared.runtime.protocols import Refused
from shared.runtime.timers import Timer
from shared.runtime.work import Answer, Work

TIMER: Final = "activation"


async def activate_all(trials: Trials, work: Work) -> None:
    """Put each plan in force that is due, unless it is.

    ``Refused`` where a file changed under its version or is gone, or where the seed key does not
    open a seed: the service then does not start, and nothing is drawn.
    """
    try:
        for plans in trials.plans.values():
            await work.write(partial(_at_start, trials, plans))
    except (WrongKeyError, OtherProtocolError) as why:
        raise Refused(str(why)) from why


async def _at_start(trials: Trials, plans: Plans, db: Connection, now: datetime) -> Answer:
    return Answer(None, events=await bring_up(trials, plans, db, now))


async def on_due(
    trials: Trials, db: Connection, now: datetime, due: Sequence[Timer]
) -> list[NewEvent]:
    """The day of another version has come."""
    said: list[NewEvent] = []
    for trial in sorted(TrialId(timer.id) for timer in due):
        if trial in trials.plans:
            said += await bring_up(trials, trials.plans[trial], db, now)
    return said


async def bring_up(trials: Trials, plans: Plans, db: Connection, now: datetime) -> list[NewEvent]:
    """Every version that is due comes into force; the next one gets its timer. Who still waits in
    a closed trial is told.
    """
    book = (await store.load(db, {plans.trial: []}, whole=True)).get(plans.trial)
    newest = None
    if book is not None:
        newest = plans.find(book.trial.protocol_version)
        if newest is None:
            told = f"version {book.trial.protocol_version} of {plans.trial} is in force"
            raise OtherProtocolError(f"{told}, and its protocol is not here")
        activate(Rules(newest, await trials.seed(db, plans.trial)), book)
    said: list[NewEvent] = []
    for plan in plans.due(newest, now):
        book, events = await _activate(trials, plans, plan, book, db, now)
        said += events
    if book is not None:
        said += await _tell_waiting(trials, plans, book, db, now)
    if coming := plans.coming(now):
        await timers.put(db, [Timer(TIMER, plans.trial, coming.since)])
    return said


async def _tell_waiting(
    trials: Trials, plans: Plans, book: Book, db: Connection, now: datetime
) -> list[NewEvent]:
    plan = plans.find(book.trial.protocol_version)
    if plan is None:
        raise AssertionError("the version in force was looked for before")
    seed = await trials.seed(db, plans.trial)
    decision = tell_waiting(Rules(plan, seed, earlier=plans.until(plan)), book)
    if decision is None:
        return []
    await store.save(db, [decision], now)
    return news(plans.trial, decision, now)


async def _activate(
    trials: Trials, plans: Plans, plan: Plan, book: Book | None, db: Connection, now: datetime
) -> tuple[Book, list[NewEvent]]:
    if book is None:
        seed = Seed(plan.trial, os.urandom(SEED_BYTES))
    else:
        seed = await trials.seed(db, plan.trial)
    decision = activate(Rules(plan, seed, earlier=plans.until(plan)), book)
    if decision is None:
        raise AssertionError("a version comes into force once")
    made = decision.book.trial
    if book is None:
        sealed = seed.seal(trials.keys()[0], os.urandom(NONCE_BYTES))
        if not await records.create_trial(db, made, sealed, now):
            raise Overtaken
    await store.save(db, [decision], now)
    await records.keep_scheme(db, made, plan.scheme, now)
    return decision.book, news(plan.trial, decision, now)
