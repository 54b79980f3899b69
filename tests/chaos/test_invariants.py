"""The invariants find what is wrong in a small world made by hand, and nothing in a whole one."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Any, cast

import pytest

from tests.acceptance.proofs import leaf
from tests.chaos.invariants import check
from tests.chaos.ledger import Acknowledged, Input, Ledger
from tests.chaos.log_check import Tree
from tests.chaos.stories import CANARIES, TINY
from tests.chaos.world import _OF_EACH, _TABLES, SERVICES, Record, Row, World

SUBJECT = "T1-000001"
KEY = f"{TINY}:{SUBJECT}"
SCREENING = "0190-screening"
Tables = dict[str, list[dict[str, Any]]]


def _record(topic: str, offset: int, event: str, sequence: int, **data: object) -> Record:
    headers = {
        "ce_id": f"{topic}-{offset}",
        "ce_type": f"trialops.{event}.v1",
        "ce_trial": TINY,
        "ce_sequence": str(sequence),
    }
    raw = tuple((name, text.encode()) for name, text in headers.items())
    return Record(topic, 0, offset, KEY, json.dumps(data).encode(), headers, raw)


def _records() -> list[Record]:
    named = {"screening": SCREENING, "revision": 1, "subject": SUBJECT}
    drawn = {"subject": SUBJECT, "number": 1, "stratum": "young", "arm": "ARM_MAPLE"}
    return [
        _record("trialops.randomization", 0, "PatientRandomized", 1, **drawn),
        _record("trialops.screening", 0, "PatientScreened", 1, **named),
        _record("trialops.screening", 1, "PatientScreened", 2, **named),
        _record("trialops.screening.record", 0, "ScreeningSubmitted", 1, **named),
    ]


def _tables(records: list[Record]) -> Tables:
    """What the databases hold when these records were said and taken."""
    tables: Tables = {name: [] for name in _TABLES}
    tables |= {f"{service}.{name}": [] for service in SERVICES for name in _OF_EACH}
    subject = {"trial": TINY, "subject": SUBJECT}
    newest = {"attempt": 1, "revision": 1, "signed": False, "verdict": "eligible"}
    tables["screening.screening"] = [{"id": SCREENING, **subject, **newest}]
    tables["screening.revision"] = [{"screening": SCREENING, "revision": 1}]
    tables["screening.subject"] = [{**subject, "randomized": True}]
    standing = {"standing": "randomized", "screening": SCREENING, "number": 1}
    tables["randomizer.subject"] = [{**subject, **newest, **standing}]
    draw = {"number": 1, "stratum": "young", "arm": "ARM_MAPLE", "screening": SCREENING}
    tables["randomizer.allocation"] = [{**subject, **draw, "revision": 1}]
    tables["safety.subject"] = [{**subject, "arm": "ARM_MAPLE"}]
    for service, topic, last in (
        ("randomizer", "trialops.randomization", 1),
        ("screening", "trialops.screening", 2),
        ("screening", "trialops.screening.record", 1),
    ):
        tables[f"{service}.sequence"].append({"topic": topic, "key": KEY, "last": last})
        for reader in SERVICES:
            mark = {"topic": topic, "key": KEY, "sequence": last, "parked": None, "above": False}
            tables[f"{reader}.watermark"].append(mark)
    tree = Tree()
    for index, one in enumerate(records):
        line = b'{"id":"%s","data":%s}' % (one.id.encode(), one.value or b"")
        tree.add(leaf(line))
        place = {"topic": one.topic, "key": one.key, "sequence": one.sequence}
        entry = {"index": index, "ce_id": one.id, **place, "line": line, "leaf": leaf(line)}
        tables["audit.entry"].append(entry)
    tables["audit.checkpoint"] = [
        {"size": 0, "root": sha256(b"").digest(), "note": ""},
        {"size": tree.size, "root": tree.root(), "note": ""},
    ]
    return tables


def _ledger() -> Ledger:
    given = Input("screening", "site", "screening", "/x", {}, "key", TINY, SUBJECT)
    answer = {"id": SCREENING, "revision": 1, "verdict": "eligible", "signed": False}
    return Ledger([Acknowledged(given, 201, answer)])


class Spoiled:
    """The world, to be spoiled before it is judged."""

    def __init__(self) -> None:
        self.records = _records()
        self.tables = _tables(self.records)
        self.logs = {"screening.log": "all is well"}
        self.ledger = _ledger()

    def judged(self) -> dict[str, list[str]]:
        """What is wrong, but for the signatures, which no key made here."""
        tables = cast("dict[str, list[Row]]", self.tables)
        found = check(World(self.records, tables, self.logs, ""), self.ledger)
        no_key = "I5 audit does not tell its key"
        found["I5"] = [fault for fault in found["I5"] if fault != no_key]
        return {name: faults for name, faults in found.items() if faults}

    def last(self, table: str) -> dict[str, Any]:
        """A table's last row."""
        return self.tables[table][-1]

    def take_out(self, index: int) -> None:
        """A record is not there."""
        del self.records[index]

    def put(self, index: int, **changes: Any) -> None:
        """A record is otherwise."""
        self.records[index] = replace(self.records[index], **changes)


def test_all_is_well() -> None:
    assert Spoiled().judged() == {}


SPOILED: dict[str, tuple[str, Callable[[Spoiled], object]]] = {
    "an effect is lost": ("I1", lambda w: w.tables["screening.revision"].clear()),
    "an effect is there twice": (
        "I1",
        lambda w: w.tables["screening.revision"].append(w.last("screening.revision")),
    ),
    "an eligible subject waits for ever": (
        "I1",
        lambda w: w.last("randomizer.subject").update(standing="waiting"),
    ),
    "an answer that should not be": ("I1", lambda w: w.ledger.strange.append("a 500")),
    "a fact is not said": ("I2", lambda w: w.take_out(3)),
    "an event is lost": ("I2", lambda w: w.take_out(2)),
    "a draw is not told": ("I2", lambda w: w.take_out(0)),
    "a consumer is behind": ("I2", lambda w: w.tables["safety.watermark"][0].update(sequence=0)),
    "a consumer never heard": ("I2", lambda w: w.tables["portal.watermark"].clear()),
    "safety has another arm": ("I2", lambda w: w.last("safety.subject").update(arm="ARM_LARCH")),
    "two events change places": ("I3", lambda w: w.records.insert(1, w.records.pop(2))),
    "two events have one place": (
        "I3",
        lambda w: w.records.append(replace(w.records[2], offset=2, value=b'{"other": 1}')),
    ),
    "a number is left out": ("I4", lambda w: w.last("randomizer.allocation").update(number=2)),
    "an allocation was another one": (
        "I4",
        lambda w: w.ledger.allocations.update({(TINY, 1): (SUBJECT, "young", "ARM_LARCH")}),
    ),
    "the list gives another arm": (
        "I4",
        lambda w: w.ledger.lists.update({TINY: {"young": ["ARM_LARCH"]}}),
    ),
    "a draw without an eligible screening": (
        "I4",
        lambda w: w.ledger.acknowledged[0].answer.update(verdict="ineligible"),
    ),
    "an entry is left out": ("I5", lambda w: w.tables["audit.entry"].pop(0)),
    "an entry was changed": (
        "I5",
        lambda w: w.tables["audit.entry"][0].update(line=b'{"data":{}}'),
    ),
    "an entry is of no record": ("I5", lambda w: w.take_out(3)),
    "a checkpoint has another root": (
        "I5",
        lambda w: w.last("audit.checkpoint").update(root=b"0" * 32),
    ),
    "the record has other bytes": ("I5", lambda w: w.put(1, value=b'{"screening": 1}')),
    "an outbox is not empty": (
        "I6",
        lambda w: w.tables["safety.outbox"].append({"topic": "t", "key": KEY, "sequence": 1}),
    ),
    "a subject stands in a log": ("I7", lambda w: w.logs.update({"a.log": f"of {SUBJECT}"})),
    "an arm stands in a log": ("I7", lambda w: w.logs.update({"a.log": "ARM_MAPLE drawn"})),
    "an arm stands in a header": (
        "I7",
        lambda w: w.put(2, raw_headers=(("dead_reason", b"ARM_MAPLE"),)),
    ),
    "an arm of a masked trial stands in an event": (
        "I7",
        lambda w: w.put(2, value=b'{"arm":"Xan_Lo"}'),
    ),
    "free text stands in an event": ("I7", lambda w: w.put(2, value=CANARIES[0].encode())),
}


@pytest.mark.parametrize("name", SPOILED)
def test_what_is_wrong_is_found(name: str) -> None:
    invariant, spoil = SPOILED[name]
    world = Spoiled()
    spoil(world)
    assert invariant in world.judged()


def test_the_invariants_share_nothing_with_what_they_judge() -> None:
    program = "import sys, tests.chaos.invariants; print(*sys.modules, sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    ours = {name for name in done.stdout.split() if name.startswith(("shared", "services"))}
    assert ours == set()
