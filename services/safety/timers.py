"""What happens when time passes: a case's clocks warn and run over, a report stays unmatched.

A case has one timer, at the next instant at which something is to be said of it. The case is
taken to that instant and no further, so that what fell due while the service was down is told in
the order in which it was due.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.safety import domain, store, subjects
from services.safety.commands import news
from services.safety.store import Rules
from shared.runtime.database import Connection
from shared.runtime.outbox import NewEvent
from shared.runtime.timers import Timer


async def on_case_due(
    rules: Rules, db: Connection, now: datetime, due: Sequence[Timer]
) -> list[NewEvent]:
    """Tell what is due of these cases, by what stands under their lock."""
    ids = [UUID(timer.id) for timer in due]
    await subjects.lock(db, (await store.whose(db, ids)).values())
    said: list[NewEvent] = []
    steps = []
    for filed in await store.load(db, rules, ids):
        step = domain.tick(filed.case, due[0].due)
        steps.append((filed, filed.stepped(step.case, None)))
        said += news(filed, step.events, now)
    await store.save(db, steps)
    return said
