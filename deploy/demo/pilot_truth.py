"""What the pilot's records say of safety, counted from them once more and not from what was sent.

The rules stand here again in a few plain lines over the tables, so that a mistake in a form or of
the services cannot hide itself.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from deploy.demo.pilot_tables import Row, Tables

STEPS: Final = ("MILD", "MODERATE", "SEVERE")
_CRITERIA: Final = (
    ("death", ("AESDTH",)),
    ("life_threatening", ("AESLIFE",)),
    ("hospitalisation", ("AESHOSP",)),
    ("disability", ("AESDISAB",)),
    ("congenital_anomaly", ("AESCONG",)),
    ("other_medically_important", ("AESCAN", "AESOD")),
)


@dataclass(frozen=True)
class Truth:
    """The figures of the tables; arms are those of the subjects who were randomized here."""

    tables: Tables
    arms: Mapping[str, str]
    """By `USUBJID`, whoever has one."""

    @cached_property
    def events(self) -> dict[tuple[str, str], list[Row]]:
        """The records of each event in the order of their visits, by subject and event."""
        found: dict[tuple[str, str], list[Row]] = {}
        for row in sorted(self.tables.ae, key=lambda row: (row["AEDTC"], row["AESEQ"])):
            found.setdefault((row["USUBJID"], row["AESPID"]), []).append(row)
        return found

    def arm(self, usubjid: str) -> str:
        """The arm, or that there is none."""
        return self.arms.get(usubjid, "none")

    def events_by_arm(self) -> dict[str, int]:
        return count(self.arm(who) for who, _ in self.events)

    def reports_by_arm(self) -> dict[str, int]:
        return count(self.arm(row["USUBJID"]) for row in self.tables.ae)

    def by_severity(self) -> dict[str, int]:
        """By the severity of the last record."""
        return count(rows[-1]["AESEV"].lower() for rows in self.events.values())

    def severity_changes(self) -> dict[str, int]:
        """Which way it went between the first record and the last."""
        return changes([STEPS.index(row["AESEV"]) for row in rows] for rows in self.events.values())

    def by_outcome(self) -> dict[str, int]:
        """By the outcome of the last record."""
        words = {"RECOVERED/RESOLVED": "recovered", "FATAL": "fatal"}
        last = (rows[-1]["AEOUT"] for rows in self.events.values())
        return count(words.get(outcome, "not_recovered") for outcome in last)

    def by_seriousness(self) -> dict[str, int]:
        """How many events each criterion makes serious, and how many are serious at all."""
        firsts = [rows[0] for rows in self.events.values()]
        met = [[word for word, names in _CRITERIA if _any(row, names)] for row in firsts]
        return count(word for words in met for word in [*words, *["serious"] * bool(words)])

    @property
    def _suspected(self) -> list[Row]:
        """Serious, and not judged unrelated; nothing is expected, for no list says so."""
        every = [name for _, names in _CRITERIA for name in names]
        firsts = (rows[0] for rows in self.events.values())
        return [
            row for row in firsts if _any(row, every) and row["AEREL"] not in {"NONE", "REMOTE"}
        ]

    def suspected_by_subject(self) -> dict[str, int]:
        """The SUSARs of each subject."""
        return count(row["USUBJID"].partition("-")[2] for row in self._suspected)

    def clocks(self, authorities: int) -> dict[str, int]:
        """How many of each kind start, for so many authorities."""
        serious = {"site_to_sponsor": self.by_seriousness().get("serious", 0)}
        urgent = sum(_any(row, ("AESDTH", "AESLIFE")) for row in self._suspected)
        others = len(self._suspected) - urgent
        kinds = {"expedited_7": urgent * authorities, "expedited_15": others * authorities}
        return {name: n for name, n in sorted({**serious, **kinds}.items()) if n}

    def on_treatment(self) -> int:
        """Events of randomized subjects that began on the day of the first dose or later.

        Of a partial date the earliest day that it allows counts.
        """
        doses = {row["USUBJID"]: row["RFSTDTC"] for row in self.tables.dm}
        return sum(
            who in self.arms and earliest(rows[0]["AESTDTC"]) >= doses[who]
            for (who, _), rows in self.events.items()
        )

    def deaths(self) -> int:
        return sum(row["DSDECOD"] == "DEATH" for row in self._dispositions)

    def alive(self) -> int:
        """Who completed the trial."""
        return sum(row["DSDECOD"] == "COMPLETED" for row in self._dispositions)

    def withdrawals(self) -> dict[str, int]:
        others = [row for row in self._dispositions if row["DSDECOD"] not in {"COMPLETED", "DEATH"}]
        return count("consent" if "CONSENT" in row["DSTERM"] else "treatment" for row in others)

    @property
    def _dispositions(self) -> list[Row]:
        return [
            row
            for row in self.tables.ds
            if row["DSCAT"] == "DISPOSITION EVENT" and row["DSDECOD"] != "SCREEN FAILURE"
        ]


def count(names: Iterable[str]) -> dict[str, int]:
    """How often each name comes, in the order of the names."""
    return dict(sorted(Counter(names).items()))


def changes(courses: Iterable[list[int]]) -> dict[str, int]:
    """How many of the courses, each a severity a report, end higher or lower, or return."""

    def way(course: list[int]) -> str | None:
        if len(set(course)) == 1:
            return None
        if course[0] == course[-1]:
            return "returned"
        return "higher" if course[-1] > course[0] else "lower"

    return count(found for course in courses if (found := way(course)))


def _any(row: Mapping[str, Any], names: Iterable[str]) -> bool:
    return any(row[name] == "Y" for name in names)


def earliest(written: str) -> str:
    """The first day that a date may be, as it is written: maybe a month or a year alone."""
    return {4: f"{written}-01-01", 7: f"{written}-01"}.get(len(written), written)
