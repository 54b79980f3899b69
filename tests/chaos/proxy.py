"""A TCP line to a server that a test can cut, slow, leave half open, forget or rob of one answer.

What is bent is this end of the line: client and server are the real ones. For Kafka the broker must
advertise the proxy's port, as clients go where it tells them to.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit, urlunsplit

_CHUNK = 65_536


class Proxy:
    """Passes bytes on between whoever connects to `port` and the target."""

    def __init__(self, target_host: str, target_port: int, port: int = 0) -> None:
        self._target = target_host, target_port
        self.port = port
        self._server: asyncio.Server | None = None
        self._lines: set[_Line] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._needle: bytes | None = None
        self._delay = 0.0
        self._flows = asyncio.Event()
        self._flows.set()
        self.robbed = asyncio.Event()
        """An answer was lost as `lose_answer_to` asked."""

    async def start(self) -> None:
        """Listen, on the same port each time."""
        if self._server is None:
            self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Break every connection and refuse new ones."""
        if self._server:
            self._server.close()
            self._server = None
        for line in list(self._lines):
            line.cut()
        self._flows.set()  # whoever waits sees that the line is cut
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def cut(self) -> None:
        """As `stop`; `mend` lets connections through again."""
        await self.stop()

    async def mend(self) -> None:
        """Everything passes, at once and both ways; what was held back by `half_open` follows."""
        self._delay = 0.0
        self._needle = None
        self._flows.set()
        await self.start()

    def slow(self, seconds: float) -> None:
        """Each piece of data takes that much longer, both ways."""
        self._delay = seconds

    def half_open(self) -> None:
        """Connections stay open and new ones are taken, but nothing arrives any more."""
        self._flows.clear()

    def forget(self) -> None:
        """Connections that there are stay open and say nothing more, ever; new ones pass: what
        stood at the other end went without a word, and another is in its place.
        """
        for line in self._lines:
            line.flows.clear()

    def lose_answer_to(self, needle: bytes) -> None:
        """The next message of a client that holds `needle` arrives; its answer is lost, and with it
        the connection.
        """
        self._needle = needle
        self.robbed.clear()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        line = _Line(writer, far_writer)
        self._lines.add(line)
        for work in (self._ask(line, reader), self._answer(line, far_reader)):
            task = asyncio.create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _ask(self, line: "_Line", client: asyncio.StreamReader) -> None:
        """From the client to the server."""
        tail = b""
        with suppress(OSError):
            while (data := await client.read(_CHUNK)) and await self._held(line):
                if self._needle is not None:
                    seen = tail + data
                    tail = seen[-len(self._needle) :]
                    if self._needle in seen:
                        self._needle, line.robbed = None, True
                line.server.write(data)
                await line.server.drain()
        if not line.robbed:
            self._end(line)

    async def _answer(self, line: "_Line", server: asyncio.StreamReader) -> None:
        """From the server to the client; an answer to be lost was given, so the work is done."""
        with suppress(OSError):
            while data := await server.read(_CHUNK):
                if line.robbed:
                    self.robbed.set()
                    break
                if not await self._held(line):
                    break
                line.client.write(data)
                await line.client.drain()
        self._end(line)

    async def _held(self, line: "_Line") -> bool:
        """Wait as long as the line is slow or half open; whether there still is one."""
        if self._delay:
            await asyncio.sleep(self._delay)
        await self._flows.wait()
        await line.flows.wait()
        return line in self._lines

    def _end(self, line: "_Line") -> None:
        line.cut()
        self._lines.discard(line)


class _Line:
    """One connection through the proxy."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.client = client
        self.server = server
        self.robbed = False
        self.flows = asyncio.Event()
        self.flows.set()

    def cut(self) -> None:
        self.flows.set()  # as above
        for end in (self.client, self.server):
            end.transport.abort()


@asynccontextmanager
async def proxied(address: str) -> AsyncIterator[tuple[Proxy, str]]:
    """A line to the server of this address (a URL), and the address at our end of it."""
    parts = urlsplit(address)
    line = Proxy(parts.hostname or "", parts.port or 0)
    await line.start()
    login = parts.netloc.rpartition("@")[0]
    near = parts._replace(netloc=f"{login}@127.0.0.1:{line.port}")
    try:
        yield line, urlunsplit(near)
    finally:
        await line.stop()
