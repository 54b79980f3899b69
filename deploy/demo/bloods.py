"""Laboratory values of simulated patients, within every limit, in the units that sites write."""

from decimal import Decimal
from random import Random
from typing import Any, Final

Form = dict[str, Any]

_LEAST_CLEARANCE: Final = 35  # mL/min; the registry asks for more than 30


def quantity(value: float | str, unit: str, uln: float | str | None = None) -> Form:
    """A measured value, its digits as the laboratory writes them."""
    made: Form = {"value": _number(value), "unit": unit}
    return made if uln is None else made | {"uln": _number(uln)}


def _number(value: float | str) -> Decimal | int:
    return value if isinstance(value, int) else Decimal(str(value))


def _between(draw: Random, low: float, high: float, digits: int = 1) -> str:
    return f"{draw.uniform(low, high):.{digits}f}"


def blood(draw: Random) -> Form:
    """Liver, coagulation and blood counts."""
    return {
        "bilirubin": draw.choice(
            [
                quantity(_between(draw, 0.3, 1.4), "mg/dL", "1.2"),
                quantity(draw.randint(5, 30), "umol/L", 21),
            ]
        ),
        "alt": _enzyme(draw, 12, 78, 40),
        "ast": _enzyme(draw, 12, 78, 40),
        "alp": _enzyme(draw, 45, 290, 120),
        "inr": quantity(_between(draw, 0.9, 1.3), "1", "1.2"),
        "ptt": quantity(draw.randint(24, 40), "s", 36),
        "platelets": draw.choice(
            [
                quantity(draw.randint(110, 450) * 1000, "/mm3"),
                quantity(draw.randint(110, 450), "10*9/L"),
            ]
        ),
        "haemoglobin": draw.choice(
            [
                quantity(_between(draw, 9.2, 16), "g/dL"),
                quantity(_between(draw, 9.2, 16), "g/dL"),
                quantity(draw.randint(92, 160), "g/L"),
                quantity(_between(draw, 5.8, 9.9), "mmol/L"),
            ]
        ),
        "neutrophils": draw.choice(
            [
                quantity(draw.randint(16, 80) * 100, "/mm3"),
                quantity(_between(draw, 1.6, 8), "10*9/L"),
            ]
        ),
    }


def _enzyme(draw: Random, low: int, high: int, uln: int) -> Form:
    """In U/L, or as some laboratories write it, in microkatal per litre (60 U/L)."""
    units = draw.randint(low, high)
    if draw.random() < 0.1:
        return quantity(f"{units / 60:.2f}", "ukat/L", f"{uln / 60:.2f}")
    return quantity(units, "U/L", uln)


def kidneys(draw: Random, age: int, female: bool) -> Form:
    """Weight and creatinine whose clearance is above the limit, by Cockcroft and Gault."""
    while True:
        weight = draw.uniform(48, 82) if female else draw.uniform(58, 110)
        creatinine = draw.uniform(0.6, 1.7)
        clearance = (140 - age) * weight / (72 * creatinine) * (0.85 if female else 1)
        if clearance > _LEAST_CLEARANCE:
            break
    in_si = draw.random() < 0.3
    written = (
        quantity(round(creatinine * 88.42), "umol/L")
        if in_si
        else quantity(f"{creatinine:.2f}", "mg/dL")
    )
    return {"weight": quantity(f"{weight:.1f}", "kg"), "creatinine": written}
