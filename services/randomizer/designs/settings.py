"""Settings of a design that hold for all strata or are given for each."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import TypeVar

from services.randomizer.designs.design import DesignError, Ratio

Value = TypeVar("Value")

_DIGITS = re.compile(r"[0-9]{1,3}(\.[0-9]{1,9})?", re.ASCII).fullmatch


def decimal(value: object) -> object:
    """Whole numbers too; a section that went through JSON holds its decimals as text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    return Decimal(value) if isinstance(value, str) and _DIGITS(value) else value


def of(setting: Value | Mapping[str, Value], stratum: str) -> Value:
    """The setting in one stratum."""
    return setting[stratum] if isinstance(setting, Mapping) else setting


def check(
    name: str, setting: Value | Mapping[str, Value], ratios: Mapping[str, Ratio]
) -> dict[str, tuple[tuple[str, ...], Value]]:
    """By stratum, the place of its setting in the section and the setting.

    Raises ``DesignError`` where a stratum has none, or one is given for what is no stratum.
    """
    if not isinstance(setting, Mapping):
        return dict.fromkeys(ratios, ((name,), setting))
    for stratum in setting:
        if stratum not in ratios:
            raise DesignError((name, stratum), "is no stratum of the protocol")
    for stratum in ratios:
        if stratum not in setting:
            raise DesignError((name,), f"stratum {stratum} has none")
    return {stratum: ((name, stratum), setting[stratum]) for stratum in ratios}


def two_equal_arms(ratios: Mapping[str, Ratio]) -> None:
    """Raises ``DesignError`` for a stratum that a coin cannot randomize."""
    for stratum, ratio in ratios.items():
        if len(ratio.arms) != 2 or len(set(ratio.shares.values())) != 1:
            shares = ":".join(map(str, ratio.shares.values()))
            raise DesignError(("design",), f"is for two arms 1:1, stratum {stratum} has {shares}")
