"""The statements of NCT06903312 that are about more than one field, or about a list."""

from fractions import Fraction
from typing import Any

from tests.unit.screening.byhand.statements import Statement, amount

AFTER_DOUBLET = "nivolumab_after_ipilimumab_nivolumab"
REGIMENS = (
    "axitinib_pembrolizumab",
    "cabozantinib_nivolumab",
    "lenvatinib_pembrolizumab",
    AFTER_DOUBLET,
)
EVERY_REGIMEN = (*REGIMENS, "other")

#: Digoxin, and the beta-blockers as the protocol file lists them.
_PERMITTED = """
digoxin acebutolol alprenolol atenolol befunolol betaxolol bevantolol bisoprolol bopindolol
bucindolol bupranolol carteolol carvedilol celiprolol cloranolol dilevalol epanolol esmolol
indenolol labetalol landiolol levobunolol mepindolol metipranolol metoprolol nadolol nebivolol
nipradilol oxprenolol penbutolol pindolol practolol propranolol talinolol tertatolol tilisolol
timolol sotalol
"""
PERMITTED_DRUGS = frozenset(_PERMITTED.split())


def _cockcroft_gault(creatinine: Any, weight: Any, age: Fraction, sex: str) -> Fraction:
    return (
        (140 - age)
        * amount("weight", weight)
        / (72 * amount("creatinine", creatinine))
        * (Fraction(85, 100) if sex == "female" else 1)
    )


_FINE = [Fraction(f"{1.1**step:.3g}") for step in range(-80, 81)]


def _clearance_tries(creatinine: Any, weight: Any, age: Any, sex: str | None) -> Any:
    """Steps of a tenth lie closer than the two sexes do, so they hit a value where those differ.

    The formula is asked for its numbers whatever ages there are, so its own are no years of a life.
    """
    alone = (creatinine, weight, age).count(None) == 1
    return [
        [{"value": one, "unit": "mg/dL"} for one in (_FINE if weight is not None else (1, 2))],
        [{"value": one * 60, "unit": "kg"} for one in _FINE],
        [140 - 80 * one for one in _FINE] if alone else (20, 60, 80),
        ("female", "male"),
    ]


def _on_thirty(creatinine: Any, weight: Any, age: Fraction, sex: str) -> Fraction:
    return _cockcroft_gault(creatinine, weight, age, sex) / 30


CLEARANCE = Statement(
    ("creatinine", "weight", "age", "sex"),
    lambda *of: _on_thirty(*of) > 1,
    _clearance_tries,
    {
        f"clearance of a {sex} {side}": lambda *of, sex=sex, test=test: (
            of[3] == sex and test(_on_thirty(*of))
        )
        for sex in ("female", "male")
        for side, test in (
            ("30", lambda ratio: ratio == 1),
            ("just over 30", lambda ratio: 1 < ratio <= Fraction("1.02")),
        )
    },
)

DISCONTINUED = Statement(
    ("discontinued_agents", "soc_regimen"),
    lambda agents, regimen: any(
        agent != "ipilimumab" or regimen != AFTER_DOUBLET for agent in agents
    ),
    lambda *_: [([], ["ipilimumab"], ["axitinib"]), EVERY_REGIMEN],
    {
        "nothing discontinued": lambda agents, _: agents == [],
        "ipilimumab after the doublet": lambda agents, regimen: (
            agents == ["ipilimumab"] and regimen == AFTER_DOUBLET
        ),
        "ipilimumab in another regimen": lambda agents, regimen: (
            agents == ["ipilimumab"] and regimen != AFTER_DOUBLET
        ),
        "another agent after the doublet": lambda agents, regimen: (
            agents != [] and "ipilimumab" not in agents and regimen == AFTER_DOUBLET
        ),
        "ipilimumab and another": lambda agents, _: "ipilimumab" in agents and len(agents) > 1,
    },
)

RHYTHM = Statement(
    ("antiarrhythmics",),
    lambda drugs: any(drug not in PERMITTED_DRUGS for drug in drugs),
    lambda _: [([], ["digoxin"], ["amiodarone"])],
    {
        "no drug": lambda drugs: drugs == [],
        "every permitted drug": lambda drugs: set(drugs) == PERMITTED_DRUGS,
        "one other drug": lambda drugs: len(set(drugs) - PERMITTED_DRUGS) == 1 and len(drugs) == 1,
        "a permitted drug and another": lambda drugs: len(set(drugs) & PERMITTED_DRUGS) == 1,
    },
)
