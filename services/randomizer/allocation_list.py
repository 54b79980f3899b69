"""An allocation list as a statistician uploads it: CSV ``stratum,arm[,subject]``, in order of use.

A first line of exactly these names is a header and may be left out; without a subject, or with an
empty one, a row is left to whoever comes next. The list is known by the SHA-256 of its bytes, with
the byte order mark that spreadsheets put before UTF-8, which says nothing else.
"""

import csv
import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from shared.contracts.subjects import SubjectId, well_formed_subject

LONGEST: Final = 44 * 1024  # bytes as JSON text, of the 60 KiB of an entry
_HEADERS: Final = (["stratum", "arm"], ["stratum", "arm", "subject"])


class ListError(ValueError):
    """What is wrong with a list: ``(line, message)`` for each fault, lines counted from 1."""

    def __init__(self, faults: list[tuple[int, str]]) -> None:
        super().__init__("; ".join(f"line {line}: {message}" for line, message in faults))
        self.faults = faults


class ListTooLongError(ListError):
    """The list, as JSON text, would not fit the log's entry of the opened seed."""


@dataclass(frozen=True, slots=True)
class Row:
    """One allocation prepared in advance, for the named subject or for whoever comes next."""

    stratum: str
    arm: str
    subject: SubjectId | None = None


@dataclass(frozen=True)
class AllocationList:
    """The rows in order; built by ``parse``, so that they and ``sha256`` are of the same text."""

    text: str = field(repr=False)
    sha256: str
    size: int
    named: Mapping[SubjectId, Row] = field(repr=False)
    unnamed: Mapping[str, tuple[str, ...]] = field(repr=False)


def parse(raw: bytes, arms: Mapping[str, frozenset[str]] | None) -> AllocationList:
    """The list in ``raw``, checked against the arms open in each stratum; raises ``ListError``.

    ``arms`` None leaves that check out: the list was checked when it was loaded.
    """
    try:
        text = raw.decode("utf-8")
        rows = io.StringIO(text.removeprefix("\ufeff"), newline="")
        lines = list(csv.reader(rows, strict=True))
    except UnicodeDecodeError:
        raise ListError([(1, "is not UTF-8 text")]) from None
    except csv.Error as error:
        raise ListError([(1, f"is not CSV ({error})")]) from None
    if len(json.dumps(text)) > LONGEST:
        raise ListTooLongError([(1, f"is longer than {LONGEST} bytes as JSON text")])
    if "\0" in text:
        raise ListError([(1, "holds a character that cannot be stored")])
    first = 1 if lines and lines[0] in _HEADERS else 0
    named: dict[SubjectId, Row] = {}
    unnamed: dict[str, list[str]] = {}
    faults: list[tuple[int, str]] = []
    for number, cells in enumerate(lines[first:], first + 1):
        row = _row(cells, arms)
        if isinstance(row, str):
            faults.append((number, row))
        elif row.subject is None:
            unnamed.setdefault(row.stratum, []).append(row.arm)
        elif row.subject in named:
            faults.append((number, f"{row.subject} is named twice"))
        else:
            named[row.subject] = row
    if len(lines) == first:
        faults.append((1, "has no rows"))
    if faults:
        raise ListError(faults)
    return AllocationList(
        text=text,
        sha256=hashlib.sha256(raw).hexdigest(),
        size=len(lines) - first,
        named=named,
        unnamed={stratum: tuple(rows) for stratum, rows in unnamed.items()},
    )


def _row(cells: list[str], arms: Mapping[str, frozenset[str]] | None) -> Row | str:
    if len(cells) not in (2, 3):
        return f"has {len(cells)} values: stratum, arm and perhaps a subject are needed"
    stratum, arm = cells[0], cells[1]
    if arms is not None:
        if stratum not in arms:
            return f"{stratum!r} is no stratum of the protocol"
        if arm not in arms[stratum]:
            return f"{arm!r} is no arm of stratum {stratum}"
    subject = cells[2] if len(cells) == 3 else ""
    if not subject:
        return Row(stratum, arm)
    if not well_formed_subject(subject):
        return f"{subject!r} is no subject"
    return Row(stratum, arm, subject)
