"""A date and time as people at a site write it, and the instant that it is."""

import re
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

_LOCAL: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2}(:[0-9]{2})?)(\.0+)?"
).fullmatch


class NoSuchTime(ValueError):
    """A text that is no time at the site; the message says why."""


def instant(text: str, zone: ZoneInfo) -> str:
    """The instant of `2026-03-01T14:30` at the site, as RFC 3339 with the site's offset.

    An hour that is there twice (clocks set back) is the earlier one, from which a clock runs
    sooner; one that is left out (clocks set forward) is no time.
    """
    found = _LOCAL(text)
    if found is None:
        raise NoSuchTime("must be a date and a time, such as 2026-03-01 14:30")
    try:
        there = datetime.fromisoformat(f"{found[1]}T{found[2]}").replace(tzinfo=zone)
        back = there.astimezone(UTC).astimezone(zone)
    except (ValueError, OverflowError):
        raise NoSuchTime("there is no such time") from None
    if back.replace(tzinfo=None) != there.replace(tzinfo=None):
        raise NoSuchTime("is in the hour that is left out when clocks are set forward")
    return there.isoformat()


def local(instant: str, zone: ZoneInfo) -> str:
    """The time at the site of an RFC 3339 instant, as an input of date and time holds it."""
    there = datetime.fromisoformat(instant).astimezone(zone).replace(tzinfo=None)
    return there.isoformat(timespec="seconds" if there.second else "minutes")
