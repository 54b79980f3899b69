"""Before the first record and request: is the database the one that the service worked on last?

Until that is known nothing is consumed, drawn, relayed or answered but health: a restored, older
database would draw again what the world has heard of. So a service that starts without Kafka waits
for it. One that must refuse stays up: a process that ends would be started again and again and
could not be asked why, and this one goes on by itself once a person has decided.
"""

import asyncio
from collections.abc import Sequence

from aiokafka.errors import KafkaError
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.runtime import database, logs
from shared.runtime.database import Pool
from shared.runtime.kafka_access import refusal
from shared.runtime.problems import Problem
from shared.runtime.restored import Behind, Check
from shared.runtime.rewound import rewind
from shared.runtime.settings import Settings

_log = logs.logger("opening")

_LOOK_AGAIN_S = 1.0
_TOLD_AGAIN = 60  # looks between two lines that say the same
_ALWAYS = frozenset({"/livez", "/readyz", "/metrics", "/openapi.json"})


class Opening:
    """Whether the service is at work, and why it is not."""

    def __init__(self) -> None:
        self.done = False
        self.why = "The service has just started."
        self.refuses = False

    async def history(self) -> bool:
        """The database knows all that its own topics hold."""
        return self.done

    async def check(
        self, service: str, heard: Sequence[str], pool: Pool, settings: Settings
    ) -> None:
        """Return once the database is as new as the service's topics; its offsets no newer."""
        pause = database.pauses(settings)
        failures = 0
        while True:
            try:
                async with Check(service, pool, settings) as check:
                    await self._until_known(check)
                await rewind(service, heard, pool, settings)
                break
            except (KafkaError, OSError) as fault:
                self.why = "The service waits for Kafka, to compare its database with its topics."
                told = await refusal(settings) or "topics cannot be read yet"
                logs.warn(_log, told, fault, attempt=failures)
            except Exception as fault:
                if not database.passing(fault):
                    raise
                self.why = "The service waits for its database."
                logs.warn(_log, "database out of reach", fault, attempt=failures)
            await asyncio.sleep(pause(failures))
            failures += 1

    def told(self) -> dict[str, object]:
        """Why the service is not at work, and whether a person must decide."""
        return {} if self.done else {"refuses": self.refuses, "why": self.why}

    async def _until_known(self, check: Check) -> None:
        looks = 0
        while behind := await check.look():
            self.refuses, self.why = True, behind.line()
            if looks % _TOLD_AGAIN == 0:
                _tell(behind)
            looks += 1
            await asyncio.sleep(_LOOK_AGAIN_S)
        self.refuses, self.why = False, "The service begins its work."


def _tell(behind: Behind) -> None:
    """One line a topic."""
    for topic, count in behind.counts():
        logs.warn(_log, _AHEAD, topic=topic, count=count)
    for topic in behind.lost:
        logs.warn(_log, _LOST, topic=topic)


_AHEAD = (
    "refuses to work: the database is older than its topic, this many keys are ahead of it;"
    " restore a newer backup, or decide with: trialops restore SERVICE"
)
_LOST = (
    "refuses to work: the topic ends before what was acknowledged, Kafka has lost records;"
    " bring them back, or decide with: trialops restore SERVICE"
)


class Doorway:
    """Lets requests through once the service is at work; before that, only those about health."""

    def __init__(self, app: ASGIApp, opening: Opening) -> None:
        self._app = app
        self._opening = opening

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._opening.done or scope["type"] != "http" or scope["path"] in _ALWAYS:
            await self._app(scope, receive, send)
            return
        refused = Problem(503, "unavailable", self._opening.why, headers={"retry-after": "5"})
        await refused.response()(scope, receive, send)
