"""The two clocks: the platform's, an argument of every decision, and the wall's."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path


def wall() -> datetime:
    """The wall's time: tokens, sessions, leases. UTC."""
    return datetime.now(UTC)


class PlatformClock:
    """The platform's time: the wall's, moved by the offset that the clock file holds.

    The file is `{"offset_seconds": N}`, replaced as a whole; it is read again when it was replaced.
    A missing file is no offset.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._seen: tuple[int, int] | None = None
        self._offset = timedelta()

    def now(self) -> datetime:
        """The platform's now. UTC."""
        return wall() + self.offset()

    def offset(self) -> timedelta:
        """How far the platform's clock is ahead of the wall's."""
        if self._file is None:
            return self._offset
        try:
            status = self._file.stat()
        except FileNotFoundError:
            return self._offset
        if (seen := (status.st_mtime_ns, status.st_ino)) != self._seen:
            seconds = json.loads(self._file.read_text())["offset_seconds"]
            self._offset, self._seen = timedelta(seconds=seconds), seen
        return self._offset
