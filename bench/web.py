"""Screenings over HTTP, one by one and in a batch, beside loops that do less for each."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.ground import Ground, Stuck
from bench.topics import OUT
from bench.workload import SITES, TRIALS
from deploy.embedded.probes import http_answers
from deploy.tokens import Bearer, issue

SINGLE, LINES, CONNECTIONS = 1000, 2000, 16
WARM_UP = 400
"""Requests before any measurement: connections are opened then, and their statements planned."""
FORM = json.loads(Path(__file__).with_name("form.json").read_text())


@dataclass
class Web:
    """The measurements."""

    ground: Ground
    subjects: int = 0
    token: str = ""

    async def single(self) -> float:
        """Screenings a second through the platform's service, each a request."""
        async with self._service() as port:
            return await self._warm(port, f"/v1/trials/{TRIALS[0]}/screenings")

    async def batch(self) -> float:
        """Screenings a second as lines of one request."""
        body = b"\n".join(self._bodies(LINES))
        async with self._service() as port:
            await self._requests(port, f"/v1/trials/{TRIALS[0]}/screenings", WARM_UP)
            head = self._head(f"/v1/trials/{TRIALS[0]}/screenings/batch", len(body), close=True)
            started = time.perf_counter()
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**26)
            writer.write(head + body)
            answer = await reader.read()
            seconds = time.perf_counter() - started
            writer.close()
        if answer.count(b'"verdict"') != LINES:
            raise Stuck(f"the batch was answered {answer[:300]!r}")
        return LINES / seconds

    async def route(self) -> float:
        """Screenings a second through a FastAPI route that checks the same form."""
        return await self._loop("fastapi_route", self.ground.address)

    async def least(self) -> float:
        """Screenings a second of which the rows alone are kept, by the platform's SQL."""
        return await self._loop("least", partial(self.ground.login, "screening"))

    async def _loop(self, module: str, address: Callable[[str], str]) -> float:
        ground, port = self.ground, self.ground.ports["route"]
        dsn = address(await ground.fresh("fresh"))
        where = ("--database", dsn, "--protocols", ground.state.folder / "protocols")
        program = ground.tool(module, *where, "--trial", TRIALS[0], "--port", port)
        child = await ground.start(program, partial(http_answers, port))
        try:
            return await self._warm(port, "/screenings")
        finally:
            await ground.stop(child)

    @asynccontextmanager
    async def _service(self) -> AsyncIterator[int]:
        """The screening service on an empty database, and its port."""
        ground = self.ground
        await ground.topics.rewind("screening", await ground.topics.empty(OUT))
        child = await ground.serving("screening", await ground.fresh("fresh"))
        self.token, _ = issue(ground.keys, Bearer("site"))
        try:
            yield ground.ports["screening"]
        finally:
            await ground.stop(child)

    def _bodies(self, count: int) -> list[bytes]:
        numbers = range(self.subjects, self.subjects + count)
        self.subjects += count
        return [
            json.dumps(
                {"subject": f"{SITES[n % len(SITES)]}-{n // len(SITES):06}", "form": FORM}
            ).encode()
            for n in numbers
        ]

    def _head(self, path: str, length: int, *, close: bool = False) -> bytes:
        kind = "application/x-ndjson" if path.endswith("batch") else "application/json"
        return (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\n"
            f"Authorization: Bearer {self.token}\r\nContent-Length: {length}\r\n"
            f"Connection: {'close' if close else 'keep-alive'}\r\n\r\n"
        ).encode()

    async def _warm(self, port: int, path: str) -> float:
        """Requests a second, once it has had others."""
        await self._requests(port, path, WARM_UP)
        return await self._requests(port, path, SINGLE)

    async def _requests(self, port: int, path: str, count: int) -> float:
        bodies = self._bodies(count)
        requests = [self._head(path, len(body)) + body for body in bodies]
        shares = [requests[at::CONNECTIONS] for at in range(CONNECTIONS)]
        started = time.perf_counter()
        await asyncio.gather(*(_one_after_the_other(port, share) for share in shares))
        return count / (time.perf_counter() - started)


async def _one_after_the_other(port: int, requests: Sequence[bytes]) -> None:
    """Send each request when the one before is answered, on one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for request in requests:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 201"):
                raise Stuck(f"a screening was answered {head[:200]!r}")
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length))
    finally:
        writer.close()
