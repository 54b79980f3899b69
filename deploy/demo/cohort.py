"""A simulated cohort of NCT06903312: who comes when, with what form, and what becomes of them.

All of it is simulated, from a seed: the trial itself recruits, and its records are not public. What
each form must lead to is known here by the way it was made, not by deciding it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import Final, Literal

from deploy.demo.bloods import Form
from deploy.demo.failings import FAILINGS, MENDABLE
from deploy.demo.patients import eligible

TRIAL: Final = "NCT06903312"
SITES: Final = tuple(f"IT{number:03}" for number in range(1, 21))
TOO_LATE: Final = 3
"""Eligible patients beyond the target: they are signed, and refused."""

_WEEKS: Final = 20
_CORRECTED, _NEVER_COMPLETE = 40, 12
_FAILING_EACH: Final = 2

Verdict = Literal["eligible", "ineligible", "incomplete"]

# What is not known at first, a field or several at once.
_MISSING: Final = (
    ("ecog",),
    ("labs_date", "platelets"),
    ("creatinine",),
    ("primary_tumour_size",),
    ("informed_consent_date",),
    ("bilirubin", "inr"),
    ("metastatic_disease",),
)


@dataclass(frozen=True)
class Visit:
    """One attempt: the form, the correction that completes it if there is one, how it ends."""

    week: int
    subject: str
    attempt: int
    form: Form = field(repr=False)
    ends: Verdict
    correction: Form | None = field(default=None, repr=False)
    fails: str | None = None
    """The only criterion that it fails, by the way it was made."""

    @property
    def site(self) -> str:
        return self.subject.partition("-")[0]

    @property
    def stratum(self) -> str | None:
        """By the size of the tumour, None where it stays unknown."""
        size = {**self.form, **(self.correction or {})}.get("primary_tumour_size")
        if size is None:
            return None
        return "le4" if size["value"] <= (40 if size["unit"] == "mm" else 4) else "gt4"


@dataclass(frozen=True)
class _Fate:
    kind: Literal["eligible", "corrected", "incomplete", "failing", "mended"]
    criterion: str | None = None


def _fates(target: int, criteria: Sequence[str]) -> list[_Fate]:
    """How many come and what becomes of them; all but the failing and the lost are eligible."""
    mended = [_Fate("mended", name) for name in criteria if name in MENDABLE]
    failing = [_Fate("failing", name) for name in criteria for _ in range(_FAILING_EACH)]
    straight = target + TOO_LATE - _CORRECTED - len(mended)
    return [
        *[_Fate("eligible")] * straight,
        *[_Fate("corrected")] * _CORRECTED,
        *[_Fate("incomplete")] * _NEVER_COMPLETE,
        *failing,
        *mended,
    ]


def simulate(seed: int, first: date, target: int) -> list[Visit]:
    """Every visit, week by week from the first day, in the order of subjects within a week."""
    draw = Random(seed)  # noqa: S311 a reproducible cohort, no secret
    fates = _fates(target, list(FAILINGS))
    draw.shuffle(fates)
    numbers = dict.fromkeys(SITES, 0)
    # The larger the site, the earlier in the list; every site has some.
    weights = [len(SITES) + 5 - index for index in range(len(SITES))]
    visits: list[Visit] = []
    for index, fate in enumerate(fates):
        site = SITES[index] if index < len(SITES) else draw.choices(SITES, weights)[0]
        numbers[site] += 1
        week = index * _WEEKS // len(fates)
        visits += _visits(draw, fate, f"{site}-{numbers[site]:04}", week, first)
    return sorted(visits, key=lambda visit: (visit.week, visit.subject))


def day_of(visit: Visit, first: date) -> date:
    """The day of the visit."""
    return first + timedelta(weeks=visit.week)


def _visits(draw: Random, fate: _Fate, subject: str, week: int, first: date) -> Iterable[Visit]:
    day = first + timedelta(weeks=week)
    form = eligible(draw, day)
    if fate.kind == "eligible":
        yield Visit(week, subject, 1, form, "eligible")
    elif fate.kind in ("corrected", "incomplete"):
        missing = draw.choice(_MISSING)
        known = {name: value for name, value in form.items() if name not in missing}
        late = {name: form[name] for name in missing} if fate.kind == "corrected" else None
        yield Visit(week, subject, 1, known, "eligible" if late else "incomplete", late)
    elif fate.criterion is not None:
        name = fate.criterion
        failed = form | FAILINGS[name](form)
        yield Visit(week, subject, 1, failed, "ineligible", fails=name)
        if fate.kind == "mended":
            later = _a_week_later(form) | MENDABLE[name]
            yield Visit(week + 1, subject, 2, later, "eligible")


def _a_week_later(form: Form) -> Form:
    """The same patient screened again: consent, tests and treatment are a week later."""
    days = {
        name: (date.fromisoformat(form[name]) + timedelta(weeks=1)).isoformat()
        for name in _OF_A_SCREENING
        if name in form
    }
    return form | days


_OF_A_SCREENING: Final = (
    "informed_consent_date",
    "planned_treatment_start",
    "labs_date",
    "pregnancy_test_date",
)
