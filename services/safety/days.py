"""Days and instants as a form writes them: partial dates (ISO 8601), date-times (RFC 3339).

A date may lack its day or its month: it is kept as the first and the last day that it allows. A
date-time has seconds and an offset; leap seconds are refused, as is what lies outside the calendar
that clocks are worked out in. Digits beyond the microsecond are dropped.
"""

import re
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final, NamedTuple

_DATE: Final = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?").fullmatch
_INSTANT: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]"
    r"([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
).fullmatch
_LAST_YEAR: Final = 9998  # a clock that starts in it still ends within the calendar


class Days(NamedTuple):
    """The first and the last day that a date allows."""

    first: date
    last: date


class NoTime(ValueError):
    """A text that is no date, or no instant; the message says why, for the person at the site."""


def days(text: str) -> Days:
    """The days of `2026-05-01`, `2026-05` or `2026`; raises ``NoTime``."""
    found = _DATE(text)
    if found is None:
        raise NoTime("must be a day, YYYY-MM-DD, or a part of it, YYYY-MM or YYYY")
    year, month, day = (None if part is None else int(part) for part in found.groups())
    try:
        if year is None or month is None:
            return Days(date(year or 0, 1, 1), date(year or 0, 12, 31))
        if day is None:
            return Days(date(year, month, 1), date(year, month, monthrange(year, month)[1]))
        return Days(date(year, month, day), date(year, month, day))
    except ValueError:
        raise NoTime("there is no such day") from None


def instant(text: str) -> datetime:
    """The instant of `2026-03-01T10:00:00+02:00`, in UTC; raises ``NoTime``."""
    found = _INSTANT(text)
    if found is None:
        raise NoTime("must be a date and time with seconds and an offset, as RFC 3339 writes it")
    *parts, fraction, sign, hours, minutes = found.groups()
    year, month, day, hour, minute, second = map(int, parts)
    if second == 60:
        raise NoTime("leap seconds are not taken")
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    if int(minutes or 0) > 59 or offset >= timedelta(days=1):
        raise NoTime("there is no such offset")
    zone = timezone(-offset if sign == "-" else offset)
    micro = int((fraction or "0")[:6].ljust(6, "0"))
    try:
        made = datetime(year, month, day, hour, minute, second, micro, zone)
    except ValueError:
        raise NoTime("there is no such time") from None
    try:
        made = made.astimezone(UTC)
    except OverflowError:
        raise NoTime("is outside the calendar") from None
    if made.year > _LAST_YEAR:
        raise NoTime("is outside the calendar")
    return made
