"""The end of a process: one deadline for all that is under way, from the signal on."""

import asyncio
import time
from collections.abc import Awaitable

from shared.runtime import logs

_log = logs.logger("stopping")

# Until when each part may take, as a share of the whole, in the order in which they end. What one
# does not use is the next one's, and none can use up what the others need.
REQUESTS = 0.4
CONSUMER = 0.55
OUTBOX = 0.7
RELAY = 0.8
WORK = 0.85
DATABASE = 0.95
ALL = 1.0

_LAST_WORD_S = 0.1


class Stopping:
    """How long what is under way may still take; before the signal, as long as from it on."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._began: float | None = None

    def begin(self) -> None:
        """The signal has come; said again it changes nothing."""
        if self._began is None:
            self._began = time.monotonic()

    def left(self, share: float = ALL) -> float:
        """Seconds until this share of the time is over, 0 once it is."""
        gone = 0.0 if self._began is None else time.monotonic() - self._began
        return max(0.0, self._seconds * share - gone)

    async def within(self, share: float, name: str, work: Awaitable[object]) -> bool:
        """Do it, or give it up once the share is over; whether it came to its end.

        A fault in it is logged: it is no reason to leave the rest undone. What does not end even
        when it is cancelled is left behind, and goes with the process.
        """
        task = asyncio.ensure_future(work)
        await asyncio.wait((task,), timeout=self.left(share))
        if not task.done():
            task.cancel()
            await asyncio.wait((task,), timeout=_LAST_WORD_S)
            logs.warn(_log, "given up, as its time is over", kind=name)
            return False
        if not task.cancelled() and isinstance(fault := task.exception(), Exception):
            logs.warn(_log, "did not end in order", fault, kind=name)
        return True
