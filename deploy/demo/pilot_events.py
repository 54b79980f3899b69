"""The pilot's adverse events as its sites report them: a first form, then what has changed.

An event is a subject's `AESPID`. Its first record by (`AEDTC`, `AESEQ`) is the report, the later
ones are follow-ups: the sponsor enters each visit's state as a record of its own.
"""

from collections.abc import Iterable
from datetime import date, datetime, time
from itertools import groupby, pairwise
from typing import Final
from zoneinfo import ZoneInfo

from deploy.demo.pilot import Form, Kind, Step, moved, moved_partial
from deploy.demo.pilot_tables import Row, subject_of

_SITE_KNEW: Final = time(9)  # on the day of the visit; the data have no time of day

SERIOUSNESS: Final = {
    "AESDTH": "death",
    "AESLIFE": "life_threatening",
    "AESHOSP": "hospitalisation",
    "AESDISAB": "disability",
    "AESCONG": "congenital_anomaly",
    # In this trial cancer and overdose are serious, too.
    "AESCAN": "other_medically_important",
    "AESOD": "other_medically_important",
}
_RELATED: Final = {
    "PROBABLE": "related",
    "POSSIBLE": "related",
    "REMOTE": "not_related",
    "NONE": "not_related",
    None: None,
}
_GOING_ON: Final = "NOT RECOVERED/NOT RESOLVED"
_OUTCOME: Final = {
    "RECOVERED/RESOLVED": "recovered",
    _GOING_ON: "not_recovered",
    "FATAL": "fatal",
}


def events(rows: Iterable[Row]) -> list[list[Row]]:
    """The records of each event, in the order in which they were made."""

    def event(row: Row) -> tuple[str, str]:
        return row["USUBJID"], row["AESPID"]

    made = sorted(rows, key=lambda row: (*event(row), row["AEDTC"], row["AESEQ"]))
    return [list(records) for _, records in groupby(made, key=event)]


def reports(rows: Iterable[Row], years: int, zone: ZoneInfo) -> list[Step]:
    """What the sites send of adverse events, all days moved by the years."""
    steps: list[Step] = []
    for first, *later in events(rows):
        told = form(first, years, zone)
        quiet = not told["seriousness"]
        steps.append(_step(first, "report", told, years, quiet=quiet))
        for before, row in pairwise([first, *later]):
            old, new = form(before, years, zone), form(row, years, zone)
            names = dict.fromkeys([*old, *new])
            changes = {name: new.get(name) for name in names if old.get(name) != new.get(name)}
            quiet = not (old["seriousness"] or new["seriousness"])
            steps.append(_step(row, "follow_up", changes, years, quiet=quiet))
    return sorted(steps, key=lambda step: step.place)


def _step(row: Row, kind: Kind, body: Form, years: int, *, quiet: bool) -> Step:
    return Step(
        day=moved(date.fromisoformat(row["AEDTC"]), years),
        kind=kind,
        subject=subject_of(row["USUBJID"]),
        body=body,
        event=row["AESPID"],
        number=int(row["AESEQ"]),
        quiet=quiet,
    )


def form(row: Row, years: int, zone: ZoneInfo) -> Form:
    """One record as the form of an adverse event; what the record does not know is left out."""
    day = moved(date.fromisoformat(row["AEDTC"]), years)
    # The end of an event that goes on was entered later, when the record was closed.
    ended = row["AEENDTC"] if row["AEOUT"] != _GOING_ON else None
    causality = _RELATED[row["AEREL"]]
    known: Form = {
        "term": row["AETERM"],
        "severity": row["AESEV"].lower(),
        "onset_date": _moved(row["AESTDTC"], years),
        "end_date": _moved(ended, years),
        "site_aware_at": datetime.combine(day, _SITE_KNEW, zone).isoformat(),
        "outcome": _OUTCOME[row["AEOUT"]],
        "seriousness": sorted({word for name, word in SERIOUSNESS.items() if row[name] == "Y"}),
        "causality": None if causality is None else {"patch": causality},
    }
    return {name: value for name, value in known.items() if value is not None}


def _moved(written: str | None, years: int) -> str | None:
    return moved_partial(written, years) if written else None
