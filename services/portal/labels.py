"""The words of a data dictionary as a nurse reads them: names, choices and units.

A name such as `soc_start_date` is the protocol's own; what is known of medical writing in general
(abbreviations, how a unit is printed, which units a laboratory may use instead) stands here.
"""

import re
from collections.abc import Mapping
from typing import Final

#: Written in capitals wherever they stand as a word of a name.
_CAPITALS: Final = frozenset(
    {"ad", "alp", "alt", "ast", "bmi", "bp", "ct", "ctcae", "ecg", "ecog", "ggt", "hdl", "hiv"}
    | {"id", "inr", "ldl", "mmse", "mri", "nyha", "psa", "ptt", "recist", "soc", "susar", "tsh"}
)
_OWN: Final = {"hba1c": "HbA1c", "pt2": "pT2", "pd1": "PD1", "b12": "B12"}

#: UCUM codes as they are printed; a code that is not listed is printed as it stands.
_PRINTED: Final = {
    "1": "",
    "mo": "months",
    "wk": "weeks",
    "a": "years",
    "d": "days",
    "h": "hours",
    "mm[Hg]": "mmHg",
    "/mm3": "/mm³",
    "/uL": "/µL",
    "10*3/uL": "10³/µL",
    "10*3/mm3": "10³/mm³",
    "10*9/L": "10⁹/L",
    "10*12/L": "10¹²/L",
    "/min": "/min",
    "[lb_av]": "lb",
    "umol/L": "µmol/L",
    "ug/L": "µg/L",
    "ug/mL": "µg/mL",
    "ukat/L": "µkat/L",
    "nkat/L": "nkat/L",
    "m[IU]/L": "mIU/L",
    "u[IU]/mL": "µIU/mL",
    "meq/L": "mEq/L",
    "Cel": "°C",
    "[degF]": "°F",
}

#: Units that measure the same kind of thing; which of them a laboratory prints is its own affair.
_ALIKE: Final = (
    ("cm", "mm"),
    ("mo", "wk", "a"),
    ("kg", "g", "[lb_av]"),
    ("s", "ms"),
    ("/mm3", "/uL", "10*3/uL", "10*9/L"),
    ("U/L", "ukat/L", "nkat/L"),
    ("g/dL", "g/L", "mg/dL", "mg/L", "ug/L", "ng/mL", "ng/L", "pg/mL"),
    ("mmol/L", "umol/L", "nmol/L", "pmol/L"),
    ("m[IU]/L", "u[IU]/mL"),
    ("Cel", "[degF]"),
)
#: Of a long row of units only those within reach of the one asked for are offered.
_NEAR: Final = {
    "g/dL": ("g/L",),
    "mg/dL": ("mg/L", "g/L"),
    "ng/mL": ("ug/L",),
    "ng/L": ("pg/mL",),
}

#: What a field may be given in whose `scale` names an equation.
_SCALES: Final[Mapping[str, tuple[str, ...]]] = {"hba1c": ("%", "mmol/mol")}


def label(name: str) -> str:
    """`soc_start_date` as `SOC start date`."""
    words = spoken(name)
    return words[:1].upper() + words[1:]


def spoken(word: str) -> str:
    """`prostate_pt2` as `prostate pT2`, to stand inside a sentence."""
    return " ".join(_OWN.get(part) or _capital(part) for part in word.split("_"))


def _capital(part: str) -> str:
    return part.upper() if part in _CAPITALS else part


def printed(unit: str) -> str:
    """A UCUM code as a laboratory prints it; nothing for the unit 1."""
    return _PRINTED.get(unit, unit)


def alternatives(unit: str, same: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The units to choose from for a field, its own first; `same` are those of its molar mass."""
    found = [unit, *same]
    for one in found[:]:
        near = _NEAR.get(one)
        found += near if near is not None else next((row for row in _ALIKE if one in row), ())
    return tuple(dict.fromkeys(found))


def scale(name: str, unit: str) -> tuple[str, ...]:
    """The units of a named scale, the field's own first; that one alone where it is not known."""
    return tuple(dict.fromkeys((unit, *_SCALES.get(name, ()))))


def unit_of(measure: str) -> str:
    """The unit in a measure such as `88.42 umol/L`."""
    return re.split(r" +", measure.strip(), maxsplit=1)[-1]
