"""I1 to I7: what holds of a platform at rest, whatever was done to it. Each returns what is wrong.

Computed from topics, tables and logs alone, by code that shares nothing with the runtime.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from tests.chaos.consumed import alerted, consumed, sequences
from tests.chaos.effects import Effect, acknowledged, differing, kept, said
from tests.chaos.ledger import Ledger
from tests.chaos.log_check import i5_log
from tests.chaos.stories import CANARIES, TRIALS
from tests.chaos.world import SERVICES, Record, World

Invariant = Callable[[World, Ledger], list[str]]

_SHOWN = 5
_NEEDS_SIGNATURE = {"NCT06903312"}


def _told(name: str, faults: list[str]) -> list[str]:
    """At most a few of them, and how many more there are."""
    shown = [f"{name} {fault}" for fault in faults[:_SHOWN]]
    more = len(faults) - _SHOWN
    return [*shown, f"{name} and {more} more"] if more > 0 else shown


def i1_one_effect(world: World, ledger: Ledger) -> list[str]:
    """Every acknowledged input has exactly one effect, and what follows of it is done."""
    faults = list(ledger.strange)
    if not ledger.open:  # an input that nobody could get acknowledged may be kept or not
        faults += differing(acknowledged(ledger), kept(world), "acknowledged {}, kept {}")
    standing = {(row["trial"], row["subject"]): row for row in world.rows("randomizer.subject")}
    for row in world.rows("screening.screening"):
        subject = row["trial"], row["subject"]
        last = standing.get(subject)
        if last is None or (last["attempt"], last["revision"]) < (row["attempt"], row["revision"]):
            faults.append(f"the randomizer does not know the newest screening of {subject}")
        ready = row["signed"] or row["trial"] not in _NEEDS_SIGNATURE
        newest = last is not None and last["screening"] == row["id"]
        if newest and last and row["verdict"] == "eligible" and ready:
            if last["standing"] not in ("randomized", "refused"):
                faults.append(f"{subject} is eligible and {last['standing']}")
            if (last["verdict"], last["signed"]) != (row["verdict"], row["signed"]):
                faults.append(f"{subject} is another one to the randomizer")
    return _told("I1", faults)


def i2_sets(world: World, ledger: Ledger) -> list[str]:
    """Effects in the databases = events emitted = events consumed, as sets."""
    faults = differing(kept(world), said(world), "kept {}, said {}")
    faults += sequences(world, ledger)
    drawn: Counter[Effect] = Counter(
        (row["trial"], row["number"], row["subject"], row["stratum"], _shown(dict(row)))
        for row in world.rows("randomizer.allocation")
    )
    told: Counter[Effect] = Counter(
        (
            one.headers["ce_trial"],
            *(one.data[name] for name in ("number", "subject", "stratum")),
            _shown(one.data),
        )
        for one in world.said("PatientRandomized")
    )
    faults += differing(drawn, told, "drawn {}, told {}")
    faults += consumed(world, ledger)
    arms = {(row["trial"], row["subject"]): row["arm"] for row in world.rows("safety.subject")}
    known = {
        (row["trial"], row["subject"]): row["randomized"] for row in world.rows("screening.subject")
    }
    for row in world.rows("randomizer.allocation"):
        subject = row["trial"], row["subject"]
        if subject not in arms or arms[subject] != (None if _masked(dict(row)) else row["arm"]):
            faults.append(f"safety does not know the arm of {subject}, or one that is masked")
        if row["trial"] in TRIALS and known.get(subject) is not True:
            faults.append(f"screening does not know that {subject} is randomized")
    faults += alerted(world)
    return _told("I2", faults)


def _masked(draw: Mapping[str, Any]) -> bool:
    """Whether a code stands for the arm."""
    return draw.get("treatment_code") is not None


def _shown(draw: Mapping[str, Any]) -> str:
    """What is told of a draw: the code where it is masked, else the arm; never both, or neither."""
    return str(draw["treatment_code"] if _masked(draw) else draw["arm"])


def i3_order(world: World, ledger: Ledger) -> list[str]:
    """The sequence of each (topic, key) is contiguous and in order, repeats being the same."""
    faults = []
    for place, records in world.by_key.items():
        if place in ledger.forged:
            continue
        first: dict[int, Record] = {}
        for record in records:
            known = first.get(record.sequence)
            if known is None:
                if record.sequence != len(first) + 1:
                    faults.append(f"{place} has {record.sequence} after {len(first)}")
                first[record.sequence] = record
            elif (known.id, known.value) != (record.id, record.value):
                faults.append(f"{place} has two events at {record.sequence}")
    ids = Counter(record.id for record in world.firsts)
    faults += [f"the id {one} stands on several topics" for one, n in ids.items() if n > 1]
    return _told("I3", faults)


def i4_allocations(world: World, ledger: Ledger) -> list[str]:
    """No allocation was changed, doubled or used again; each is what its design gives."""
    faults: list[str] = []
    now = {
        (row["trial"], row["number"]): (row["subject"], row["stratum"], row["arm"])
        for row in world.rows("randomizer.allocation")
    }
    for place, before in ledger.allocations.items():
        if now.get(place) != before:
            faults.append(f"{place} was {before} and is {now.get(place)}")
    for place, new in now.items():
        ledger.allocations.setdefault(place, new)
    numbers: dict[str, list[int]] = defaultdict(list)
    arms: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (trial, number), (_, stratum, arm) in sorted(now.items()):
        numbers[trial].append(number)
        arms[trial, stratum].append(arm)
    for trial, drawn in numbers.items():
        if drawn != list(range(1, len(drawn) + 1)):
            faults.append(f"the numbers of {trial} are not 1 to {len(drawn)}")
    subjects = Counter((trial, one[0]) for (trial, _), one in now.items())
    faults += [f"{one} has {n} allocations" for one, n in subjects.items() if n > 1]
    for (trial, stratum), drawn_arms in arms.items():
        listed = ledger.lists.get(trial, {}).get(stratum)
        if listed is not None and drawn_arms != listed[: len(drawn_arms)]:
            faults.append(f"{trial} {stratum} does not follow its list")
        if listed is None and not _balanced(drawn_arms):
            faults.append(f"{trial} {stratum} is out of balance")
    good = {
        (one.answer["id"], one.answer["revision"])
        for one in ledger.acknowledged
        if one.input.kind in ("screening", "correction", "signature")
        and one.answer["verdict"] == "eligible"
        and (one.answer["signed"] or one.input.trial not in _NEEDS_SIGNATURE)
    }
    for row in world.rows("randomizer.allocation"):
        mine = row["trial"] in TRIALS and not ledger.open
        if mine and (row["screening"], row["revision"]) not in good:
            faults.append(f"{row['subject']} was drawn without an eligible, signed screening")
    return _told("I4", faults)


def _balanced(arms: list[str]) -> bool:
    """Whether blocks of up to 6 for three arms, or 4 for two, can have given this at every point:
    within one, two arms differ by 2 at most.
    """
    counts: Counter[str] = Counter()
    for arm in arms:
        counts[arm] += 1
        every = [counts[one] for one in set(arms)]
        if max(every) - min(every) > 3:
            return False
    return True


def i6_backlog(world: World, ledger: Ledger) -> list[str]:
    """Nothing waits: outboxes are empty, nothing is kept above a watermark, no letter is open."""
    faults: list[str] = []
    for service in SERVICES:
        faults += [f"the outbox of {service} has a row" for _ in world.rows(f"{service}.outbox")]
        for row in world.rows(f"{service}.above_watermark"):
            place = row["topic"], row["key"]
            if place not in ledger.forged:
                faults.append(f"{service} still waits above {place} at {row['sequence']}")
        for row in world.rows(f"{service}.dead_letter"):
            where = row["topic"], row["partition"], row["offset"]
            if where not in ledger.expected_letters:
                faults.append(f"{service} has a dead letter of {where}: {row['reason']}")
    return _told("I6", faults)


_SUBJECT = re.compile(r"\b(?:IT00\d|70\d|T[12])-\d{6}\b")


def i7_privacy(world: World, ledger: Ledger) -> list[str]:
    """No subject, arm or free text in a log, no free text outside `.record`, no arm in a header."""
    faults = []
    for name, text in world.logs.items():
        faults += [f"{word} stands in {name}" for word in CANARIES if word in text]
        if found := _SUBJECT.search(text):
            faults.append(f"the subject {found[0]} stands in {name}")
        faults += [f"the arm {arm} stands in {name}" for arm in _ARMS if arm in text]
    words = [word.encode() for word in CANARIES]
    arms, masked = [arm.encode() for arm in _ARMS], [arm.encode() for arm in _MASKED]
    for record in world.records:
        headers = b" ".join(value or b"" for _, value in record.raw_headers)
        told = headers + (b"" if record.topic.endswith(".record") else record.value or b"")
        if any(word in told for word in words):
            faults.append(f"free text stands in {record.place}")
        if any(arm in headers for arm in arms):
            faults.append(f"an arm stands in the headers of {record.place}")
        if any(arm in (record.value or b"") for arm in masked):
            faults.append(f"an arm of a masked trial stands in {record.place}")
    return _told("I7", faults)


_MASKED = ("Xan_Lo", "Xan_Hi")
_ARMS = ("ARM_MAPLE", "ARM_LARCH", *_MASKED)

INVARIANTS: Mapping[str, Invariant] = {
    "I1": i1_one_effect,
    "I2": i2_sets,
    "I3": i3_order,
    "I4": i4_allocations,
    "I5": i5_log,
    "I6": i6_backlog,
    "I7": i7_privacy,
}


def check(world: World, ledger: Ledger) -> dict[str, list[str]]:
    """What each invariant finds wrong, by its name."""
    return {name: invariant(world, ledger) for name, invariant in INVARIANTS.items()}
