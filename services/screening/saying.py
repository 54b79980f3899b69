"""Statements said as a person would say them, from what is compiled and not from the text."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from services.screening.formulas import FORMULAS
from services.screening.statements import (
    AllOf,
    AnyItem,
    AnyOf,
    Attested,
    Before,
    Computed,
    End,
    IsTrue,
    Limit,
    Measured,
    NotAfter,
    NotOf,
    OneOf,
    Operand,
    Says,
    Span,
    Statement,
    Times,
    Within,
    XField,
    XNormal,
)

_LIMITS: Final = {
    "above": "above",
    "at_least": "at least",
    "at_most": "at most",
    "below": "below",
}
#: What people call the ends of the normal range.
ENDS: Final[Mapping[End, str]] = {"uln": "upper limit", "lln": "lower limit"}


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence, or the head of those ``below`` it."""

    text: str
    below: tuple["Sentence", ...] = ()

    def lines(self, indent: int = 0) -> Iterator[tuple[int, str]]:
        """Each line with how deep it stands."""
        yield indent, self.text
        for one in self.below:
            yield from one.lines(indent + 1)


def said(statement: Statement, fields: Mapping[str, Any]) -> Sentence:
    """The statement in words; ``fields`` give the labels."""
    match statement:
        case AllOf(parts):
            return Sentence("all of these:", tuple(said(part, fields) for part in parts))
        case AnyOf(parts):
            return Sentence("one of these, or more:", tuple(said(part, fields) for part in parts))
        case NotOf(AnyOf(parts)):
            return Sentence("none of these:", tuple(said(part, fields) for part in parts))
        case NotOf(AllOf(parts)):
            return Sentence("not all of these:", tuple(said(part, fields) for part in parts))
        case NotOf(IsTrue(operand)):
            return Sentence(f"{named(operand, fields)}: no")
        case NotOf(NotOf(part)):
            return said(part, fields)
        case NotOf(part):
            inner = said(part, fields)
            return Sentence(f"not: {inner.text}", inner.below)
        case AnyItem(field, where, texts):
            entry = "one of" if texts else "one entry of"
            head = f"{entry} {named((field, field), fields)} for which holds:"
            return Sentence(head, (said(where, fields),))
        case leaf:
            return Sentence(_leaf(leaf, fields))


def _leaf(statement: Statement, fields: Mapping[str, Any]) -> str:
    match statement:
        case IsTrue(operand):
            return f"{named(operand, fields)}: yes"
        case OneOf(operand, words):
            which = words[0] if len(words) == 1 else "one of " + ", ".join(words)
            return f"{named(operand, fields)} is {which}"
        case Measured(operand, limits):
            return f"{named(operand, fields)} is {limited(limits)}"
        case XNormal(operand, limits, end):
            return f"{named(operand, fields)} is {limited(limits)} x its {ENDS[end]} of normal"
        case XField(operand, other, limits):
            return f"{named(operand, fields)} is {limited(limits)} x {named(other, fields)}"
        case Computed(name, of, limits, times):
            arguments = ", ".join(named(one.operand, fields) for one in of)
            says = f"{FORMULAS[name].title} (of {arguments}) is {limited(limits)}"
            return says if times is None else f"{says} x {times_named(times, fields)}"
        case Within(operand, reference, span, after):
            side = "after" if after else "before"
            return f"{named(operand, fields)} is {_span(span, side, named(reference, fields))}"
        case Before(operand, reference, span, or_on):
            count = f"{span.count} {span.word}"
            far = f"{count} or more" if or_on else f"more than {count}"
            return f"{named(operand, fields)} is {far} before {named(reference, fields)}"
        case NotAfter(operand, day):
            return f"{named(operand, fields)} is not after {named(day, fields)}"
        case Says(operand, word):
            return f"{named(operand, fields)} says “{word}”"
        case Attested():
            return "the investigator attested it as met"
        case _:
            raise TypeError(statement)


def times_named(times: Times, fields: Mapping[str, Any]) -> str:
    """What limits are multiples of."""
    name = named(times.operand, fields)
    return name if times.end is None else f"the {ENDS[times.end]} of normal of {name}"


def _span(span: Span, side: str, reference: str) -> str:
    if span.open_end:
        return f"less than {span.count} months {side} {reference}, or on that day"
    if isinstance(span.count, tuple):
        least, most = span.count
        return f"{least} to {most} {span.word} {side} {reference}, both included"
    return f"0 to {span.count} {span.word} {side} {reference}, both included"


def limited(limits: tuple[Limit, ...]) -> str:
    """The limits as written, with their units."""
    return " and ".join(f"{_LIMITS[one.word]} {measure(one.written, one.unit)}" for one in limits)


def measure(value: int | Decimal, unit: str | None) -> str:
    """A number with its unit, never in powers of ten."""
    text = f"{value:f}" if isinstance(value, Decimal) else str(value)
    return text if unit in (None, "1") else f"{text} {unit}"


def named(operand: Operand, fields: Mapping[str, Any]) -> str:
    """What people call a fact: the field's label, else its name in words."""
    key, owner = operand
    if key.startswith("item"):
        return "its " + key.removeprefix("item.").replace("_", " ") if "." in key else "it"
    if not owner:
        return key
    label = fields[owner].label or owner.replace("_", " ")
    return label if key == owner else f"{label}, {key.removeprefix(f'{owner}.').replace('_', ' ')}"
