"""Many forms in one request: a line each, good ones kept whatever the others are.

While one chunk of lines is committed, the next is read and decided; answers go out while the body
still arrives. A client that reads none before it has sent everything does not stand still against
us: its answers are spooled.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel
from starlette.requests import ClientDisconnect
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from services.screening import commands
from services.screening.commands import Submission
from services.screening.domain import Conflict
from services.screening.spool import Spool
from services.screening.trial import Trial
from shared.contracts import jsontext
from shared.runtime import database, http, idempotency, logs, outbox, problems
from shared.runtime.database import Connection
from shared.runtime.idempotency import Kept, Key
from shared.runtime.outbox import NewEvent
from shared.runtime.problems import Problem, conflict, too_large
from shared.runtime.routes import MAX_BODY, Call

_log = logs.logger("batch")

CHUNK_LINES = 100
#: Other requests have their turn after so many lines were decided.
_AT_ONCE = 10


@dataclass(frozen=True, slots=True)
class Line:
    """One line, counted from 1; `raw` None: it is too long, and was not kept."""

    number: int
    raw: bytes | None


Decided = tuple[Line, Submission | Problem]


class Batch:
    """One request's lines on their way to its answers."""

    def __init__(
        self,
        call: Call,
        trial: Trial,
        read: Callable[..., Submission],
        body: type[BaseModel],
    ) -> None:
        self._call = call
        self._trial = trial
        self._read = read
        self._body = body

    async def respond(self) -> Response:
        """Answer every line as soon as it is kept; the first of the body is awaited."""
        answers = self._answers()
        first = await anext(answers, b"")
        return _Both(_after(first, answers), media_type="application/x-ndjson")

    async def _answers(self) -> AsyncGenerator[bytes, None]:
        spool = Spool()
        working = asyncio.create_task(self._work(spool))
        try:
            async for answers in spool:
                yield answers
            await working
        finally:
            working.cancel()
            with suppress(asyncio.CancelledError):
                await working
            spool.close()

    async def _work(self, spool: Spool) -> None:
        """Take every line; one chunk is being committed while the next is decided."""
        before: asyncio.Task[None] | None = None
        try:
            async with asyncio.TaskGroup() as group:
                with suppress(ClientDisconnect):  # what came is kept; there is nobody to tell
                    async for chunk in self._chunks():
                        if before:
                            await before
                        before = group.create_task(self._spool(spool, chunk))
        finally:
            await spool.end()

    async def _chunks(self) -> AsyncIterator[Sequence[Decided]]:
        chunk: list[Decided] = []
        async for line in self._lines():
            chunk.append((line, self._one(line)))
            if len(chunk) % _AT_ONCE == 0:
                await asyncio.sleep(0)
            if len(chunk) == CHUNK_LINES:
                yield chunk
                chunk = []
        if chunk:
            yield chunk

    async def _lines(self) -> AsyncIterator[Line]:
        """The body's lines; of a line over the limit no more than the limit is ever held."""
        number, held, too_long = 0, bytearray(), False
        async for data in self._call.request.stream():
            *ends, rest = data.split(b"\n")
            for piece in ends:
                held += piece
                number += 1
                fits = not too_long and len(held) <= MAX_BODY
                yield Line(number, bytes(held) if fits else None)
                held, too_long = bytearray(), False
            held += rest
            if len(held) > MAX_BODY:
                held, too_long = bytearray(), True
        if held or too_long:
            yield Line(number + 1, None if too_long else bytes(held))

    async def _spool(self, spool: Spool, chunk: Sequence[Decided]) -> None:
        await spool.put(b"".join([answer + b"\n" for answer in await self._kept(chunk)]))

    async def _kept(self, chunk: Sequence[Decided]) -> list[bytes]:
        """The chunk's answers; its good lines are committed when this returns."""
        good = [(line, one) for line, one in chunk if isinstance(one, Submission)]
        answers = {line.number: _told(line, p) for line, p in chunk if isinstance(p, Problem)}
        try:
            if good:
                answers |= await self._call.work.transact(lambda db, now: self._keep(db, now, good))
        except Problem as problem:
            if len(chunk) > 1:  # one line's fault: each for itself
                return [answer for one in chunk for answer in await self._kept([one])]
            answers |= {line.number: _told(line, problem) for line, _ in good}
        except Exception as fault:
            passes = database.passing(fault) or database.conflicting(fault)
            logs.warn(_log, "lines were not kept", fault, count=len(good))
            why = problems.unavailable() if passes else problems.internal()
            answers |= {line.number: _told(line, why) for line, _ in good}
        return [answers[line.number] for line, _ in chunk]

    def _one(self, line: Line) -> Submission | Problem:
        if line.raw is None:
            return too_large(f"The line is over {MAX_BODY // 1024} KiB.")
        try:
            return self._read(http.parse(self._body, line.raw))
        except Problem as problem:
            return problem

    async def _keep(
        self, db: Connection, now: datetime, good: Sequence[tuple[Line, Submission]]
    ) -> dict[int, bytes]:
        """Keep the good lines of a chunk, each under its own key."""
        keys: dict[int, Key] = {}
        for line, _ in good:
            if key := self._call.key(line.raw, line.number):
                keys[line.number] = key
        first = dict(zip(keys, await idempotency.claim_all(db, list(keys.values())), strict=True))
        todo = [(line, one) for line, one in good if first.get(line.number) is None]
        results = await commands.submit(
            db, self._trial, [one for _, one in todo], self._call.caller.sub, now
        )
        answers: dict[int, bytes] = {}
        events: list[NewEvent] = []
        new: list[tuple[Key, Kept]] = []
        refused: list[Key] = []
        for (line, _), result in zip(todo, results, strict=True):
            key = keys.get(line.number)
            if isinstance(result, Conflict):
                problem = conflict(result.type, f"Not possible: {result.detail}.")
                answers[line.number] = _told(line, problem)
                refused += [key] if key else []
                continue
            answers[line.number] = commands.answer(result.kept)
            events += result.events
            new += [(key, Kept(201, answers[line.number]))] if key else []
        await idempotency.keep(db, new)
        await idempotency.release(db, refused)
        for line, _ in good:
            match first.get(line.number):
                case Kept(answer=answer):
                    answers[line.number] = answer
                case Problem() as problem:
                    answers[line.number] = _told(line, problem)
                case None:
                    pass
        await outbox.add(db, self._call.work.service, events)
        return answers


def _told(line: Line, problem: Problem) -> bytes:
    return jsontext.dumps(problem.body(line=line.number))


async def _after(first: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
    async with aclosing(rest):
        yield first
        async for answers in rest:
            yield answers


class _Both(StreamingResponse):
    """An answer that goes out while the request still comes in.

    Starlette's own listens for the client's going, and would take the body for it.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.stream_response(send)
