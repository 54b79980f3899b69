"""A case as safety tells it, put in the order in which people read it: pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from services.portal.labels import label, spoken
from services.portal.questions import Dictionary
from services.portal.shown import shown

_OPEN = frozenset({"running", "overdue"})


@dataclass(frozen=True, slots=True)
class Step:
    """Something that was said of a case: its report, a follow-up, a judgement, a submission."""

    kind: Literal["report", "follow-up", "assessment", "submission"]
    at: datetime
    person: str | None
    title: str
    changes: Sequence[tuple[str, str, str]] = ()  # question, old, new
    lines: Sequence[str] = ()


def steps(asked: Dictionary, case: Mapping[str, Any]) -> list[Step]:
    """All of them, the newest first."""
    found = [_version(asked, one) for one in case["versions"]]
    found += [_assessment(one) for one in case["assessments"]]
    found += [_submission(one) for one in case["submissions"]]
    return sorted(found, key=lambda one: one.at, reverse=True)


def values(asked: Dictionary, form: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The newest form in words, without the term, which heads the page."""
    return [
        (one.label, shown(one, form[one.name]))
        for one in asked.fields
        if form.get(one.name) not in (None, [], {}) and one.name not in ("term", "site_aware_at")
    ]


def aware(case: Mapping[str, Any]) -> dict[str, datetime]:
    """When the site and the sponsor first knew."""
    return {
        "site": _time(case["form"]["site_aware_at"]),
        "sponsor": min(_time(one["sponsor_aware_at"]) for one in case["versions"]),
    }


def judged(case: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """The sponsor's judgement by component as it stands: causality, expectedness; "" where none."""
    causality: dict[str, Any] = {}
    expected: dict[str, Any] = {}
    for one in case["assessments"]:
        causality |= one["causality"]
        expected |= one["expected"]
    words = {True: "true", False: "false", None: ""}
    return {
        name: (causality.get(name) or "", words[expected.get(name)]) for name in case["components"]
    }


def clocks(case: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The clocks with their times, those that still run first, the nearest end before."""
    found = [
        {
            **one,
            "due": datetime.fromisoformat(one["due"]),
            "stopped_at": datetime.fromisoformat(one["stopped_at"]) if one["stopped_at"] else None,
            "open": one["state"] in _OPEN,
        }
        for one in case["clocks"]
    ]
    return sorted(found, key=lambda one: (not one["open"], one["due"]))


def _version(asked: Dictionary, one: Mapping[str, Any]) -> Step:
    fields = {field.name: field for field in asked.fields}
    changed = [
        (
            fields[name].label if name in fields else label(name),
            shown(fields.get(name), change["old"]),
            shown(fields.get(name), change["new"]),
        )
        for change in one["changes"]
        if (name := change["field"])
    ]
    first = one["version"] == 1
    title = "Reported" if first else f"Follow-up, version {one['version']}"
    lines = [] if changed else ["Nothing changed."]
    if first:
        lines = [f"{name}: {text}" for name, text in values(asked, one["form"])]
    kind: Literal["report", "follow-up"] = "report" if first else "follow-up"
    return Step(kind, _time(one["at"]), one["person"], title, changed, lines)


def _assessment(one: Mapping[str, Any]) -> Step:
    names = dict.fromkeys((*one["causality"], *one["expected"]))
    said = {True: "expected", False: "unexpected"}
    lines = []
    for name in names:
        parts = [spoken(one["causality"].get(name) or ""), said.get(one["expected"].get(name), "")]
        judged = ", ".join(part for part in parts if part) or "not judged"
        lines.append(f"{label(name)}: {judged}")
    if one["reason"]:
        lines.append(f"Why: {one['reason']}")
    return Step("assessment", _time(one["at"]), one["person"], "Judged by the sponsor", (), lines)


def _submission(one: Mapping[str, Any]) -> Step:
    title = f"Report sent to {one['authority']}"
    sent = f"{_time(one['submitted_at']):%Y-%m-%d %H:%M} UTC"
    kind = {"expedited_7": "7 days", "expedited_15": "15 days", "follow_up_8": "follow-up, 8 days"}
    lines = [f"{kind.get(one['kind'], one['kind'])}, sent {sent}"]
    return Step("submission", _time(one["at"]), one["person"], title, (), lines)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
