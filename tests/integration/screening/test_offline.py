"""`trialops screen` as a process: it answers as it reads, and remembers nothing of it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.contracts.jsontext import dumps
from tests.unit.screening.forms import PROTOCOLS, good

COMMAND = (str(Path(sys.executable).with_name("trialops")), "screen", "--trial", "NCT06903312")
MANY = 2400


def line(number: int) -> bytes:
    """A form that differs from the others; every fiftieth line is none."""
    if number % 50 == 49:
        return b'{"subject": "IT001-0001", "form": {"age": "old"}}\n'
    form = good(age=18 + number % 70)
    return dumps({"subject": f"IT001-{number:06}", "form": form}) + b"\n"


@contextmanager
def screening() -> Iterator[subprocess.Popen[bytes]]:
    """The command, its ends open."""
    process = subprocess.Popen(
        [*COMMAND, "--protocols", str(PROTOCOLS), "--as-of", "2026-04-01"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for end in (process.stdin, process.stdout):
            if end:
                end.close()


def resident_mb(process: subprocess.Popen[bytes]) -> float:
    """What the process holds of memory."""
    pages = int(Path("/proc", str(process.pid), "statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def test_each_line_is_answered_before_the_next_is_sent_and_none_is_kept() -> None:
    with screening() as process:
        assert process.stdin and process.stdout
        early = 0.0
        for number in range(MANY):
            process.stdin.write(line(number))
            process.stdin.flush()
            answer = json.loads(process.stdout.readline())
            assert ("errors" in answer) is (number % 50 == 49)
            if number == MANY // 4:
                early = resident_mb(process)
        assert resident_mb(process) < early + 4  # all answers together are 25 MB
        process.stdin.close()
        assert process.stdout.read() == b""
        assert process.wait(30) == 1
