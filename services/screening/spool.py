"""Answers on their way to a client that reads when it likes: first in, first out.

What the client has not taken yet waits in memory up to a bound, then in a temporary file, and
above a bound on that the maker waits.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator

from starlette.concurrency import run_in_threadpool

_IN_MEMORY = 4 * 1024 * 1024
_READ = 256 * 1024
#: About 90,000 answers: as many lines may be sent by a client that reads none meanwhile.
LONGEST = 1024 * 1024 * 1024


class Spool:
    """One maker puts, one taker iterates."""

    def __init__(self, longest: int = LONGEST) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - close()
        self._longest = longest
        self._put = self._taken = 0
        self._ended = False
        self._turn = asyncio.Lock()
        self._changed = asyncio.Condition(self._turn)

    @property
    def waiting(self) -> int:
        """Bytes that were put and not taken."""
        return self._put - self._taken

    async def put(self, data: bytes) -> None:
        """Add answers, once there is room."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.waiting < self._longest)
            await run_in_threadpool(self._write, data)
            self._changed.notify_all()

    async def end(self) -> None:
        """Nothing more will be put."""
        async with self._changed:
            self._ended = True
            self._changed.notify_all()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: self.waiting or self._ended)
                if not self.waiting:
                    return
                data = await run_in_threadpool(self._read)
                self._changed.notify_all()
            yield data

    def close(self) -> None:
        """Forget what nobody took."""
        self._file.close()

    def _write(self, data: bytes) -> None:
        self._file.seek(self._put)
        self._file.write(data)
        self._put += len(data)

    def _read(self) -> bytes:
        self._file.seek(self._taken)
        data = self._file.read(_READ)
        self._taken += len(data)
        if not self.waiting:  # begin again, so that the file is no longer than what waits
            self._file.seek(0)
            self._file.truncate()
            self._put = self._taken = 0
        return data
