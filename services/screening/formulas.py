"""Named formulas of protocols, each with its source, in exact arithmetic.

A formula that needs one of a few words (the sex) and does not know it is worked out for each of
them: the answer counts where all agree.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

Number = int | Decimal | Fraction


@dataclass(frozen=True, slots=True)
class Formula:
    """What a protocol may name under ``formula``.

    ``numbers`` gives each number's unit, ``words`` each word's possible values; ``compute`` takes
    all of them by name and answers exactly, in ``unit``.
    """

    name: str
    source: str
    unit: str
    numbers: Mapping[str, str]
    words: Mapping[str, tuple[str, ...]]
    compute: Callable[[Mapping[str, Any]], Fraction]


def _cockcroft_gault(of: Mapping[str, Any]) -> Fraction:
    weight, per_weight = of["weight"].as_integer_ratio()
    creatinine, per_creatinine = of["creatinine"].as_integer_ratio()
    percent = 85 if of["sex"] == "female" else 100
    return Fraction(
        (140 - of["age"]) * weight * per_creatinine * percent,
        72 * creatinine * per_weight * 100,
    )


COCKCROFT_GAULT: Final = Formula(
    name="cockcroft_gault",
    source="Cockcroft DW, Gault MH. Nephron 1976; 16: 31-41: "
    "(140 - age) x weight / (72 x creatinine), x 0.85 for women",
    unit="mL/min",
    numbers={"age": "a", "weight": "kg", "creatinine": "mg/dL"},
    words={"sex": ("female", "male")},
    compute=_cockcroft_gault,
)

#: A new formula is one entry here.
FORMULAS: Final[Mapping[str, Formula]] = {one.name: one for one in (COCKCROFT_GAULT,)}
