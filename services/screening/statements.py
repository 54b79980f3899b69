"""A rule as data: what the words of a protocol say, checked against its form.

``vocabulary`` reads statements from the file, ``compiling`` makes them decide, ``saying`` says them
as a person would, ``regions`` finds where they change. Equal statements say the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final, Literal

Operand = tuple[str, str]  # the key of a fact, and the field that it is part of
Number = int | Decimal | Fraction
End = Literal["uln", "lln"]

#: The day at the site: the one fact that is no field.
TODAY: Final = "today"


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit as written, and its ``value`` in the unit of what is compared with it.

    ``word`` is one of above, at_least, at_most, below; ``unit`` is None where none is written.
    """

    word: str
    value: Number
    written: int | Decimal
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part is true."""

    parts: tuple["Statement", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One part is true."""

    parts: tuple["Statement", ...]


@dataclass(frozen=True, slots=True)
class NotOf:
    """The part is false."""

    part: "Statement"


@dataclass(frozen=True, slots=True)
class IsTrue:
    """A field is true."""

    operand: Operand


@dataclass(frozen=True, slots=True)
class OneOf:
    """A field says one of the words."""

    operand: Operand
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """A number keeps to limits; ``unit`` is the field's own, None for a whole number."""

    operand: Operand
    limits: tuple[Limit, ...]
    unit: str | None
    quantity: bool


@dataclass(frozen=True, slots=True)
class XNormal:
    """A value keeps to multiples of its own upper or lower limit of normal."""

    operand: Operand
    limits: tuple[Limit, ...]
    end: End


@dataclass(frozen=True, slots=True)
class XField:
    """A number keeps to multiples of another number; ``factor`` brings the other one into the
    unit of the first, None where both have the same."""

    operand: Operand
    other: Operand
    limits: tuple[Limit, ...]
    factor: Fraction | None


@dataclass(frozen=True, slots=True)
class Argument:
    """What a formula is of: its own name for it, and the fact; ``factor`` as in ``XField``."""

    name: str
    operand: Operand
    factor: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Times:
    """What limits are multiples of: a fact's limit of normal, or without an ``end`` its number;
    ``factor`` brings that into the unit of what is compared."""

    operand: Operand
    end: End | None
    factor: Fraction | None


@dataclass(frozen=True, slots=True)
class Computed:
    """The result of a named formula keeps to limits, or to multiples of a fact."""

    formula: str
    of: tuple[Argument, ...]
    limits: tuple[Limit, ...]
    times: Times | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """A distance between two days: in calendar months, else in days; ``word`` and ``count`` as
    written (weeks, 4); with ``open_end`` its far end is not included."""

    least: int
    most: int
    months: bool
    open_end: bool
    word: str
    count: int | tuple[int, int]


@dataclass(frozen=True, slots=True)
class Within:
    """A day is in a span before the reference day, or after it."""

    operand: Operand
    reference: Operand
    span: Span
    after: bool


@dataclass(frozen=True, slots=True)
class Before:
    """A day is before (the reference day less the span); with ``or_on`` that day counts too."""

    operand: Operand
    reference: Operand
    span: Span
    or_on: bool


@dataclass(frozen=True, slots=True)
class NotAfter:
    """A day is not after another."""

    operand: Operand
    day: Operand


@dataclass(frozen=True, slots=True)
class Says:
    """A word stands in place of a day or a number."""

    operand: Operand
    word: str


@dataclass(frozen=True, slots=True)
class AnyItem:
    """One entry of a list meets a statement; ``texts``: its entries are texts."""

    list: str
    where: "Statement"
    texts: bool


@dataclass(frozen=True, slots=True)
class Attested:
    """The investigator attested the criterion."""

    operand: Operand
    criterion: str


Leaf = (
    IsTrue
    | OneOf
    | Measured
    | XNormal
    | XField
    | Computed
    | Within
    | Before
    | NotAfter
    | Says
    | AnyItem
    | Attested
)
Statement = AllOf | AnyOf | NotOf | Leaf


def leaves(statement: Statement) -> Iterator[Leaf]:
    """The plain statements of which one is made, as they stand; not those about list entries."""
    match statement:
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from leaves(part)
        case NotOf(part):
            yield from leaves(part)
        case _:
            yield statement
