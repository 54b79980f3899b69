"""Screening's verdict as people read it: each criterion met, not met or open, with its values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any, Final, Literal, NamedTuple

from services.portal.labels import label
from services.portal.questions import APPLIES, DOES_NOT_APPLY, Asked, Dictionary
from services.portal.shown import shown

State = Literal["passed", "against", "open"]
TONES: Final[Mapping[State, str]] = {"passed": "good", "against": "bad", "open": "attention"}
_SHORT: Final = Context(prec=6)
_ORDER: Final[Sequence[State]] = ("against", "open", "passed")


class Value(NamedTuple):
    """A field that a criterion looked at."""

    field: str
    label: str
    text: str


class Wanted(NamedTuple):
    """A field that would settle a criterion; the id of its question."""

    field: str
    label: str


@dataclass(frozen=True, slots=True)
class Row:
    """One criterion, `passed` where it lets the patient in. Of an exclusion "met" could be read
    either way, so it is said to apply or not.
    """

    id: str
    category: str
    text: str
    state: State
    values: tuple[Value, ...]
    missing: tuple[Wanted, ...]

    @property
    def tone(self) -> str:
        """The badge's kind."""
        return TONES[self.state]

    @property
    def words(self) -> str:
        """How the criterion is."""
        if self.state == "open":
            return "open"
        if self.category == "exclusion":
            return DOES_NOT_APPLY if self.state == "passed" else APPLIES
        return "met" if self.state == "passed" else "not met"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A screening's answer for a page; ``rows`` in the protocol's order."""

    verdict: str
    stratum: str | None
    rows: tuple[Row, ...]
    missing: tuple[Wanted, ...]

    @property
    def groups(self) -> tuple[tuple[State, tuple[Row, ...]], ...]:
        """What stands in the way first; without empty groups."""
        by = ((state, tuple(row for row in self.rows if row.state == state)) for state in _ORDER)
        return tuple((state, rows) for state, rows in by if rows)

    @property
    def words(self) -> str:
        """The verdict and what it hangs on."""
        number = {state: len(rows) for state, rows in self.groups}
        if self.verdict == "eligible":
            return "Eligible"
        if self.verdict == "ineligible":
            return f"Not eligible: {_criteria(number.get('against', 0))} in the way"
        if "open" in number:
            return f"Not decided: {_criteria(number['open'])} open"
        return "Not decided: the stratum is open"

    @property
    def tone(self) -> str:
        """The badge's kind."""
        return {"eligible": "good", "ineligible": "bad"}.get(self.verdict, "attention")


def verdict(dictionary: Dictionary, answer: Mapping[str, Any]) -> Verdict:
    """The verdict in an answer of screening."""
    asked = {one.name: one for one in dictionary.fields}
    return Verdict(
        str(answer["verdict"]),
        answer["stratum"],
        tuple(_row(asked, one) for one in answer["criteria"]),
        _wanted(asked, answer["missing"]),
    )


def known(answer: Mapping[str, Any]) -> dict[str, object]:
    """The values of a screening's form, as far as its criteria look at them."""
    return {field: value for one in answer["criteria"] for field, value in one["evidence"].items()}


def _row(asked: Mapping[str, Asked], one: Mapping[str, Any]) -> Row:
    outcome = one["outcome"]
    if outcome is None:
        state: State = "open"
    else:
        state = "passed" if outcome is (one["category"] == "inclusion") else "against"
    values = tuple(
        Value(field, _label(asked, field), text)
        for field, value in one["evidence"].items()
        if (text := _value(asked.get(field), one["id"], value, one["converted"].get(field)))
    )
    missing = _wanted(asked, one["missing"])
    return Row(one["id"], one["category"], one["text"], state, values, missing)


def _value(asked: Asked | None, criterion: str, value: object, converted: object) -> str:
    """The value in words; of a map the criterion's own entry alone, nothing where it has none."""
    if asked is not None and asked.kind == "map" and isinstance(value, Mapping):
        key = next((one for one in asked.keys if one.id == criterion), None)
        said = key.said(asked.choices) if key else ()
        return next((one.words for one in said if one.value == value.get(criterion)), "")
    text = shown(asked, value)
    return text if converted is None else f"{text} = {shown(asked, _short(converted))}"


def _short(value: object) -> object:
    """A converted value as far as it is read; what was submitted keeps all its digits."""
    match value:
        case Decimal():
            return _SHORT.plus(value).normalize(_SHORT)
        case Mapping():
            return {name: _short(member) for name, member in value.items()}
        case list():
            return [_short(member) for member in value]
        case _:
            return value


def _wanted(asked: Mapping[str, Asked], fields: Sequence[str]) -> tuple[Wanted, ...]:
    return tuple(Wanted(field, _label(asked, field)) for field in fields)


def _label(asked: Mapping[str, Asked], field: str) -> str:
    return asked[field].label if field in asked else label(field)


def _criteria(number: int) -> str:
    return f"{number} criterion" if number == 1 else f"{number} criteria"
