"""What may be asked of the notifier over HTTP, and what it answers. Times are RFC 3339, UTC."""

from typing import Literal

from pydantic import BaseModel, Field

from services.notifier.contacts import ContactsWords
from services.notifier.escalation import State
from shared.contracts.events.notification import AlertSeverity, Channel
from shared.runtime.routes import Body, Page


class AlertsQuery(Page):
    """Alerts of a trial, in a state, of a severity."""

    trial: str | None = Field(default=None, max_length=40)
    state: State | None = None
    severity: AlertSeverity | None = None


class Note(Body):
    """What the person writes on taking an alert up; it may say nothing."""

    note: str | None = Field(default=None, min_length=1, max_length=2000, pattern=r"\S")


class ContactsBody(ContactsWords):
    """Whom the trial calls."""


class AlertAnswer(BaseModel):
    """An alert as it stands; `event` is the type that raised it, `trial` null: of no trial."""

    id: str
    trial: str | None
    severity: AlertSeverity
    event: str
    subject: str | None
    state: State
    site: str | None
    rule: str
    roles: list[str]
    due: str | None
    raised_at: str
    last_event_at: str
    repeats: int
    step: int
    next_step_at: str | None
    acknowledged_by: str | None
    acknowledged_at: str | None
    lapses_at: str | None
    must_settle: bool
    cause_settled_at: str | None
    settled_at: str | None


class AlertsAnswer(BaseModel):
    """A page of alerts."""

    items: list[AlertAnswer]
    next: str | None


class TryAnswer(BaseModel):
    """One try, with what the other server said."""

    attempt: int
    at: str
    outcome: Literal["delivered", "later", "never"]
    answer: str


class DeliveryAnswer(BaseModel):
    """One message to one contact by one channel."""

    id: str
    step: int
    contact: str
    channel: Channel
    state: Literal["pending", "delivered", "failed", "cancelled"]
    written_at: str
    tries: list[TryAnswer]


class DeliveriesAnswer(BaseModel):
    """Every message of an alert."""

    items: list[DeliveryAnswer]
    next: None


class ChannelAnswer(BaseModel):
    """Where a contact is reached; a webhook's secret is never told."""

    kind: Channel
    address: str | None = None
    url: str | None = None


class TestAnswer(BaseModel):
    """What the last test gave; `reached` null: under way."""

    at: str
    reached: bool | None
    answer: str | None


class ContactAnswer(BaseModel):
    """Who is called, in which order, how; `sites` null: for all."""

    id: str
    name: str
    sub: str | None
    role: str
    sites: list[str] | None
    order: int
    channels: list[ChannelAnswer]
    test: TestAnswer | None


class ContactsAnswer(BaseModel):
    """Whom a trial calls."""

    items: list[ContactAnswer]
    next: None


class TestedAnswer(BaseModel):
    """A test that is under way."""

    contact: str
    deliveries: list[str]
