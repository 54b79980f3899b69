"""The line does to a connection what a test asks of it, and nothing else."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import pytest

from tests.chaos.proxy import Proxy

SOON = 5.0
NEVER = 0.2
"""Seconds after which nothing is taken to come."""


class Far:
    """A server that notes what it is told and says it back."""

    def __init__(self) -> None:
        self.told = b""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(1024):
                self.told += data
                writer.write(data)
        writer.close()


@pytest.fixture
async def far() -> Far:
    return Far()


@pytest.fixture
async def line(far: Far) -> AsyncIterator[Proxy]:
    server = await asyncio.start_server(far.answer, "127.0.0.1", 0)
    proxy = Proxy("127.0.0.1", server.sockets[0].getsockname()[1])
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()
        server.close()
        await server.wait_closed()


class Near:
    """A client of the line."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def hears(self, seconds: float = SOON) -> bytes:
        """What comes, b"" where the connection has ended; TimeoutError where nothing does."""
        try:
            return await asyncio.wait_for(self._reader.read(1024), seconds)
        except ConnectionResetError:
            return b""

    async def asks(self, words: bytes, seconds: float = SOON) -> bytes:
        self.writer.write(words)
        return await self.hears(seconds)


Connect = Callable[[], Awaitable[Near]]


@pytest.fixture
async def near(line: Proxy) -> AsyncIterator[Connect]:
    """Makes clients."""
    made: list[Near] = []

    async def connect() -> Near:
        made.append(Near(*await asyncio.open_connection("127.0.0.1", line.port)))
        return made[-1]

    yield connect
    for client in made:
        client.writer.close()


async def test_it_passes_on_until_it_is_cut_and_again_once_it_is_mended(
    line: Proxy, near: Connect
) -> None:
    client = await near()
    assert await client.asks(b"one") == b"one"
    port = line.port
    await line.cut()
    assert await client.hears() == b""
    with pytest.raises(ConnectionRefusedError):
        await near()
    await line.mend()
    assert line.port == port
    assert await (await near()).asks(b"two") == b"two"


async def test_half_open_it_takes_connections_and_says_nothing(
    line: Proxy, far: Far, near: Connect
) -> None:
    client = await near()
    assert await client.asks(b"one") == b"one"
    line.half_open()
    with pytest.raises(TimeoutError):
        await client.asks(b"two", NEVER)
    with pytest.raises(TimeoutError):
        await (await near()).asks(b"three", NEVER)
    assert far.told == b"one"
    await line.mend()
    assert await client.hears() == b"two"


async def test_slow_it_takes_its_time_both_ways(line: Proxy, near: Connect) -> None:
    client = await near()
    line.slow(0.1)
    asked = asyncio.get_running_loop().time()
    assert await client.asks(b"one") == b"one"
    assert asyncio.get_running_loop().time() - asked > 0.19


async def test_an_answer_is_lost_and_its_question_was_heard(
    line: Proxy, far: Far, near: Connect
) -> None:
    client, other = await near(), await near()
    line.lose_answer_to(b"COMMIT")
    assert await client.asks(b"BEGIN") == b"BEGIN"
    client.writer.write(b"x COM")
    assert await client.hears() == b"x COM"
    assert await client.asks(b"MIT;") == b""
    assert far.told.endswith(b"x COMMIT;")
    assert line.robbed.is_set()
    assert await other.asks(b"COMMIT") == b"COMMIT", "one answer alone is lost"
