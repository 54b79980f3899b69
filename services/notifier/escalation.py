"""The life of one alert: raised, called step by step, acknowledged, settled, or lapsed again.

    open ──acknowledged──▶ settled                    (a cause that is settled by acknowledging)
    open ──acknowledged──▶ acknowledged ──cause settled──▶ settled
                               └──24 h──▶ open again: it lapsed, the calls start again
    open ──cause settled──▶ settled                   (there is nothing to call about any more)

Pure: whoever calls gives the platform's now.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

from services.notifier.contacts import Contact
from services.notifier.rules import Pace
from shared.contracts.events.notification import AlertSeverity
from shared.contracts.subjects import TrialId

State = Literal["open", "acknowledged", "settled"]

LAPSES_AFTER: Final = timedelta(hours=24)


class NotNowError(Exception):
    """the alert is not in a state for that; the message is the problem's type"""


@dataclass(frozen=True, slots=True)
class Alert:
    """One cause that calls for people, as it stands.

    `matter` is what must be settled beside the acknowledgement, None where that is enough.
    `called` are the contacts of this round in order, `reached` whether one of them took a message.
    """

    id: UUID
    cause: str
    matter: str | None
    trial: TrialId | None
    subject: str | None
    site: str | None
    severity: AlertSeverity
    event: str
    rule: str
    roles: tuple[str, ...]
    pace: Pace
    due: datetime | None
    raised_at: datetime
    last_event_at: datetime
    repeats: int = 1
    state: State = "open"
    step: int = 0
    rounds: int = 0
    called: tuple[str, ...] = ()
    reached: bool = False
    next_step_at: datetime | None = None
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None
    lapses_at: datetime | None = None
    cause_settled_at: datetime | None = None
    settled_at: datetime | None = None


def repeat(alert: Alert, at: datetime) -> Alert:
    """Another event of the same cause: it adds to the alert and calls nobody."""
    return replace(alert, repeats=alert.repeats + 1, last_event_at=at)


def step(
    alert: Alert, on_call: Sequence[Contact], due: datetime, now: datetime
) -> tuple[Alert, Contact | None]:
    """The next contact in order is called, after the last one the first again; None: nobody there.

    The next step counts from when this one was due; where that has passed too, from now: steps that
    were missed are made up by one.
    """
    fresh = [contact for contact in on_call if contact.id not in alert.called]
    begins = not fresh and bool(alert.called)
    if begins:
        fresh = list(on_call)
    called = () if begins else alert.called
    contact = fresh[0] if fresh else None
    more = len(fresh) > 1
    wait = alert.pace.next_after if more else alert.pace.pause(alert.rounds)
    after = due + wait
    stepped = replace(
        alert,
        step=alert.step + 1,
        rounds=alert.rounds + (not more),
        called=(*called, contact.id) if contact else (),
        reached=alert.reached and not begins and bool(called),
        next_step_at=after if after > now else now + wait,
    )
    return stepped, contact


def missed(
    alert: Alert, contact: str, on_call: Sequence[Contact], now: datetime
) -> tuple[Alert, bool]:
    """The contact of the last step cannot be reached: the next step comes at once.

    True where no other is left in this round and nobody of it was reached.
    """
    if alert.state != "open" or not alert.called or alert.called[-1] != contact:
        return alert, False
    if any(one.id not in alert.called for one in on_call):
        return replace(alert, next_step_at=now), False
    return alert, not alert.reached


def acknowledge(alert: Alert, person: str, now: datetime) -> Alert:
    """A person took it up; the calls stop. NotNowError where one has already."""
    settled = alert.state == "settled"
    if alert.acknowledged_by is not None or (settled and alert.step == 0):
        raise NotNowError("already-settled" if settled else "already-acknowledged")
    known = replace(
        alert, acknowledged_by=person, acknowledged_at=now, next_step_at=None, lapses_at=None
    )
    if alert.state == "settled":
        return known
    if alert.matter is None or alert.cause_settled_at is not None:
        return replace(known, state="settled", settled_at=now)
    return replace(known, state="acknowledged", lapses_at=now + LAPSES_AFTER)


def settle(alert: Alert, now: datetime) -> Alert:
    """The cause is gone: there is nothing left to call about."""
    if alert.state == "settled":
        return alert
    return replace(
        alert,
        state="settled",
        cause_settled_at=now,
        settled_at=now,
        next_step_at=None,
        lapses_at=None,
    )


def lapse(alert: Alert, now: datetime) -> Alert:
    """Acknowledged long enough and the cause not settled: open again, and called at once."""
    if alert.state != "acknowledged" or alert.lapses_at is None or alert.lapses_at > now:
        return alert
    return replace(
        alert,
        state="open",
        acknowledged_by=None,
        acknowledged_at=None,
        lapses_at=None,
        rounds=0,
        called=(),
        reached=False,
        next_step_at=now,
    )
