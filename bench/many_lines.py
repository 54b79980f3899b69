"""`python -m bench.many_lines 1000000`: `trialops screen` over so many lines, and its memory
meanwhile.

The forms are those of ``lines``; one line in a thousand is bad, in one of several ways. Exit code
0 where each line was answered in its turn. JSON to standard output says what was seen, standard
error what is under way.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread
from typing import BinaryIO, Final

from bench.lines import forms

_FORMS: Final = 5_000
_SAMPLE_S: Final = 10
_COMMAND: Final = (
    str(Path(sys.executable).with_name("trialops")),
    *("screen", "--trial", "NCT06903312", "--as-of", "2026-04-01"),
)
_BAD: Final = (
    b"\n",
    b'{"subject": "IT001-1", "form": {"age": "old"}}\n',
    b'{"subject": "IT001-1", "form": \n',
    b'\xff\xfe{"subject": "IT001-1"}\n',
    b'"' + b"x" * 100_000 + b'"\n',
)


def main(count: int) -> int:
    """Run it over so many lines."""
    started = time.monotonic()
    with subprocess.Popen(_COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        if process.stdin is None or process.stdout is None:
            raise TypeError("both ends are pipes")
        feeder = Thread(target=_feed, args=(process.stdin, count))
        feeder.start()
        answered = misplaced = size = 0
        resident: list[tuple[int, float]] = []
        due = 0.0
        for answer in process.stdout:
            misplaced += not answer.startswith(_beginning(answered))
            answered += 1
            size += len(answer)
            if time.monotonic() >= due:
                due = time.monotonic() + _SAMPLE_S
                resident.append((answered, _resident_mb(process.pid)))
                sys.stderr.write(f"{answered} answers, {resident[-1][1]} MB resident\n")
        feeder.join()
    seconds = time.monotonic() - started
    told = {
        "lines": count,
        "answers": answered,
        "misplaced": misplaced,
        "answers_gb": round(size / 1e9, 2),
        "lines_s": round(answered / seconds),
        "exit_code": process.returncode,
        "resident_mb": {
            "first": resident[0],
            "least": min(mb for _, mb in resident[1:] or resident),
            "most": max(mb for _, mb in resident),
            "last": resident[-1],
        },
    }
    sys.stdout.write(json.dumps(told) + "\n")
    return 0 if answered == count and not misplaced else 1


def _feed(sink: BinaryIO, count: int) -> None:
    texts = [json.dumps(form).encode() for form in forms(_FORMS)]
    with sink:
        for n in range(count):
            if _bad(n):
                sink.write(_BAD[n // 1000 % len(_BAD)])
            else:
                sink.write(b'{"subject": "%s", "form": %s}\n' % (_subject(n), texts[n % _FORMS]))


def _beginning(n: int) -> bytes:
    """How the answer to a line begins."""
    return b'{"subject":' if _bad(n) else b'{"subject":"%s","protocol_version":' % _subject(n)


def _bad(n: int) -> bool:
    return n % 1000 == 999


def _subject(n: int) -> bytes:
    return b"IT%03d-%06d" % (1 + n % 20, n // 20)


def _resident_mb(pid: int) -> float:
    pages = int(Path("/proc", str(pid), "statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
