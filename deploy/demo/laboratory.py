"""The pilot's laboratory values before treatment: the last one of each analyte on a given day."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Final

FIELDS: Final = {
    "CREAT": "creatinine",
    "BILI": "bilirubin",
    "AST": "ast",
    "ALT": "alt",
    "ALP": "alp",
    "GGT": "ggt",
    "HGB": "haemoglobin",
    "WBC": "leukocytes",
    "PLAT": "platelets",
    "SODIUM": "sodium",
    "K": "potassium",
    "CA": "calcium",
    "TSH": "tsh",
    "VITB12": "vitamin_b12",
    "HBA1C": "hba1c",
}
_UCUM: Final = {"mEq/L": "meq/L", "mIU/L": "m[IU]/L", "10^9/L": "10*9/L"}
"""Units whose UCUM code is not as the records write it."""

_BASELINE_VISIT: Final = 3  # the visits before it are before treatment


@dataclass(frozen=True)
class Laboratory:
    """One subject's values by field, each with the time at which it was taken, in order."""

    taken: Mapping[str, list[tuple[str, Decimal, str]]] = field(default_factory=dict)

    @classmethod
    def by_subject(cls, rows: Iterable[Mapping[str, Any]]) -> "dict[str, Laboratory]":
        """The values of all subjects, numbers exactly as they were reported."""
        found: dict[str, dict[str, list[tuple[str, Decimal, str]]]] = {}
        for row in rows:
            name = FIELDS.get(row["LBTESTCD"])
            visit, result = row["VISITNUM"], row["LBORRES"]
            if name is None or result is None or visit is None or visit >= _BASELINE_VISIT:
                continue
            unit = _UCUM.get(row["LBORRESU"], row["LBORRESU"])
            values = found.setdefault(row["USUBJID"], {}).setdefault(name, [])
            values.append((row["LBDTC"], Decimal(result), unit))
        return {
            subject: cls({name: sorted(values) for name, values in fields.items()})
            for subject, fields in found.items()
        }

    def until(self, day: date) -> dict[str, tuple[Decimal, str]]:
        """The last value of each analyte, taken on the day or before."""
        last: dict[str, tuple[Decimal, str]] = {}
        for name, values in self.taken.items():
            for at, value, unit in values:
                if date.fromisoformat(at[:10]) <= day:
                    last[name] = (value, unit)
        return last
