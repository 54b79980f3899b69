"""The tiny service in real processes on a real broker and database, and what must hold of it.

What is checked is read from the database and the topics alone.
"""

import json
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.process import BaseProcess
from pathlib import Path
from uuid import uuid4

import asyncpg

from shared.runtime import outbox
from tests.chaos import groups, launcher, tiny
from tests.chaos.forks import fork
from tests.chaos.promises import Event, of_effects, of_events, of_letters
from tests.chaos.tiny import Asked
from tests.integration.databases import Database, database
from tests.integration.runtime.records import Sent, sent
from tests.integration.runtime.running import make_topic, on_topic, produce
from tests.issuer import AUDIENCE, ISSUER, Issuer
from tests.waiting import until

MakeTopic = Callable[[str], Awaitable[str]]

TRIAL = "T1"
SERVICE = "tests.chaos.tiny"


def asked(numbers: Iterable[int], subjects: int = 4, bad: Sequence[str] = ()) -> list[Sent]:
    """Inputs, one of each subject for each number; those of the subjects `bad` cannot be noted."""
    names = [f"IT001-{subject:04}" for subject in range(subjects)]
    return [
        sent(number, name, data=Asked(subject=name, number=number, bad=name in bad), trial=TRIAL)
        for number in numbers
        for name in names
    ]


class Refused(Exception):
    """the service found at its start that something is wrong, and does not work"""


@dataclass
class Small:
    """One tiny service with its database and topics; `given` are the inputs that it has to note."""

    kafka: str
    database: Database
    folder: Path
    hears: str
    says: str
    open: AsyncExitStack
    """What ends with it, such as the lines that a fault has bent."""

    bug: str | None = None
    given: Counter[tuple[str, int]] = field(default_factory=Counter)
    refused: int = 0
    processes: list[BaseProcess] = field(default_factory=list)

    @property
    def log(self) -> Path:
        return self.folder / f"{self.hears}.log"

    @property
    def steps(self) -> Path:
        return self.folder / f"{self.hears}.json"

    # ---- its processes

    def start(self, replicas: int = 1, **settings: object) -> None:
        """Start it, told these settings."""
        told = {
            "service_port": 0,
            "kafka": self.kafka,
            "database": self.database.service,
            "protocols": self.folder,
            "keys": self.folder,
            "issuer": ISSUER,
            "audience": AUDIENCE,
            "jwks_file": self.folder / "jwks.json",
            "session_timeout_s": 6,
            "retry_first_s": 0.01,
            "retry_longest_s": 0.05,
            "retries": 1,
            "send_timeout_s": 5,
            "shutdown_s": 2,
            "relay_poll_s": 0.05,
        } | settings
        environment = {f"TRIALOPS_{name.upper()}": str(value) for name, value in told.items()}
        environment |= {
            tiny.HEARS: self.hears,
            tiny.SAYS: self.says,
            launcher.STEPS_FILE: str(self.steps),
        }
        if self.bug:
            environment[launcher.BUG] = self.bug
        self.log.touch()
        for _ in range(replicas):
            self.processes.append(fork(SERVICE, environment, self.log))

    async def works(self, members: int = 1) -> None:
        """Wait until so many processes are in the group; Refused where one will not begin."""

        async def joined() -> bool:
            log = self.log.read_text()
            assert all(process.is_alive() for process in self.processes), log
            if "refuses to work" in log:
                raise Refused(log)
            return len(await groups.members(self.kafka, self.hears)) == members

        await until(joined, 60, every=0.1)

    def kill_at(self, step: str, nth: int = 1) -> None:
        """A process will end at the nth pass of this step."""
        draft = self.steps.with_suffix(".new")
        draft.write_text(json.dumps({"service": SERVICE, "step": step, "nth": nth}))
        draft.rename(self.steps)

    async def killed(self) -> None:
        """Wait until the step has ended the process."""

        async def dead() -> bool:
            return not any(process.is_alive() for process in self.processes)

        await until(dead, 60)
        assert {process.exitcode for process in self.processes} == {-signal.SIGKILL}, (
            self.log.read_text()
        )
        await self.kill()

    async def kill(self) -> None:
        """SIGKILL to all of it; the group forgets them at once, not after the session."""
        for process in self.processes:
            process.kill()
            process.join(10)
        self.processes.clear()
        await groups.forget(self.kafka, self.hears)

    async def says_in_log(self, words: str) -> None:
        """Wait until the log holds these words."""

        async def there() -> bool:
            return words in self.log.read_text()

        await until(there, 60)

    # ---- what it is given

    async def produce(self, records: Sequence[Sent], *, again: bool = False) -> None:
        """Inputs on its topic; acknowledged, so each must have its effect, in order of its key."""
        await produce(self.kafka, self.hears, records)
        if not again:
            for record in records:
                one = Asked.decode(record.value or b"")
                self.refused += one.bad
                if not one.bad:
                    self.given[f"{TRIAL}:{one.subject}", one.number] += 1

    @asynccontextmanager
    async def command(self, records: Sequence[Sent]) -> AsyncIterator[None]:
        """A command's transaction, as another replica's: it is open for as long as the block."""
        tiny.Noted.TOPIC = self.says
        asks = [Asked.decode(record.value or b"") for record in records]
        db = await asyncpg.connect(
            self.database.service, server_settings={"search_path": tiny.SCHEMA}
        )
        try:
            async with db.transaction():
                await tiny.note(db, [(f"{TRIAL}:{one.subject}", one) for one in asks])
                now = datetime.now(UTC)
                await outbox.add(db, tiny.SCHEMA, [tiny.noted(one, TRIAL, now) for one in asks])
                yield
        finally:
            await db.close()
        self.given.update((f"{TRIAL}:{one.subject}", one.number) for one in asks)

    # ---- what must hold

    async def broken(self, seconds: float = 15) -> list[str]:
        """The promises that do not hold once it is at rest, in words; none where all is well."""
        found = []
        try:
            await until(self.at_rest, seconds, every=0.1)
        except AssertionError:
            found.append("I6 the backlog does not reach zero")
        async with owner(self.database) as db:
            rows = await db.fetch("SELECT key, number FROM effect ORDER BY nth")
            letters = await db.fetchval("SELECT count(*) FROM dead_letter")
        effects = [(row["key"], row["number"]) for row in rows]
        events = [
            Event(
                record.key.decode(),
                json.loads(record.value)["number"],
                int(dict(record.headers)["ce_sequence"]),
                dict(record.headers)["ce_id"],
            )
            for record in await on_topic(self.kafka, self.says)
        ]
        return [
            *found,
            *of_effects(self.given, effects),
            *of_letters(self.refused, letters),
            *of_events(effects, events),
        ]

    async def at_rest(self) -> bool:
        """All that it hears is acknowledged, and all that it says is sent."""
        async with owner(self.database) as db:
            if await db.fetchval("SELECT EXISTS (SELECT FROM outbox)"):
                return False
        heard = await groups.acknowledged(self.kafka, self.hears)
        return heard == await groups.length(self.kafka, self.hears)


@asynccontextmanager
async def owner(addresses: Database) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection that may look at everything in the service's schema."""
    db = await asyncpg.connect(addresses.owner, server_settings={"search_path": tiny.SCHEMA})
    try:
        yield db
    finally:
        await db.close()


@asynccontextmanager
async def small(
    kafka: str, postgres: str, folder: Path, bug: str | None = None, topic: MakeTopic = make_topic
) -> AsyncIterator[Small]:
    """A tiny service of its own, not yet started; `bug` is planted in its processes."""
    folder = folder / uuid4().hex[:8]
    folder.mkdir(parents=True)
    Issuer(folder)
    async with database(postgres, tiny.SCHEMA) as addresses:
        async with owner(addresses) as db:
            await db.execute(tiny.TABLE)
        hears, says = await topic(kafka), await topic(kafka)
        async with AsyncExitStack() as open_with_it:
            made = Small(kafka, addresses, folder, hears, says, open_with_it, bug)
            try:
                yield made
            finally:
                for process in made.processes:
                    process.kill()
                    process.join(10)
