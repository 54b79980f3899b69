"""The words of a protocol's `notification` section, as the file writes them."""

import re
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from shared.contracts.events.notification import AlertSeverity
from shared.contracts.study import Model

Called = Literal[
    "site", "investigator", "safety_officer", "trial_manager", "statistician", "auditor"
]
"""Who may be called."""

_DURATION = re.compile(r"([1-9][0-9]{0,3})([mhd])", re.ASCII)
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


def _duration(text: str) -> str:
    if not _DURATION.fullmatch(text):
        raise ValueError("is minutes, hours or days: 15m, 4h, 1d")
    return text


def length(text: str) -> timedelta:
    """The time that a duration's words stand for."""
    number, unit = text[:-1], text[-1]
    found: timedelta = int(number) * _UNITS[unit]
    return found


Duration = Annotated[str, AfterValidator(_duration)]
Names = Annotated[list[str], Field(min_length=1)]


class PaceWords(Model):
    """After which pauses the next contact, and the first again, is called."""

    next_after: Duration
    again_after: Duration


class InfoWords(Model):
    """The time of day, UTC, at which news go out."""

    gathered_at: Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class SettledByWords(Model):
    """An event that settles the cause, by a member that both events have."""

    on: str
    by: str


class RuleWords(Model):
    """One rule."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
    on: str | Names
    when: dict[str, Any] = Field(default_factory=dict)
    severity: AlertSeverity
    call: Annotated[list[Called], Field(min_length=1)]
    cause: str | Names
    settled_by: list[SettledByWords] = Field(default_factory=list)


class NotificationWords(Model):
    """The section."""

    critical: PaceWords
    high: PaceWords
    info: InfoWords
    rules: Annotated[list[RuleWords], Field(min_length=1)]
