"""The way round rows that cannot be sent: they must not stand before all others.

The round after one with such rows begins behind them, and so on until a round is sent whole or
there are no more; then again from the first row, once a pause is over. It grows with each failure
there, and is no shorter than the failed round was long: of a relay's time, rows that wait long for
their answer take no more than half.
"""

import time
from collections.abc import Callable


class Detour:
    """Where each round of a relay begins, by what came of those before."""

    def __init__(
        self, pause: Callable[[int], float], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._pause = pause
        self._now = now
        self._behind = 0
        self._failed = False
        self._failures = 0
        self._begun = 0.0
        self._again = 0.0

    def begin(self) -> int:
        """A round begins behind the row with this id; 0: with the first."""
        if not self._failed and self._now() >= self._again:
            self._behind = 0
        self._begun = self._now()
        return self._behind

    def nothing(self) -> None:
        """The round has found no rows."""
        self._failed = False
        if not self._behind:
            self._failures = 0

    def end(self, last: int, *, failed: bool) -> None:
        """The round came to the row with this id; `failed`: not all of it was sent."""
        self._failed = failed
        if failed and not self._behind:
            took = self._now() - self._begun
            self._again = self._now() + max(self._pause(self._failures), took)
            self._failures += 1
        elif not self._behind:
            self._failures = 0
        if failed or self._behind:
            self._behind = last
