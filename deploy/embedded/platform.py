"""The supervisor: Kafka, PostgreSQL, mailbox and services, each a child process, start to stop."""

import argparse
import asyncio
import json
import os
import signal
import sys
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from deploy.embedded import acls, database
from deploy.embedded.files import write_private
from deploy.embedded.kafka import Kafka
from deploy.embedded.kafka_logins import KafkaLogins
from deploy.embedded.keeper import Deaths, Keeper, NotReady, Report
from deploy.embedded.keys import Keys
from deploy.embedded.ports import LOOPBACK, take
from deploy.embedded.postgres import Postgres
from deploy.embedded.probes import (
    has_begun,
    kafka_answers,
    postgres_answers,
    refusal,
    smtp_answers,
)
from deploy.embedded.process import started_at
from deploy.embedded.services import (
    SERVICES,
    Backing,
    ServiceProcess,
    mailbox_program,
    protocols_folder,
    replicas,
)
from deploy.embedded.state import State
from deploy.wrong_use import WrongUse
from shared.contracts import study, versions

READY = "ready"  # the last line of a start that went well
_SECONDS_TO_READY = 90.0
_SERVERS = ("kafka", "controller", "postgres", "mailbox")


class Platform:
    """Everything that runs in one state folder; use it once, in the main thread.

    `secure`: Kafka asks everybody for a login, and lets a service do no more than it must.
    """

    def __init__(
        self, state: State, counts: dict[str, int], report: Report, *, secure: bool = False
    ) -> None:
        self._state = state
        self._report = report
        self._keys = Keys(state.keys)
        self._logins = KafkaLogins(self._keys) if secure else None
        self._replicas = replicas(counts)
        self._deaths = Deaths()
        self._outside: dict[str, str] = {}
        self._servers: list[Keeper] = []
        self._services: list[Keeper] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Start all, then keep it running until SIGTERM or SIGINT; then stop all, in order."""
        told_to_stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, told_to_stop.set)
        stop = asyncio.create_task(told_to_stop.wait())
        start = asyncio.create_task(self._start())
        try:
            await asyncio.wait({start, stop}, return_when=asyncio.FIRST_COMPLETED)
            if start.done():
                start.result()
                await stop
        finally:
            start.cancel()
            stop.cancel()
            await self._stop()

    async def _start(self) -> None:
        self._state.endpoints.unlink(missing_ok=True)  # of a supervisor that was killed
        self._keys.prepare()
        self._state.people.prepare(_protocols())
        if not self._state.clock.exists():
            write_private(self._state.clock, json.dumps({"offset_seconds": 0}))
        names = (*_SERVERS, *(replica.name for replica in self._replicas))
        ports = take(names, self._state.ports)
        backing = await self._start_servers(ports)
        self._report("preparing databases and topics")
        await self._prepare(backing)
        urls = {service: f"http://{LOOPBACK}:{ports[service]}" for service in SERVICES}
        processes = [
            ServiceProcess(replica, ports[replica.name], urls, self._state, backing, self._keys)
            for replica in self._replicas
        ]
        await self._start_services(processes)
        login = None if self._logins is None else self._logins.admin_file
        self._state.write_endpoints(urls, backing.kafka, backing.postgres, login)
        self._report(READY)

    async def _start_servers(self, ports: dict[str, int]) -> Backing:
        """Kafka and PostgreSQL, our own or those that the environment names, and the mailbox."""
        folder, log = self._state.folder, self._state.log
        postgres = os.environ.get("TRIALOPS_POSTGRES")
        if postgres:
            self._outside["postgres"] = postgres
        else:
            password = self._keys.superuser_password_file
            own = Postgres(folder / "postgres", ports["postgres"], password, log("postgres"))
            postgres = own.dsn()
            probe = partial(postgres_answers, postgres)
            self._servers.append(Keeper("postgres", postgres, own.prepare, probe))
        kafka = os.environ.get("TRIALOPS_KAFKA")
        if kafka:
            self._outside["kafka"] = f"kafka://{kafka}"
        else:
            broker = Kafka(folder / "kafka", ports["kafka"], ports["controller"], log("kafka"))
            if self._logins is not None:
                self._logins.prepare()
                users, properties = self._logins.users(), self._logins.properties()
                broker = replace(broker, users=users, properties=properties)
            kafka = broker.bootstrap
            probe = partial(kafka_answers, kafka)
            self._servers.append(Keeper("kafka", f"kafka://{kafka}", broker.prepare, probe))
        letters = ports["mailbox"]
        mailbox = partial(mailbox_program, self._state, letters)
        probe = partial(smtp_answers, letters)
        self._servers.append(Keeper("mailbox", f"smtp://{LOOPBACK}:{letters}", mailbox, probe))
        await self._start_together(self._servers)
        secured = self._logins is not None
        return Backing(kafka, await database.make(postgres), f"{LOOPBACK}:{letters}", secured)

    async def _prepare(self, backing: Backing) -> None:
        # Both take their seconds, and wait for different servers.
        await asyncio.gather(self._prepare_kafka(backing), self._prepare_databases(backing))

    async def _prepare_kafka(self, backing: Backing) -> None:
        from shared.runtime import topics

        if self._logins is None:
            await topics.declare(backing.kafka)
        else:
            admin = self._logins.admin_access(backing.kafka)
            await topics.declare(admin)
            await acls.enforce(admin)

    async def _prepare_databases(self, backing: Backing) -> None:
        from shared.runtime import migrate

        for service in SERVICES:
            password = self._keys.database_password(service)
            await migrate.prepare(backing.postgres, service, password)

    async def _start_services(self, processes: list[ServiceProcess]) -> None:
        for process in processes:
            probe = partial(has_begun, process.port)
            name = process.replica.name
            self._services.append(Keeper(name, process.url, process.program, probe))
        await self._start_together(self._services)
        for process in processes:
            if why := await refusal(process.port):
                self._report(why)

    async def _start_together(self, keepers: list[Keeper]) -> None:
        if keepers:
            self._report(f"waiting for {', '.join(keeper.name for keeper in keepers)}")
        for keeper in keepers:
            task = asyncio.create_task(keeper.keep(self._deaths, self._report, self._note))
            self._tasks.add(task)
        async with asyncio.TaskGroup() as group:
            for keeper in keepers:
                group.create_task(self._wait_for(keeper))

    async def _wait_for(self, keeper: Keeper) -> None:
        await keeper.ready(_SECONDS_TO_READY)
        self._report(f"{keeper.name} is up")

    def _note(self) -> None:
        """Write down who runs, for `status` and `down`."""
        rows: list[dict[str, object]] = [
            {"name": name, "address": address, "pid": None, "began": None}
            for name, address in self._outside.items()
        ]
        for keeper in (*self._servers, *self._services):
            if keeper.child is not None:
                pid = keeper.child.pid
                row = {"name": keeper.name, "address": keeper.address, "pid": pid}
                rows.append(row | {"began": started_at(pid)})
        write_private(self._state.processes, json.dumps(rows, indent=1))

    async def _stop(self) -> None:
        """Services first, while what they stand on is there; then Kafka and PostgreSQL."""
        self._report("stopping")
        for floor in (self._services, self._servers):
            await asyncio.gather(*(keeper.stop(self._deaths) for keeper in floor))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._state.endpoints.unlink(missing_ok=True)
        self._state.processes.unlink(missing_ok=True)
        self._report("stopped")


def _protocols() -> list[study.Protocol]:
    """The trials, each with all its sites; NotReady where a file is at fault."""
    try:
        return [of.last for of in versions.load_all(protocols_folder()).values()]
    except study.ProtocolError as fault:
        raise NotReady(str(fault)) from None


def serve(state: State, counts: dict[str, int], report: Report, *, secure: bool = False) -> int:
    """Run a platform here until it is told to stop; exit code 1 if it did not get ready."""

    async def run() -> None:
        await Platform(state, counts, report, secure=secure).run()

    faults: list[str] = []
    os.umask(0o077)
    with state.locked():
        try:
            asyncio.run(run())
        except* NotReady as group:
            faults = [str(fault) for fault in group.exceptions]
    for fault in faults:
        report(fault)
    return 1 if faults else 0


def main() -> int:
    """The process behind `up --detach`: speaks to its log, and to `--progress` until ready."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--replicas", type=json.loads, default={})
    parser.add_argument("--progress", type=int, required=True, help="a file descriptor")
    parser.add_argument("--secure", action="store_true")
    arguments = parser.parse_args()
    progress = os.fdopen(arguments.progress, "w", buffering=1)

    def report(line: str) -> None:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
        with suppress(OSError, ValueError):  # nobody listens any more
            progress.write(f"{line}\n")
            if line == READY:
                progress.close()

    try:
        state = State(arguments.state)
        return serve(state, arguments.replicas, report, secure=arguments.secure)
    except WrongUse as fault:
        report(str(fault))
        return 2
    except Exception as fault:
        report(f"{type(fault).__name__}: {fault}")  # to whoever waits; the log gets it all
        raise


if __name__ == "__main__":
    sys.exit(main())
