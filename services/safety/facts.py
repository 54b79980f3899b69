"""What a case is made of: facts in the order in which they were recorded, never changed.

``at`` is the platform's time when the fact was recorded.
"""

from dataclasses import dataclass
from datetime import datetime

from services.safety.form import Report
from services.safety.judgements import Judgements
from services.safety.submissions import Sent


@dataclass(frozen=True, slots=True)
class Known:
    """What events have told of the subject; the newest counts. ``matched``: one has named it.

    ``arm`` and ``regimen`` are None while they are not known.
    """

    at: datetime
    matched: bool = False
    arm: str | None = None
    regimen: str | None = None


@dataclass(frozen=True, slots=True)
class Version:
    """The report, number 1, or the whole event after a follow-up."""

    number: int
    at: datetime
    report: Report


@dataclass(frozen=True, slots=True)
class Assessment:
    """The sponsor judged."""

    at: datetime
    judgements: Judgements


@dataclass(frozen=True, slots=True)
class Submission:
    """A report was sent to an authority."""

    at: datetime
    sent: Sent


Fact = Known | Version | Assessment | Submission
