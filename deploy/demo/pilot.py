"""CDISCPILOT01 as one chronological stream, screening to disposition, as its sites send it.

The platform's clock goes forward only, so all dates are moved by one multiple of 4 years, which
keeps their distances and the leap days.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Final, Literal

from deploy.demo.pilot_tables import Person, Row

TRIAL: Final = "CDISCPILOT01"
RULED: Final = frozenset({"INCL01", "INCL02", "INCL03", "INCL04", "INCL06"})
"""The criteria that values decide; of the others the investigator says whether they are met."""

Form = dict[str, Any]
Kind = Literal[
    "screening", "correction", "report", "follow_up", "survival", "withdrawal", "submission"
]

# What comes first of the records of one day; a screen failure (1) is nothing to send.
RANKS: Final[Mapping[Kind, int]] = {
    "screening": 0,
    "correction": 2,
    "report": 3,
    "follow_up": 3,
    "survival": 4,
    "withdrawal": 4,
    "submission": 5,
}


@dataclass(frozen=True)
class Step:
    """One record to send on a day: a form, or what a correction or follow-up changes.

    `event` is the sponsor's id of an adverse event, `number` that of its record, as in the data.
    """

    day: date
    kind: Kind
    subject: str
    body: Form = field(repr=False)
    event: str = ""
    number: int = 0
    quiet: bool = False
    """It is kept, and no service does anything because of it."""

    @property
    def place(self) -> tuple[date, int, str, int]:
        """Its place in the stream: day, rank, subject, record."""
        return self.day, RANKS[self.kind], self.subject, self.number


def attested(criteria: Iterable[Row]) -> dict[str, str]:
    """Of each criterion without a rule: inclusions met, exclusions not met."""
    return {
        row["IETESTCD"]: "met" if row["IECAT"] == "INCLUSION" else "not_met"
        for row in criteria
        if row["IETESTCD"] not in RULED
    }


def years_ahead(day: date, first: date) -> int:
    """How many years to move the records so that `first` is after `day`: 16, or 4 more, ..."""
    years = 16
    while first.replace(year=first.year + years) <= day:
        years += 4
    return years


def moved(day: date, years: int) -> date:
    """The day so many years later; `years` is a multiple of 4."""
    return day.replace(year=day.year + years)


def moved_partial(written: str, years: int) -> str:
    """A date as it was written, maybe `2013-05` or `2013`, so many years later."""
    year, dash, rest = written.partition("-")
    return f"{int(year) + years:04}{dash}{rest}"


def screenings(everyone: Iterable[Person], criteria: Iterable[Row], years: int) -> list[Step]:
    """What the sites send to have their patients randomized, all days moved by the years."""
    declared = attested(criteria)
    steps: list[Step] = []
    for person in everyone:
        day = moved(person.screened, years)
        steps.append(Step(day, "screening", person.id, _form(person, years), quiet=True))
        if person.randomized is not None:
            day = moved(person.randomized, years)
            steps.append(Step(day, "correction", person.id, _changes(person, declared)))
    return sorted(steps, key=lambda step: step.place)


def _form(person: Person, years: int) -> Form:
    """What the site knows on the day of the screening."""
    known: Form = {
        "informed_consent_date": moved(person.consented, years).isoformat(),
        "consent_signed": True,
        "age": person.age,
        "sex": person.sex,
        "probable_ad": person.probable_ad,
        "mmse_total": person.mmse,
        "hachinski_total": person.hachinski,
        "resting_pulse": None if person.pulse is None else _quantity(person.pulse, "/min"),
        **_shown(person.laboratory.until(person.screened)),
    }
    return {name: value for name, value in known.items() if value is not None}


def _changes(person: Person, declared: dict[str, str]) -> Form:
    """What is known in addition on the day of the randomization."""
    if person.randomized is None:
        return {}
    before = person.laboratory.until(person.screened)
    now = person.laboratory.until(person.randomized)
    changes = _shown({name: value for name, value in now.items() if before.get(name) != value})
    if person.sex == "female":
        changes["postmenopausal"] = True
    return {**changes, "attested": declared}


def _shown(values: Mapping[str, tuple[Decimal, str]]) -> Form:
    return {name: _quantity(value, unit) for name, (value, unit) in values.items()}


def _quantity(value: Decimal, unit: str) -> Form:
    return {"value": value, "unit": unit}


def allocation_list(everyone: Iterable[Person]) -> str:
    """The real allocations as a list, CSV `stratum,arm,subject`; the stratum is the site."""
    drawn = [person for person in everyone if person.arm is not None]
    drawn.sort(key=lambda person: (person.randomized or date.min, person.id))
    rows = [f"{person.site},{person.arm},{person.id}\n" for person in drawn]
    return "".join(["stratum,arm,subject\n", *rows])
