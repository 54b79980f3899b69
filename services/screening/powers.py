"""Products of powers with rational exponents, compared with a number exactly, never in floats.

A root or a power such as creatinine ** -1.2 has no end in decimals. Whether such a product is equal
to a number is settled in whole numbers: both sides are split over common coprime factors, whose
exponents must agree. Where they differ, logarithms (correctly rounded by ``decimal``, and carried
with their error) are taken with more and more digits until the sign of the difference is sure.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from functools import lru_cache
from math import gcd
from typing import Final

Number = int | Decimal | Fraction

_DIGITS: Final = 24  # settles nearly everything; any start would be right


@dataclass(frozen=True, slots=True)
class Product:
    """The product of ``base ** exponent`` over ``powers``; every base is above 0."""

    powers: tuple[tuple[Fraction, Fraction], ...]

    def __gt__(self, other: Number) -> bool:
        return self._compared(other) > 0

    def __ge__(self, other: Number) -> bool:
        return self._compared(other) >= 0

    def __le__(self, other: Number) -> bool:
        return self._compared(other) <= 0

    def __lt__(self, other: Number) -> bool:
        return self._compared(other) < 0

    def _compared(self, other: Number) -> int:
        """1, 0 or -1: the sign of the difference to ``other``."""
        if other <= 0:
            return 1
        quotient = (*self.powers, (Fraction(other), Fraction(-1)))
        digits = _DIGITS
        while not (sign := _sign(quotient, digits)):
            if digits == _DIGITS and _is_one(quotient):
                return 0
            digits *= 2
        return sign


def product(*powers: tuple[Number, Number]) -> Product | Fraction:
    """The product of ``base ** exponent``, no base below 0; a base of 0 makes it 0, since no
    formula divides by what may be 0.
    """
    made = tuple((Fraction(base), Fraction(exponent)) for base, exponent in powers)
    if any(base == 0 for base, _ in made):
        return Fraction(0)
    return Product(made)


def _sign(powers: Iterable[tuple[Fraction, Fraction]], digits: int) -> int:
    """The sign of the product's logarithm as far as so many digits tell it, else 0."""
    context = Context(prec=digits)
    total = error = Decimal(0)
    for base, exponent in powers:
        times = context.divide(Decimal(exponent.numerator), Decimal(exponent.denominator))
        for part, sign in ((base.numerator, 1), (base.denominator, -1)):
            log = context.multiply(times, _log(part, digits))
            total = (context.add if sign > 0 else context.subtract)(total, log)
            error = context.add(error, log.copy_abs())
    # Every step is right to a unit in the last of the digits; the guard covers all of them.
    error = error.scaleb(3 - digits, context)
    if total.copy_abs() <= error:
        return 0
    return 1 if total > 0 else -1


@lru_cache(maxsize=4096)
def _log(part: int, digits: int) -> Decimal:
    """The natural logarithm of a whole number, correctly rounded to so many digits."""
    return Context(prec=digits).ln(Decimal(part))


def _is_one(powers: Iterable[tuple[Fraction, Fraction]]) -> bool:
    """Whether the product is exactly 1: over coprime factors every exponent must be 0."""
    parts = [
        (part, sign * exponent)
        for base, exponent in powers
        for part, sign in ((base.numerator, 1), (base.denominator, -1))
        if part != 1
    ]
    return all(
        sum((exponent * _times(part, factor) for part, exponent in parts), Fraction(0)) == 0
        for factor in _coprime(part for part, _ in parts)
    )


def _coprime(numbers: Iterable[int]) -> list[int]:
    """Factors above 1, pairwise without a common one, of which every number is a product."""
    found: list[int] = []
    waiting = list(numbers)
    while waiting:
        number = waiting.pop()
        if number == 1:
            continue
        for index, known in enumerate(found):
            common = gcd(number, known)
            if common > 1:
                del found[index]
                waiting += [common, known // common, number // common]
                break
        else:
            found.append(number)
    return found


def _times(number: int, factor: int) -> int:
    """How often ``factor`` divides ``number``."""
    count = 0
    while number % factor == 0:
        number //= factor
        count += 1
    return count
