"""Units of measure: what converts a value exactly between UCUM codes, between mass and amount of a
substance, and along a published scale.

A code is read by ``ucumvert`` and resolved by ``pint`` in rational arithmetic, so a factor is exact
or there is none: units with a logarithm (bel) and roots convert into nothing. A temperature has an
offset: it is converted, but is no multiple of another. An arbitrary unit ([IU]) measures only what
the same arbitrary unit measures (UCUM, section 24).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

# A code is short; long runs of digits would only make the arithmetic slow.
_CODE: Final = re.compile(r"(?!.*[0-9]{4})[\x21-\x7e]{1,40}").fullmatch
_ANNOTATION: Final = re.compile(r"\{[^{}]*\}")
_MEASURE: Final = re.compile(r"(-?[0-9]+(?:\.[0-9]+)?)(?: +(\S+))?").fullmatch
#: A registry remembers every unit that it has met; after so many codes, refused ones too, another
#: one takes its place, so that no client makes a process grow.
A_READER: Final = 8192
_FARTHEST: Final = 10**60  # no laboratory is beyond; larger ones only cost time
_ROUND: Final = Context(prec=28)
_WIDE: Final = Context(prec=10_000)

#: What a value is multiplied by for kelvin, and what is added then: ``Cel`` of 1 K and ``degF`` of
#: 5 K/9 in ucum-essence.xml, which begin at 273.15 K and at -459.67.
_TEMPERATURES: Final = {
    "Cel": (Fraction(1), Fraction(27315, 100)),
    "[degF]": (Fraction(5, 9), Fraction(45967, 100) * Fraction(5, 9)),
}


class UnknownUnit(ValueError):
    """is not a unit in UCUM"""


class OtherDimension(ValueError):
    """is a unit of something else"""


@dataclass(frozen=True)
class Unit:
    """A unit as a multiple of base units; ``factor`` None where it is not a plain multiple.

    ``offset`` is what is added to such a multiple, in base units.
    """

    factor: Fraction | None
    base: str
    arbitrary: frozenset[str]
    offset: Fraction = Fraction(0)

    def measures_as(self, other: "Unit") -> bool:
        """Whether both measure the same kind of thing."""
        return self.base == other.base and self.arbitrary == other.arbitrary


@dataclass
class _Reader:
    """What reads a code: the parser, what resolves its tree, the registry, the codes of two kinds
    of units; ``met`` counts the codes that it was given."""

    parser: Any
    transformer: Any
    registry: Any
    arbitrary: frozenset[str]
    special: frozenset[str]
    met: int = 0


@cache
def _reader() -> _Reader:
    """The parser and the registry; built at first use because both take a while."""
    import pint
    import ucumvert
    from ucumvert.xml_util import get_units_with_full_definition

    class Exact(ucumvert.UcumToPintTransformer):  # type: ignore[misc]  # has no types
        """Keeps every magnitude a fraction; the original divides in floats."""

        def simple_unit(self, args: Any) -> Any:
            quantity = super().simple_unit(args)
            return self.ureg.Quantity(Fraction(quantity.magnitude), quantity.units)

    registry: Any = pint.UnitRegistry(non_int_type=Fraction)
    registry.load_definitions(Path(ucumvert.__file__).parent / "pint_ucum_defs.txt")
    known = get_units_with_full_definition()
    return _Reader(
        ucumvert.get_ucum_parser(),
        Exact(ureg=registry),
        registry,
        frozenset(unit.code_cs for unit in known if unit.is_arbitrary),
        frozenset(unit.code_cs for unit in known if unit.is_special),
    )


@lru_cache(maxsize=4096)
def unit(code: str) -> Unit:
    """The unit of a UCUM code (case-sensitive); raises ``UnknownUnit``."""
    if _CODE(code) is None:
        raise UnknownUnit
    if code in _TEMPERATURES:
        times, offset = _TEMPERATURES[code]
        return Unit(times, unit("K").base, frozenset(), offset)
    reader = _reader()
    if reader.met >= A_READER:
        _reader.cache_clear()
        reader = _reader()
    reader.met += 1
    registry = reader.registry
    try:
        tree = reader.parser.parse(code)
        atoms = {str(token) for token in tree.scan_values(lambda _: True)}
        made = reader.transformer.transform(tree)
        if not hasattr(made, "magnitude"):  # an annotation alone, {INR}, is the unit 1
            return Unit(Fraction(1), "1", frozenset())
        multiple, base = registry.get_base_units(made.units)
        whole = registry.Quantity(1, base)
        exact = not atoms & reader.special and isinstance(multiple, int | Fraction)
        factor = Fraction(made.magnitude * multiple) if exact else None
    except Exception:
        # The parser and the registry raise many kinds for a code that makes no sense to them.
        raise UnknownUnit from None
    if factor is not None and max(factor.numerator, factor.denominator) > _FARTHEST:
        raise UnknownUnit
    return Unit(
        factor,
        " ".join(sorted(f"{name}^{power}" for name, power in whole.unit_items())) or "1",
        frozenset(atoms & reader.arbitrary),
    )


@dataclass(frozen=True)
class Same:
    """Two measures of the same thing: 1 mg/dL of creatinine is 88.42 umol/L (its molar mass)."""

    one: Fraction
    one_unit: str
    other: Fraction
    other_unit: str


class Line(NamedTuple):
    """What brings a value into another unit: ``value * factor + offset``, exactly."""

    factor: Fraction
    offset: Fraction = Fraction(0)

    def of(self, value: int | Decimal | Fraction) -> Fraction:
        """The value in the other unit."""
        return Fraction(value) * self.factor + self.offset


@dataclass(frozen=True)
class Scale:
    """Two units of one thing whose zeros differ: ``other`` is ``line`` of a value in ``one``.

    What UCUM would make of the two codes does not count: between the scales its factor is wrong.
    """

    one: str
    other: str
    line: Line

    def line_to(self, code: str, canonical: str) -> Line | None:
        """From the one to the other, or back; None for any other pair.

        Annotations change nothing in UCUM: ``%{Hb}`` is ``%``.
        """
        code, canonical = (_ANNOTATION.sub("", one) for one in (code, canonical))
        if code == canonical and code in (self.one, self.other):
            return Line(Fraction(1))
        if (code, canonical) == (self.one, self.other):
            return self.line
        if (code, canonical) == (self.other, self.one):
            factor = 1 / self.line.factor
            return Line(factor, -self.line.offset * factor)
        return None


def measure(text: str) -> tuple[Decimal, str]:
    """``"2.5 mg/dL"`` as number and unit (``1`` where none is written); raises ``ValueError``."""
    match = _MEASURE(text)
    if match is None:
        raise ValueError("must be a number and a unit, like 2.5 mg/dL")
    return Decimal(match[1]), match[2] or "1"


def same(pair: Sequence[str]) -> Same:
    """Two measures written as text, of two kinds; raises ``ValueError``."""
    (one, one_unit), (other, other_unit) = (measure(text) for text in pair)
    if one <= 0 or other <= 0:
        raise ValueError("both must be above 0")
    if unit(one_unit).measures_as(unit(other_unit)):
        raise ValueError("both are units of the same kind, which needs no table")
    return Same(Fraction(one), one_unit, Fraction(other), other_unit)


@lru_cache(maxsize=4096)
def factor(code: str, canonical: str, by: Same | Scale | None = None) -> Fraction | None:
    """What a value in ``code`` is multiplied by to be in ``canonical``; None where they are equal.

    Raises ``UnknownUnit`` or ``OtherDimension``, which two units are, too, whose zeros differ.
    """
    if code == canonical:
        return None
    given, wanted = unit(code), unit(canonical)
    if isinstance(by, Scale):
        raise OtherDimension
    if given.measures_as(wanted):
        return _ratio(given, wanted)
    if by is not None:
        one, other = unit(by.one_unit), unit(by.other_unit)
        if given.measures_as(other) and wanted.measures_as(one):
            return _ratio(given, other) * by.one / by.other * _ratio(one, wanted)
        if given.measures_as(one) and wanted.measures_as(other):
            return _ratio(given, one) * by.other / by.one * _ratio(other, wanted)
    raise OtherDimension


@lru_cache(maxsize=4096)
def line(code: str, canonical: str, by: Same | Scale | None = None) -> Line | None:
    """What brings a value in ``code`` into ``canonical``, offsets and all; None where they are
    equal.

    Raises ``UnknownUnit`` or ``OtherDimension``.
    """
    if code == canonical:
        return None
    given, wanted = unit(code), unit(canonical)
    if isinstance(by, Scale) and (found := by.line_to(code, canonical)):
        return found
    if given.offset == wanted.offset or not given.measures_as(wanted):
        times = factor(code, canonical, by)
        return None if times is None else Line(times)
    if given.factor is None or wanted.factor is None:
        raise OtherDimension
    return Line(given.factor / wanted.factor, (given.offset - wanted.offset) / wanted.factor)


def _ratio(given: Unit, wanted: Unit) -> Fraction:
    if given.factor is None or wanted.factor is None or given.offset or wanted.offset:
        raise OtherDimension
    return given.factor / wanted.factor


def as_decimal(value: Fraction) -> Decimal:
    """``value`` in decimal: exact where it terminates, else rounded half-even to 28 digits.

    For showing only; decisions are taken on the fraction.
    """
    rest, shift = value.denominator, 0
    for prime in (2, 5):
        power = 0
        while rest % prime == 0:
            rest //= prime
            power += 1
        shift = max(shift, power)
    if rest == 1:
        digits = value.numerator * 10**shift // value.denominator
        return Decimal(digits).scaleb(-shift, _WIDE)
    return _ROUND.divide(Decimal(value.numerator), Decimal(value.denominator))
