"""What happens when time passes: the next step, a lapse, the message of the day."""

from collections.abc import Sequence
from datetime import datetime

from services.notifier import store
from services.notifier.desk import Desk, id_of
from services.notifier.routing import PLATFORM
from shared.contracts.subjects import TrialId
from shared.runtime.database import Connection
from shared.runtime.outbox import NewEvent
from shared.runtime.timers import Timer


async def on_step(
    desk: Desk, db: Connection, now: datetime, due: Sequence[Timer]
) -> list[NewEvent]:
    """Nobody acknowledged in time: the next one is called."""
    await store.lock(db)
    said: list[NewEvent] = []
    for alert in await store.several(db, [id_of(timer.id) for timer in due]):
        if alert.state == "open" and alert.next_step_at and alert.next_step_at <= now:
            said += await desk.step(db, now, alert, alert.next_step_at)
    return said


async def on_lapse(
    desk: Desk, db: Connection, now: datetime, due: Sequence[Timer]
) -> list[NewEvent]:
    """Acknowledged a day ago, and the cause still stands."""
    await store.lock(db)
    said: list[NewEvent] = []
    for alert in await store.several(db, [id_of(timer.id) for timer in due]):
        said += await desk.lapse(db, now, alert)
    return said


async def on_digest(
    desk: Desk, db: Connection, now: datetime, due: Sequence[Timer]
) -> list[NewEvent]:
    """What gathered in a day goes out."""
    await store.lock(db)
    said: list[NewEvent] = []
    for timer in due:
        trial = None if timer.id == PLATFORM else TrialId(timer.id)
        said += await desk.digest(db, now, trial)
    return said
