"""Runs a service as it is, in a process that a test can end at a step of the runtime's work.

`python -m tests.chaos.launcher SERVICE` is `python -m services.SERVICE` (with a dot in it, SERVICE
is a module's own name) after functions of `shared.runtime` were wrapped in this process alone.

`TRIALOPS_CHAOS_STEPS` names a JSON file `{"service": ..., "step": ..., "nth": n}`, read at each
step: at the nth pass (1 where nothing is said) the process removes the file and kills itself.
Without the file nothing happens. `TRIALOPS_CHAOS_BUG` plants one of `tests.chaos.planted`.
"""

import json
import os
import runpy
import signal
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import asyncpg
from aiokafka import TopicPartition

from shared.runtime import watermark
from shared.runtime.batch import Batch
from shared.runtime.consumer import Consumer
from shared.runtime.database import Connection
from shared.runtime.kafka import InHand
from shared.runtime.relay import Relay
from shared.runtime.sender import Sender
from shared.runtime.watermark import Watermark
from tests.chaos import planted
from tests.chaos.replacing import replace

STEPS_FILE = "TRIALOPS_CHAOS_STEPS"
BUG = "TRIALOPS_CHAOS_BUG"
STEPS = (
    "after_claim",  # the batch's watermarks are raised, in the open transaction
    "before_commit",  # all of the batch is written; the COMMIT is next
    "after_commit",  # it is committed and not yet acknowledged
    "after_send",  # outbox rows are acknowledged by the broker and still there
    "before_delete",  # their DELETE is next
    "in_rebalance",  # partitions are being taken away
)

P = ParamSpec("P")
T = TypeVar("T")


class Steps:
    """Counts the passes of the step that the file names, and ends the process at the nth."""

    def __init__(self, service: str, file: Path) -> None:
        self._service = service
        self._file = file
        self._order: tuple[int, int] | None = None
        self._passes = 0

    def reached(self, step: str) -> None:
        """The process is at this step; it may not come back. A new file is counted anew."""
        try:
            status = self._file.stat()
            wanted = json.loads(self._file.read_text())
        except (FileNotFoundError, json.JSONDecodeError):  # none, or one still being written
            return
        order = status.st_ino, status.st_mtime_ns
        if order != self._order:
            self._order, self._passes = order, 0
        if (wanted["service"], wanted["step"]) != (self._service, step):
            return
        self._passes += 1
        if self._passes >= wanted.get("nth", 1):
            with suppress(FileNotFoundError):  # else another replica was first
                self._file.unlink()
                os.kill(os.getpid(), signal.SIGKILL)


def wrap(steps: Steps) -> None:
    """Put the steps into the runtime's functions."""
    saved, finished, transacted = watermark.save, Batch.finish, Consumer._transaction
    sent, drained, revoked = Sender.send, Relay._drain, InHand.on_partitions_revoked

    @wraps(saved)
    async def save(db: Connection, topic: str, marks: Iterable[Watermark]) -> None:
        await saved(db, topic, marks)
        steps.reached("after_claim")

    @wraps(finished)
    async def finish(self: Batch) -> None:
        await finished(self)
        steps.reached("before_commit")

    @wraps(sent)
    async def send(
        self: Sender, rows: Sequence[asyncpg.Record]
    ) -> tuple[list[int], Exception | None]:
        ids, fault = await sent(self, rows)
        if ids:
            steps.reached("after_send")
        return ids, fault

    @wraps(drained)
    async def drain(self: Relay, db: Any) -> None:
        await drained(self, BeforeDelete(db, steps))  # type: ignore[arg-type]  # it stands in

    @wraps(revoked)
    async def on_partitions_revoked(self: InHand, gone: set[TopicPartition]) -> None:
        if gone:  # a first join takes nothing away
            steps.reached("in_rebalance")
        await revoked(self, gone)

    replace(watermark, "save", save)
    replace(Batch, "finish", finish)
    replace(Consumer, "_transaction", _then(transacted, lambda: steps.reached("after_commit")))
    replace(Sender, "send", send)
    replace(Relay, "_drain", drain)
    replace(InHand, "on_partitions_revoked", on_partitions_revoked)


class BeforeDelete:
    """A connection that is at a step before it deletes from the outbox."""

    def __init__(self, db: Connection, steps: Steps) -> None:
        self._db = db
        self._steps = steps

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    async def execute(self, statement: str, *arguments: object) -> str:
        """The statement, as it is."""
        if arguments and arguments[0] and "DELETE FROM outbox" in statement:
            self._steps.reached("before_delete")
        return await self._db.execute(statement, *arguments)


def _then(call: Callable[P, Awaitable[T]], tell: Callable[[], None]) -> Callable[P, Any]:
    @wraps(call)
    async def told(*arguments: P.args, **named: P.kwargs) -> T:
        result = await call(*arguments, **named)
        tell()
        return result

    return told


def main(name: str) -> None:
    """Run the service, wrapped as the environment says."""
    if file := os.environ.get(STEPS_FILE):
        wrap(Steps(name, Path(file)))
    if bug := os.environ.get(BUG):
        planted.plant(bug)
    del sys.argv[1:]  # ours, and not the service's
    runpy.run_module(name if "." in name else f"services.{name}", run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1])
