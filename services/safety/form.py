"""The adverse event form, read strictly: types, scales, members, all errors with their place.

What is left out or null is not known, never "no". A place counts from the form.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple, get_args

from services.safety import values
from services.safety.authorities import Judgement
from services.safety.days import Days
from services.safety.rules import SafetyRules
from services.safety.values import Errors, FormErrors, Reader
from shared.contracts.events.safety import Outcome, Seriousness, Severity

__all__ = [
    "Change",
    "FormErrors",
    "Report",
    "changed",
    "check_changes",
    "merged",
    "read",
    "read_follow_up",
]

Action = Literal["none", "dose_reduced", "interrupted", "withdrawn", "not_applicable"]
Form = Mapping[str, object]

AWARE: Final = "sponsor_aware_at"
NEEDED: Final = ("term", "site_aware_at", "seriousness")
_SCALES: Final = {"ctcae": "grade", "sdtm": "severity"}

_OUTCOME: Final[Reader[Outcome]] = values.word(get_args(Outcome))
_SEVERITY: Final[Reader[Severity]] = values.word(get_args(Severity))
_SERIOUSNESS: Final = values.words(values.word(get_args(Seriousness)))
_JUDGEMENT: Final[Reader[Judgement]] = values.word(get_args(Judgement))
_ACTION: Final[Reader[Action]] = values.word(get_args(Action))
_SINGLE: Final[Mapping[str, Reader[Any]]] = {
    "term": values.term,
    "ctcae_term": values.term,
    "grade": values.grade,
    "severity": _SEVERITY,
    "onset_date": values.partial_date,
    "end_date": values.partial_date,
    "site_aware_at": values.moment,
    "sponsor_aware_at": values.moment,
    "outcome": _OUTCOME,
    "seriousness": _SERIOUSNESS,
}
_BY_COMPONENT: Final[Mapping[str, tuple[Reader[Any], bool]]] = {
    "causality": (_JUDGEMENT, True),
    "action_taken": (_ACTION, False),
}


@dataclass(frozen=True, slots=True)
class Report:
    """An adverse event as one version of its form tells it.

    ``onset`` and ``end`` are the days that a partial date allows; ``end`` None: ongoing or not
    known. ``seriousness`` are the ICH E2A criteria, each once; ``causality`` is the investigator's,
    without what is not yet judged. Times are UTC. ``form`` is what was accepted, as JSON, without
    `sponsor_aware_at`, which belongs to the version and not to the event.
    """

    term: str
    ctcae_term: str | None
    grade: int | None
    severity: Severity | None
    onset: Days | None
    end: Days | None
    site_aware_at: datetime
    sponsor_aware_at: datetime
    outcome: Outcome | None
    seriousness: tuple[Seriousness, ...]
    causality: Mapping[str, Judgement]
    action_taken: Mapping[str, Action]
    form: Form

    @property
    def serious(self) -> bool:
        """At least one seriousness criterion (ICH E2A, II.B)."""
        return bool(self.seriousness)

    @property
    def urgent(self) -> bool:
        """Fatal or life-threatening: what shortens an expedited report to 7 days."""
        return "death" in self.seriousness or "life_threatening" in self.seriousness


class Change(NamedTuple):
    """One field of a follow-up; None is not known."""

    field: str
    old: object
    new: object


def read(rules: SafetyRules, form: object, now: datetime | None, had: Collection[str]) -> Report:
    """The report in a form as ``jsontext.loads`` gave it; raises ``FormErrors`` with every error.

    ``had`` are the components that the subject has or may have. `sponsor_aware_at` is ``now`` or,
    on paper, earlier; without a ``now`` (offline) it is needed, and is the now.
    """
    return _read(rules, _object(form), now, had, _BY_COMPONENT)


def read_follow_up(
    rules: SafetyRules, old: Form, changes: object, now: datetime, had: Collection[str]
) -> Report:
    """The report as the changed fields leave it; raises ``FormErrors``.

    ``old`` is the newest version's ``form``. Only in what is changed must the components named be
    among ``had``: a judgement from before the arm was known stays.
    """
    changes = _object(changes)
    return _read(rules, merged(old, changes), now, had, changes)


def check_changes(rules: SafetyRules, changes: object, now: datetime, had: Collection[str]) -> None:
    """Raises ``FormErrors`` for what a follow-up may not say, whatever the event was before."""
    changes = _object(changes)
    facts, errors = _facts(changes, _fields(rules), had, changes)
    errors += [((name,), "is needed") for name in NEEDED if changes.get(name, name) is None]
    errors += _contradictions(facts, now)
    if errors:
        raise FormErrors(errors)


def stored(form: Form, sponsor_aware_at: datetime) -> Report:
    """The report of a form that was accepted once, with the time that goes with it."""
    facts, _ = _facts({**form, AWARE: None}, _SINGLE.keys() | _BY_COMPONENT.keys(), None, ())
    return _report({**facts, AWARE: sponsor_aware_at}, form)


def merged(old: Form, changes: Form) -> dict[str, object]:
    """The form with the changes in it, field by field; a null stays. `sponsor_aware_at` is the
    changes' own.
    """
    return {**{name: value for name, value in old.items() if name != AWARE}, **changes}


def changed(old: Form, changes: Form) -> tuple[Change, ...]:
    """Old and new value of each field that a follow-up names."""
    return tuple(Change(field, old.get(field), new) for field, new in changes.items())


def _object(raw: object) -> dict[str, object]:
    if type(raw) is not dict:
        raise FormErrors([((), "must hold the fields of the form")])
    return raw


def _read(
    rules: SafetyRules,
    form: Form,
    now: datetime | None,
    had: Collection[str],
    checked: Collection[str],
) -> Report:
    facts, errors = _facts(form, _fields(rules), had, checked)
    needed = NEEDED if now is not None else (*NEEDED, AWARE)
    errors += [((name,), "is needed") for name in needed if form.get(name) is None]
    errors += _contradictions(facts, now)
    if errors:
        raise FormErrors(errors)
    return _report({AWARE: now, **facts}, form)


def _fields(rules: SafetyRules) -> Collection[str]:
    """The fields of this trial's form."""
    both = set(_SCALES.values())
    return ((_SINGLE.keys() | _BY_COMPONENT.keys()) - both) | {_SCALES[rules.scale]}


def _facts(
    form: Form, known: Collection[str], had: Collection[str] | None, checked: Collection[str]
) -> tuple[dict[str, Any], Errors]:
    """What is known, by field, and the errors of single fields."""
    facts: dict[str, Any] = {}
    errors: Errors = []
    for name, raw in form.items():
        if name not in known:
            errors.append(((name,), "is not a field of this form"))
        elif raw is None:
            continue
        elif name in _SINGLE:
            facts[name] = _SINGLE[name](raw, (name,), errors)
        else:
            of, null = _BY_COMPONENT[name]
            limit = had if name in checked else None
            facts[name] = values.by_component(raw, (name,), errors, of, limit, null)
    return {name: fact for name, fact in facts.items() if fact is not None}, errors


def _contradictions(facts: Mapping[str, Any], now: datetime | None) -> Errors:
    """Fields that are right alone and wrong together, or after ``now``."""
    errors: Errors = []
    onset, end = facts.get("onset_date"), facts.get("end_date")
    if onset is not None and end is not None and end.last < onset.first:
        errors.append((("end_date",), "is before onset_date"))
    seriousness = facts.get("seriousness")
    if facts.get("outcome") == "fatal" and seriousness is not None and "death" not in seriousness:
        errors.append((("outcome",), "asks for death among seriousness"))
    site, sponsor = facts.get("site_aware_at"), facts.get(AWARE)
    if sponsor is not None and now is not None and sponsor > now:
        errors.append(((AWARE,), "is in the future"))
    if site is not None:
        if now is not None and site > now:
            errors.append((("site_aware_at",), "is in the future"))
        elif sponsor is not None and site > sponsor:
            errors.append((("site_aware_at",), f"is after {AWARE}"))
    return errors


def _report(facts: Mapping[str, Any], form: Form) -> Report:
    causality = facts.get("causality", {})
    given = frozenset(facts["seriousness"])
    return Report(
        term=facts["term"],
        ctcae_term=facts.get("ctcae_term"),
        grade=facts.get("grade"),
        severity=facts.get("severity"),
        onset=facts.get("onset_date"),
        end=facts.get("end_date"),
        site_aware_at=facts["site_aware_at"],
        sponsor_aware_at=facts[AWARE],
        outcome=facts.get("outcome"),
        seriousness=tuple(one for one in get_args(Seriousness) if one in given),
        causality={name: said for name, said in causality.items() if said is not None},
        action_taken=facts.get("action_taken", {}),
        form={name: value for name, value in form.items() if name != AWARE},
    )
