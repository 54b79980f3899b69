"""When the demo's safety officer files which report with the authority: a few of them late.

The pilot's data do not say when reports were sent. So the script has a habit of its own, the same
in every run: of the suspected unexpected serious adverse reactions in the order of their reports
each fourth is filed late, the others in time, when more than half of it has passed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from deploy.demo.pilot import Step, moved
from deploy.demo.pilot_events import events
from deploy.demo.pilot_tables import Row, subject_of

EXPEDITED_7, EXPEDITED_15 = "expedited_7", "expedited_15"
_LENGTH: Final = {EXPEDITED_7: 7, EXPEDITED_15: 15}
_IN_TIME: Final = {EXPEDITED_7: 5, EXPEDITED_15: 10}  # days after day zero
_LATE: Final = 3  # days after the last one
_EACH: Final = 4


@dataclass(frozen=True)
class Suspected:
    """A suspected unexpected serious adverse reaction, by the data, and what becomes of it."""

    subject: str
    event: str
    number: int
    reported: date
    kind: str
    late: bool

    @property
    def filed(self) -> date:
        """When the script files it."""
        days = _LENGTH[self.kind] + _LATE if self.late else _IN_TIME[self.kind]
        return self.reported + timedelta(days=days)


def suspected(rows: Iterable[Row]) -> list[Suspected]:
    """Serious, and the patch suspected or not judged; there is no list of what is expected."""
    firsts = [records[0] for records in events(rows)]
    found = [row for row in firsts if _is_serious(row) and row["AEREL"] not in ("NONE", "REMOTE")]
    found.sort(key=lambda row: (row["AEDTC"], row["USUBJID"], row["AESEQ"]))
    return [
        Suspected(
            subject=subject_of(row["USUBJID"]),
            event=row["AESPID"],
            number=int(row["AESEQ"]),
            reported=date.fromisoformat(row["AEDTC"]),
            kind=EXPEDITED_7 if "Y" in (row["AESDTH"], row["AESLIFE"]) else EXPEDITED_15,
            late=index % _EACH == _EACH - 1,
        )
        for index, row in enumerate(found)
    ]


def _is_serious(row: Row) -> bool:
    """Not by `AESER`, which is N on all deaths."""
    names = ("AESDTH", "AESLIFE", "AESHOSP", "AESDISAB", "AESCONG", "AESCAN", "AESOD")
    return any(row[name] == "Y" for name in names)


def submissions(rows: Iterable[Row], authorities: Sequence[str], years: int) -> list[Step]:
    """What the officer files, one report for each authority, all days moved by the years."""
    return sorted(
        (
            Step(
                day=moved(one.filed, years),
                kind="submission",
                subject=one.subject,
                body={"authority": authority, "kind": one.kind},
                event=one.event,
                number=one.number,
            )
            for one in suspected(rows)
            for authority in authorities
        ),
        key=lambda step: step.place,
    )
