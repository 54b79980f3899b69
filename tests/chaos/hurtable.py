"""The process of a platform to be hurt: the supervisor, with what a service's program is wrapped.

So that the product has no switch for it: each service is started by our launcher with what a fault
has equipped it with, and the broker has a second listener whose clients come through a proxy.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch
from urllib.parse import urlsplit

from deploy.embedded import platform
from deploy.embedded.kafka import Kafka
from deploy.embedded.ports import LOOPBACK
from deploy.embedded.process import Program
from deploy.embedded.services import ServiceProcess
from deploy.embedded.state import State
from tests.chaos.stage import DATABASE_PORT, EQUIPMENT, PROXIED, steps_file

_plain_program = ServiceProcess.program
_plain_properties = Kafka._write_properties


def _program(process: ServiceProcess) -> Program:
    """The service by our launcher, with what a fault has equipped it with."""
    plain = _plain_program(process)
    path = process.state.folder / EQUIPMENT
    equipment = json.loads(path.read_text()) if path.exists() else {}
    steps = {"TRIALOPS_CHAOS_STEPS": str(steps_file(process.state.folder, process.replica.name))}
    environment = {**plain.environment, **steps, **equipment.get(process.replica.name, {})}
    if port := environment.pop(DATABASE_PORT, None):
        parts = urlsplit(environment["TRIALOPS_DATABASE"])
        login = parts.netloc.rpartition("@")[0]
        near = parts._replace(netloc=f"{login}@{LOOPBACK}:{port}")
        environment["TRIALOPS_DATABASE"] = near.geturl()
    launcher = (sys.executable, "-m", "tests.chaos.launcher", process.replica.service)
    return replace(plain, command=launcher, environment=environment)


def _properties(kafka: Kafka, name: str, data: Path) -> Path:
    """The broker's settings with a second listener, whose clients come through the proxy."""
    path = _plain_properties(kafka, name, data)
    behind, proxy = os.environ[PROXIED].split(",")
    lines = []
    for line in path.read_text().splitlines():
        match line.partition("=")[0]:
            case "listeners":
                lines.append(f"{line},PROXIED://{LOOPBACK}:{behind}")
            case "advertised.listeners":
                lines.append(f"{line},PROXIED://{LOOPBACK}:{proxy}")
            case "listener.security.protocol.map":
                lines.append(f"{line},PROXIED:PLAINTEXT")
            case _:
                lines.append(line)
    path.write_text("\n".join(lines))
    return path


@contextmanager
def _wrapped() -> Iterator[None]:
    with (
        patch.object(ServiceProcess, "program", _program),
        patch.object(Kafka, "_write_properties", _properties),
    ):
        yield


def main() -> int:
    """Run the platform until it is told to stop; what it says goes to its log."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--replicas", type=json.loads, default={})
    arguments = parser.parse_args()

    def report(line: str) -> None:
        sys.stderr.write(f"{time.strftime('%H:%M:%S')} {line}\n")
        sys.stderr.flush()

    with _wrapped():
        return platform.serve(State(arguments.state), arguments.replicas, report)


if __name__ == "__main__":
    sys.exit(main())
