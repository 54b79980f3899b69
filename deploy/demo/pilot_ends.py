"""How the pilot ended for each subject, as its site tells: alive, dead, or withdrawn and why."""

from collections.abc import Iterable, Mapping
from datetime import date

from deploy.demo.pilot import Form, Step, moved
from deploy.demo.pilot_tables import Row, subject_of


def ends(rows: Iterable[Row], causes: Mapping[str, str], years: int) -> list[Step]:
    """What the sites send of dispositions; `causes` are the terms of what made subjects stop."""
    return sorted(
        (
            _step(row, causes.get(row["USUBJID"]), years)
            for row in rows
            if row["DSCAT"] == "DISPOSITION EVENT" and row["DSDECOD"] != "SCREEN FAILURE"
        ),
        key=lambda step: step.place,
    )


def causes(related: Iterable[Row], reported: Iterable[Row]) -> dict[str, str]:
    """By subject the term of the event for which the subject stopped or died, where one is named.

    `relrec` ties a disposition to `USUBJID-AESPID`.
    """
    terms = {f"{row['USUBJID']}-{row['AESPID']}": row["AETERM"] for row in reported}
    return {row["USUBJID"]: terms[row["RELID"]] for row in related if row["RELID"] in terms}


def _step(row: Row, cause: str | None, years: int) -> Step:
    day = moved(date.fromisoformat(row["DSSTDTC"]), years)
    subject = subject_of(row["USUBJID"])
    at: Form = {"subject": subject, "date": day.isoformat()}
    match row["DSDECOD"]:
        case "COMPLETED":
            return Step(day, "survival", subject, {**at, "status": "alive"}, quiet=True)
        case "DEATH":
            because = {} if cause is None else {"cause": cause}
            return Step(day, "survival", subject, {**at, "status": "dead", **because}, quiet=True)
        case _:
            left = "consent" if "CONSENT" in row["DSTERM"] else "treatment"
            reason = row["DSTERM"] if cause is None else f"{row['DSTERM']}: {cause}"
            body = {**at, "from": left, "reason": reason}
            # Without consent nobody is randomized any more.
            return Step(day, "withdrawal", subject, body, quiet=left == "treatment")
