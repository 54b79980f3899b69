"""Allocations as HTTP shows them, by who asks: pure.

What stands for a masked allocation is its code, for everybody and for ever: its arm is told to
those who ask by arm and may, and to the one who unblinds the subject, in that answer alone.
"""

from collections.abc import Collection
from typing import Final

from services.randomizer.records import Entry
from shared.runtime.security import Role

SITE: Final = frozenset({Role.SITE, Role.INVESTIGATOR})
BY_ARM: Final = frozenset({Role.STATISTICIAN, Role.SERVICE})


def allocation(one: Entry, roles: Collection[Role], *, by_arm: bool = False) -> dict[str, object]:
    """One draw. ``by_arm``: asked for by arm, by somebody who may.

    Where the draw was open a site sees the arms of its own subjects; a manager sees none.
    """
    body: dict[str, object] = {
        "subject": one.subject,
        "number": one.number,
        "stratum": one.stratum,
        "at": one.at,
    }
    if one.treatment_code is not None:
        body["treatment_code"] = one.treatment_code
    sees = by_arm if one.treatment_code is not None else not (SITE | BY_ARM).isdisjoint(roles)
    if sees:
        body["arm"] = one.arm
    return body
