"""What the notifier says: alerts, every try to deliver one, and who took it up.

No clinical detail, no address, no free text on `trialops.notification`.
"""

from typing import ClassVar, Literal

from pydantic import Field

from shared.contracts.events.base import Event, Site, Subject, Time

AlertSeverity = Literal["critical", "high", "info"]
Channel = Literal["mail", "webhook"]

_TOPIC = "trialops.notification"
_RECORD = "trialops.notifier.record"


class _Alert(Event):
    """`alert` is its id, `event` the name of the event that raised it (`ReportingClockOverdue`).

    `subject` and `site` where the cause has them.
    """

    TOPIC: ClassVar[str] = _TOPIC

    alert: str
    severity: AlertSeverity
    event: str
    subject: Subject | None
    site: Site | None


class AlertRaised(_Alert):
    """A cause calls for people of these roles. Repeats of the cause add to the same alert."""

    rule: str
    roles: tuple[str, ...]


class _Try(_Alert):
    """One try to reach one contact by one channel; `answer` is what the other server said."""

    delivery: str
    contact: str
    channel: Channel
    attempt: int = Field(ge=1)
    answer: str


class AlertDelivered(_Try):
    """The contact's server took the message."""


class AlertDeliveryFailed(_Try):
    """It did not; `again_at` is the next try, null where no other follows."""

    again_at: Time | None


class AlertEscalated(_Alert):
    """Nobody acknowledged in time: `step` (from 2) calls `contact`, null where nobody is left."""

    step: int = Field(ge=2)
    contact: str | None


class AlertAcknowledged(_Alert):
    """A person took it up; the calls stop."""

    person: str
    settled: bool


class AlertLapsed(_Alert):
    """Acknowledged 24 hours ago and its cause not settled: the calls start again."""


class AlertSettled(_Alert):
    """Its cause is gone without anybody's doing here: nobody is called of it any more."""


class AlertNoted(Event):
    """What the person wrote on acknowledging."""

    TOPIC: ClassVar[str] = _RECORD

    alert: str
    note: str


class ContactsChanged(Event):
    """Who is called for what, in which order, by which channel; secrets are left out."""

    TOPIC: ClassVar[str] = _RECORD

    contacts: tuple[dict[str, object], ...]


class ContactTested(Event):
    """A contact was called as a test, and what came of it."""

    TOPIC: ClassVar[str] = _RECORD

    contact: str
    reached: bool
    answer: str
