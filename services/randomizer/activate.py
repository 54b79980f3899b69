"""At start: every protocol comes into force, its seed drawn and committed before the first draw."""

import os
from datetime import datetime
from functools import partial

from services.randomizer import records, store
from services.randomizer.activation import activate
from services.randomizer.book import Book
from services.randomizer.desk import Rules
from services.randomizer.news import news
from services.randomizer.plan import Plan
from services.randomizer.seed import NONCE_BYTES, SEED_BYTES, Seed
from services.randomizer.trials import Trials
from shared.runtime.database import Connection, Overtaken
from shared.runtime.work import Answer, Work


async def activate_all(trials: Trials, work: Work) -> None:
    """Put each plan in force, unless it is.

    Raises where a file changed under its version, or where the seed key does not open a seed: the
    service then does not start, and nothing is drawn.
    """
    for plan in trials.plans.values():
        await work.write(partial(_activate, trials, plan))


async def _activate(trials: Trials, plan: Plan, db: Connection, now: datetime) -> Answer:
    books = await store.load(db, {plan.trial: []})
    book: Book | None = books.get(plan.trial)
    if book is None:
        seed = Seed(plan.trial, os.urandom(SEED_BYTES))
    else:
        seed = await trials.seed(db, plan.trial)
    decision = activate(Rules(plan, seed), book)
    if decision is None:
        return Answer(None)
    made = decision.book.trial
    if book is None:
        sealed = seed.seal(trials.seed_key, os.urandom(NONCE_BYTES))
        if not await records.create_trial(db, made, sealed, now):
            raise Overtaken
    await store.save(db, [decision], now)
    await records.keep_scheme(db, made, plan.scheme, now)
    return Answer(None, events=news(plan.trial, decision, now))
