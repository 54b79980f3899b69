"""A subject's life in time: what its services told of it, in words, the newest first."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from services.portal.domain import Subject, Tone

VERDICTS: Mapping[str, tuple[Tone, str]] = {
    "eligible": ("good", "eligible"),
    "ineligible": ("bad", "not eligible"),
    "incomplete": ("attention", "not decided, values missing"),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that happened; ``at`` is a day where no time of it is known."""

    at: datetime | date
    tone: Tone
    title: str
    lines: Sequence[str] = ()
    href: str | None = None


def life(entries: Iterable[Entry], zone: ZoneInfo) -> list[Entry]:
    """In the order of time at the site, the newest first; a day alone counts as its end."""

    def when(one: Entry) -> datetime:
        if isinstance(one.at, datetime):
            return one.at
        return datetime.combine(one.at, time.max, zone)

    return sorted(entries, key=when, reverse=True)


def screening(one: Mapping[str, Any], trial: str) -> Entry:
    """An attempt as it stands in its newest revision."""
    tone, words = VERDICTS[one["verdict"]]
    lines = []
    if one["revision"] > 1:
        lines.append(f"revision {one['revision']}, corrected")
    if one["signed"]:
        lines.append("signed by an investigator")
    if one.get("refused"):
        lines.append("the draw was refused")
    if one.get("failed"):
        tone, words = "neutral", f"{words}; ended as a screen failure"
    return Entry(
        datetime.fromisoformat(one["at"]),
        tone,
        f"Screening {one['attempt']}: {words}",
        lines,
        f"/trials/{trial}/screenings/{one['id']}",
    )


def seen(subject: Subject) -> Entry | None:
    """The newest attempt as events told it, for those who may not read screenings."""
    if subject.verdict is None or subject.screened_at is None:
        return None
    tone, words = VERDICTS[subject.verdict]
    words = "ended as a screen failure" if subject.failed else words
    lines = ["signed by an investigator"] if subject.signed else []
    return Entry(subject.screened_at, tone, f"Screening {subject.attempt}: {words}", lines)


def allocation(one: Mapping[str, Any], arm: str | None, stratum: str | None) -> Entry:
    """The draw, with the arm where it may be seen."""
    lines = [text for text in (arm, stratum, f"number {one['number']} in the trial") if text]
    if "treatment_code" in one:
        lines.insert(0, f"treatment code {one['treatment_code']}")
    return Entry(datetime.fromisoformat(one["at"]), "good", "Randomized", lines)


def event(one: Mapping[str, Any], trial: str, term: str | None) -> Entry:
    """An adverse event of the read model, which holds no term: safety tells it."""
    graded = f"grade {one['grade']}" if one["grade"] else one["severity"]
    kind = "SUSAR" if one["susar"] else "Serious adverse event" if one["serious"] else None
    said = [graded, *(word.replace("_", " ") for word in one["seriousness"])]
    if one["outcome"]:
        said.append(f"outcome {one['outcome'].replace('_', ' ')}")
    lines = [term or "", ", ".join(text for text in said if text)]
    if one["version"] > 1:
        lines.append(f"version {one['version']}, followed up")
    if one["clock_state"]:
        due = "due" if one["clock_state"] == "running" else "overdue"
        lines.append(f"a report is {due}")
    tone: Tone = "bad" if one["serious"] else "attention"
    return Entry(
        one["reported_at"],
        tone,
        kind or "Adverse event",
        [text for text in lines if text],
        f"/trials/{trial}/adverse-events/{one['case']}",
    )


def befallen(subject: Subject) -> list[Entry]:
    """Death, withdrawals, and a draw that waits or was refused."""
    found = []
    if subject.died:
        found.append(Entry(subject.died, "bad", "Died"))
    if subject.withdrew:
        found.append(Entry(subject.withdrew, "attention", "Consent withdrawn"))
    if subject.left_treatment:
        found.append(Entry(subject.left_treatment, "attention", "Left the treatment"))
    return found
