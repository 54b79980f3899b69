"""Named formulas of protocols, each with its source, in exact arithmetic.

A formula that needs one of a few words (the sex) and does not know it is worked out for each of
them: the answer counts where all agree.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from services.screening.powers import Product, product

Number = int | Decimal | Fraction
Of = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Formula:
    """What a protocol may name under ``formula``; ``title`` is its name among people.

    ``numbers`` gives each number's unit, ``words`` each word's possible values; ``above_zero`` are
    the numbers that must not be 0. ``compute`` takes all of them by name and answers exactly, in
    ``unit``: a fraction, or a product of powers that compares exactly. ``example`` is a patient to
    show limits with, and ``lever`` what is moved then: the result only rises or only falls by it.
    """

    name: str
    title: str
    source: str
    unit: str
    numbers: Mapping[str, str]
    words: Mapping[str, tuple[str, ...]]
    above_zero: frozenset[str]
    compute: Callable[[Of], Fraction | Product]
    example: Of
    lever: str


def _cockcroft_gault(of: Of) -> Fraction:
    weight, per_weight = of["weight"].as_integer_ratio()
    creatinine, per_creatinine = of["creatinine"].as_integer_ratio()
    percent = 85 if of["sex"] == "female" else 100
    years, per_year = of["age"].as_integer_ratio()
    return Fraction(
        (140 * per_year - years) * weight * per_creatinine * percent,
        72 * creatinine * per_weight * per_year * 100,
    )


COCKCROFT_GAULT: Final = Formula(
    name="cockcroft_gault",
    title="Cockcroft-Gault clearance",
    source="Cockcroft DW, Gault MH. Nephron 1976; 16: 31-41: "
    "(140 - age) x weight / (72 x creatinine), x 0.85 for women",
    unit="mL/min",
    numbers={"age": "a", "weight": "kg", "creatinine": "mg/dL"},
    words={"sex": ("female", "male")},
    above_zero=frozenset({"creatinine"}),
    compute=_cockcroft_gault,
    example={"age": 50, "weight": 72, "creatinine": 1, "sex": "male"},
    lever="weight",
)


def _ckd_epi_2021(of: Of) -> Fraction | Product:
    female = of["sex"] == "female"
    ratio = Fraction(of["creatinine"]) / (Fraction(7, 10) if female else Fraction(9, 10))
    below = Fraction(-241, 1000) if female else Fraction(-302, 1000)
    return product(
        (142, 1),
        (ratio, below if ratio < 1 else Fraction(-12, 10)),
        (Fraction(9938, 10_000), of["age"]),
        (Fraction(1012, 1000) if female else 1, 1),
    )


CKD_EPI_2021: Final = Formula(
    name="ckd_epi_2021",
    title="eGFR by CKD-EPI 2021",
    source="Inker LA et al. N Engl J Med 2021; 385: 1737-49, creatinine, without race: 142 x "
    "min(creatinine / k, 1) ** a x max(creatinine / k, 1) ** -1.200 x 0.9938 ** age, x 1.012 for "
    "women; k 0.7 and a -0.241 for women, 0.9 and -0.302 for men",
    unit="mL/min/{1.73_m2}",
    numbers={"age": "a", "creatinine": "mg/dL"},
    words={"sex": ("female", "male")},
    above_zero=frozenset({"creatinine"}),
    compute=_ckd_epi_2021,
    example={"age": 50, "creatinine": 1, "sex": "male"},
    lever="creatinine",
)

MDRD_MA: Final = Formula(
    name="mdrd_ma",
    title="eGFR by MDRD for China",
    source="Ma YC et al. J Am Soc Nephrol 2006; 17: 2937-44, creatinine: "
    "175 x creatinine ** -1.234 x age ** -0.179, x 0.79 for women",
    unit="mL/min/{1.73_m2}",
    numbers={"age": "a", "creatinine": "mg/dL"},
    words={"sex": ("female", "male")},
    above_zero=frozenset({"age", "creatinine"}),
    compute=lambda of: product(
        (175, 1),
        (of["creatinine"], Fraction(-1234, 1000)),
        (of["age"], Fraction(-179, 1000)),
        (Fraction(79, 100) if of["sex"] == "female" else 1, 1),
    ),
    example={"age": 50, "creatinine": 1, "sex": "male"},
    lever="creatinine",
)

BMI: Final = Formula(
    name="bmi",
    title="body mass index",
    source="Keys A et al. J Chronic Dis 1972; 25: 329-43, after Quetelet: weight / height ** 2",
    unit="kg/m2",
    numbers={"weight": "kg", "height": "m"},
    words={},
    above_zero=frozenset({"height"}),
    compute=lambda of: Fraction(of["weight"]) / Fraction(of["height"]) ** 2,
    example={"weight": 72, "height": Decimal("1.75")},
    lever="weight",
)

BSA_MOSTELLER: Final = Formula(
    name="bsa_mosteller",
    title="body surface area by Mosteller",
    source="Mosteller RD. N Engl J Med 1987; 317: 1098: (height x weight / 3600) ** (1/2)",
    unit="m2",
    numbers={"weight": "kg", "height": "cm"},
    words={},
    above_zero=frozenset(),
    compute=lambda of: product(
        (Fraction(of["height"]) * Fraction(of["weight"]) / 3600, Fraction(1, 2))
    ),
    example={"weight": 72, "height": 175},
    lever="weight",
)

QTCF: Final = Formula(
    name="qtcf",
    title="QTc by Fridericia",
    source="Fridericia LS. Acta Med Scand 1920; 53: 469-86: QT / RR ** (1/3), RR in seconds",
    unit="ms",
    numbers={"qt": "ms", "rr": "s"},
    words={},
    above_zero=frozenset({"rr"}),
    compute=lambda of: product((of["qt"], 1), (of["rr"], Fraction(-1, 3))),
    example={"qt": 400, "rr": Decimal("0.8")},
    lever="qt",
)

QTCF_BY_RATE: Final = Formula(
    name="qtcf_by_rate",
    title="QTc by Fridericia",
    source="Fridericia LS. Acta Med Scand 1920; 53: 469-86, RR as 60 s / heart rate: "
    "QT x (heart rate / 60) ** (1/3)",
    unit="ms",
    numbers={"qt": "ms", "heart_rate": "/min"},
    words={},
    above_zero=frozenset({"heart_rate"}),
    compute=lambda of: product((of["qt"], 1), (Fraction(of["heart_rate"]) / 60, Fraction(1, 3))),
    example={"qt": 400, "heart_rate": 75},
    lever="qt",
)

CORRECTED_CALCIUM: Final = Formula(
    name="corrected_calcium",
    title="calcium corrected for albumin",
    source="after Payne RB et al. BMJ 1973; 4: 643-6, in the form that is in use: "
    "calcium + 0.8 x (4 - albumin), calcium in mg/dL and albumin in g/dL",
    unit="mg/dL",
    numbers={"calcium": "mg/dL", "albumin": "g/dL"},
    words={},
    above_zero=frozenset(),
    compute=lambda of: Fraction(of["calcium"]) + Fraction(8, 10) * (4 - Fraction(of["albumin"])),
    example={"calcium": Decimal("9.6"), "albumin": 4},
    lever="calcium",
)

CORRECTED_CALCIUM_SI: Final = Formula(
    name="corrected_calcium_si",
    title="calcium corrected for albumin",
    source="after Payne RB et al. BMJ 1973; 4: 643-6, in the form that is in use: "
    "calcium + 0.02 x (40 - albumin), calcium in mmol/L and albumin in g/L",
    unit="mmol/L",
    numbers={"calcium": "mmol/L", "albumin": "g/L"},
    words={},
    above_zero=frozenset(),
    compute=lambda of: Fraction(of["calcium"]) + Fraction(2, 100) * (40 - Fraction(of["albumin"])),
    example={"calcium": Decimal("2.4"), "albumin": 40},
    lever="calcium",
)

#: A new formula is one entry here.
FORMULAS: Final[Mapping[str, Formula]] = {
    one.name: one
    for one in (
        COCKCROFT_GAULT,
        CKD_EPI_2021,
        MDRD_MA,
        BMI,
        BSA_MOSTELLER,
        QTCF,
        QTCF_BY_RATE,
        CORRECTED_CALCIUM,
        CORRECTED_CALCIUM_SI,
    )
}
