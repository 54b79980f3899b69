"""The authorities that a protocol may name: a new one is one file and one line here."""

from collections.abc import Mapping
from typing import Final

from services.safety.authorities import eu_ctr, fda_312_32, uk
from services.safety.authorities.authority import Authority, Judgement
from shared.contracts.events.safety import Authority as Name

AUTHORITIES: Final[Mapping[Name, Authority]] = {
    known.name: known for known in (eu_ctr.AUTHORITY, uk.AUTHORITY, fda_312_32.AUTHORITY)
}

__all__ = ["AUTHORITIES", "Authority", "Judgement", "Name"]
