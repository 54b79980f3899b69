"""What goes in: trials without a target, and signed, eligible subjects of them."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from uuid_utils.compat import uuid7

from shared.contracts.envelope import Envelope
from shared.contracts.events.screening import PatientScreened

PROTOCOLS = Path(__file__).resolve().parents[1] / "protocols"
MODEL = "NCT06903312"
TRIALS = tuple(f"BENCH{number:02}" for number in range(1, 9))
SITES = tuple(f"IT{number:03}" for number in range(1, 21))
STRATA = ("le4", "gt4")
SIGNED_AT = datetime(2026, 3, 31, 9, tzinfo=UTC)

Raw = tuple[bytes, bytes, list[tuple[str, bytes]]]
"""Key, value and headers of a record."""


def write_protocols(folder: Path) -> None:
    """The model's protocol under the name of each trial, with no number at which it closes."""
    folder.mkdir(parents=True, exist_ok=True)
    text = (PROTOCOLS / f"{MODEL}.yaml").read_text()
    text, targets = re.subn(r"^  target: \d+$", "  target: null", text, flags=re.MULTILINE)
    if targets != 1:
        raise ValueError("the model's protocol has no target, or two")
    for trial in TRIALS:
        (folder / f"{trial}.yaml").write_text(text.replace(f"  id: {MODEL}", f"  id: {trial}", 1))


def screened(trials: Sequence[str], first: int, count: int) -> Iterator[Raw]:
    """One signed screening each of `count` subjects, numbered on from `first`, trial by trial."""
    for number in range(first, first + count):
        trial = trials[number % len(trials)]
        place, subject = number // len(trials), number // len(SITES)
        yield _record(trial, SITES[place % len(SITES)], subject, STRATA[place % len(STRATA)])


def _record(trial: str, site: str, number: int, stratum: str) -> Raw:
    event = PatientScreened(
        subject=f"{site}-{number:06}",
        site=site,
        screening=str(uuid7()),
        attempt=1,
        revision=1,
        signed=True,
        verdict="eligible",
        stratum=stratum,
        unmet=(),
        unknown=(),
        protocol_version="1.0",
        form_sha256="0" * 64,
        carry={"soc_regimen": "cabozantinib_nivolumab"},
    )
    envelope = Envelope(
        id=uuid7(),
        source="/trialops/screening",
        type=event.ce_type(),
        time=SIGNED_AT,
        actor="investigator",
        sequence=1,
        trial=trial,
        subject=event.subject,
        site=site,
    )
    headers = [(name, value.encode()) for name, value in envelope.headers()]
    return envelope.key.encode(), event.encode(), headers
