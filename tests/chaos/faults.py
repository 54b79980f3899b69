"""The table of faults: the modules that fill it, sorted by the platform that they need."""

from typing import get_args

# Imported for what they put into the table.
from tests.chaos import (  # noqa: F401
    kills,
    lines,
    poison,
    records,
    servers,
    surroundings,
    together,
)
from tests.chaos.scene import FAULTS, Fault, Setting

_ORDER = get_args(Setting)

TABLE: list[Fault] = sorted(FAULTS, key=lambda fault: _ORDER.index(fault.setting))
"""Every fault that these modules name."""
