"""A broker of a test's own, which can also be reached through a line that the test bends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from deploy.embedded.kafka import Kafka
from deploy.embedded.ports import LOOPBACK, take
from deploy.embedded.probes import kafka_answers
from deploy.embedded.process import Child
from shared.runtime.topics import declare
from tests.chaos.proxy import Proxy
from tests.waiting import until


class Bent:
    """A broker with a second listener, whose clients come through a line that can be cut."""

    def __init__(self, folder: Path) -> None:
        names = ("kafka", "controller", "behind", "line")
        self._ports = take(names, folder / "ports.json")
        self._folder = folder
        self.line = Proxy(LOOPBACK, self._ports["behind"], self._ports["line"])
        self.turn = asyncio.Lock()
        """There is one line, for one service at a time."""

    @property
    def near(self) -> str:
        """The broker at the end of the line."""
        return f"{LOOPBACK}:{self._ports['line']}"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """The broker's own address while it runs."""
        at = {name: f"{LOOPBACK}:{port}" for name, port in self._ports.items()}
        properties = {
            "listeners": f"CLIENT://{at['kafka']},CONTROLLER://{at['controller']},"
            f"BENT://{at['behind']}",
            "advertised.listeners": f"CLIENT://{at['kafka']},BENT://{at['line']}",
            "listener.security.protocol.map": "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT,"
            "BENT:PLAINTEXT",
        }
        broker = Kafka(
            self._folder / "kafka",
            self._ports["kafka"],
            self._ports["controller"],
            self._folder / "kafka.log",
            properties=properties,
        )
        child = Child(broker.prepare())
        try:
            await until(partial(kafka_answers, broker.bootstrap), 60)
            await self.line.start()
            await declare(broker.bootstrap)  # dead letters have a topic
            yield broker.bootstrap
        finally:
            await self.line.stop()
            child.kill()
            child.wait(10)
