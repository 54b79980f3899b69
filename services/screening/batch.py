"""Many forms in one request: a line each, good ones kept whatever the others are.

Lines are decided and committed in chunks while the body still arrives. The answers are spooled
and go out when the whole body has come: a client that reads nothing before it has sent everything
would otherwise stand still against us for ever.
"""

import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import IO

from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from services.screening import commands
from services.screening.commands import Submission, Trial
from services.screening.domain import Conflict
from shared.contracts import jsontext
from shared.runtime import database, http, idempotency, logs, outbox, problems
from shared.runtime.database import Connection
from shared.runtime.idempotency import Kept, Key
from shared.runtime.outbox import NewEvent
from shared.runtime.problems import Problem, conflict, too_large
from shared.runtime.routes import MAX_BODY, Call

_log = logs.logger("batch")

CHUNK_LINES = 100
_IN_MEMORY = 4 * 1024 * 1024
_READ = 256 * 1024


@dataclass(frozen=True, slots=True)
class Line:
    """One line, counted from 1; `raw` None: it is too long, and was not kept."""

    number: int
    raw: bytes | None


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
        """Take every line, then answer every line."""
        answers = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - _sent closes
        try:
            chunk: list[Line] = []
            async for line in self._lines():
                chunk.append(line)
                if len(chunk) == CHUNK_LINES:
                    await self._spool(answers, chunk)
                    chunk = []
            await self._spool(answers, chunk)
            answers.seek(0)
        except BaseException:
            answers.close()
            raise
        return StreamingResponse(_sent(answers), media_type="application/x-ndjson")

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

    async def _spool(self, answers: IO[bytes], chunk: Sequence[Line]) -> None:
        told = [answer + b"\n" for answer in await self._chunk(chunk)]
        await run_in_threadpool(answers.writelines, told)

    async def _chunk(self, chunk: Sequence[Line]) -> list[bytes]:
        """The chunk's answers; its good lines are committed when this returns."""
        if not chunk:
            return []
        read = [(line, self._one(line)) for line in chunk]
        good = [(line, one) for line, one in read if isinstance(one, Submission)]
        answers = {line.number: _told(line, p) for line, p in read if isinstance(p, Problem)}
        try:
            answers |= await self._call.work.transact(lambda db, now: self._keep(db, now, good))
        except Problem as problem:
            if len(chunk) > 1:  # one line's fault: each for itself
                return [answer for line in chunk for answer in await self._chunk([line])]
            answers |= {line.number: _told(line, problem) for line, _ in good}
        except Exception as fault:
            passes = database.passing(fault) or database.conflicting(fault)
            logs.warn(_log, "lines were not kept", fault, count=len(good))
            why = problems.unavailable() if passes else problems.internal()
            answers |= {line.number: _told(line, why) for line, _ in good}
        return [answers[line.number] for line in chunk]

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


async def _sent(answers: IO[bytes]) -> AsyncIterator[bytes]:
    with answers:
        while data := await run_in_threadpool(answers.read, _READ):
            yield data
