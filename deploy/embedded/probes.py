"""Whether a server answers, asked in its own protocol; a probe says False and raises nothing."""

import asyncio
import json
import struct
import time
from collections.abc import Awaitable, Callable

import asyncpg

Probe = Callable[[], Awaitable[bool]]

_API_VERSIONS = struct.pack(
    ">ihhih", 10, 18, 0, 1, -1
)  # size, api, version, correlation, no client id


async def kafka_answers(bootstrap: str, seconds: float = 2.0) -> bool:
    """True if the broker answers an ApiVersions request without error."""
    host, _, port = bootstrap.split(",", maxsplit=1)[0].rpartition(":")
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(host, int(port))
            try:
                writer.write(_API_VERSIONS)
                _size, _correlation, error = struct.unpack(">iih", await reader.readexactly(10))
            finally:
                writer.close()
    except (OSError, asyncio.IncompleteReadError):  # a TimeoutError is an OSError
        return False
    return bool(error == 0)


async def postgres_answers(dsn: str, seconds: float = 2.0) -> bool:
    """True if the server takes a login and a query."""
    try:
        async with asyncio.timeout(seconds):
            connection = await asyncpg.connect(dsn)
            try:
                return bool(await connection.fetchval("select true"))
            finally:
                connection.terminate()
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False


async def http_answers(port: int, path: str = "/readyz", seconds: float = 2.0) -> bool:
    """True if a GET is answered with 200."""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(request.encode())
                status_line = await reader.readline()
            finally:
                writer.close()
    except OSError:
        return False
    return status_line.split()[1:2] == [b"200"]


async def refusal(port: int, seconds: float = 2.0) -> str | None:
    """Why a service refuses to work until a person decides, None if it does not."""
    request = b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(request)
                body = (await reader.read()).partition(b"\r\n\r\n")[2]
            finally:
                writer.close()
        told = json.loads(body)
    except (OSError, ValueError):
        return None
    return str(told["why"]) if told.get("refuses") else None


async def has_begun(port: int) -> bool:
    """True if a service is ready, or refuses to work until a person decides."""
    return await http_answers(port) or await refusal(port) is not None


async def smtp_answers(port: int, seconds: float = 2.0) -> bool:
    """True if the mail server greets."""
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                greeting = await reader.readline()
                writer.write(b"QUIT\r\n")
                await reader.readline()
            finally:
                writer.close()
    except OSError:
        return False
    return greeting.startswith(b"220 ")


async def until(probe: Probe, seconds: float, every: float = 0.05) -> bool:
    """Ask again and again until the answer is yes; False when the seconds have passed."""
    deadline = time.monotonic() + seconds
    while not await probe():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(every)
    return True
