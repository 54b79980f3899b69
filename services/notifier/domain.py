"""What an event makes of the alert of its cause: a new one, a repeat, or nothing to call about."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from services.notifier import escalation
from services.notifier.escalation import Alert
from services.notifier.routing import Position, Raising


@dataclass(frozen=True, slots=True)
class Taken:
    """The alert as it stands after the event; nobody is called of one that is `moot`."""

    alert: Alert
    was: Literal["new", "moot", "repeat"]


def take(
    known: Alert | None, settlement: Position | None, raising: Raising, id: UUID, now: datetime
) -> Taken:
    """The newest alert of the cause, if there is one, with what this event adds to it.

    `settlement` is the last event that settled the matter: topics have no order between keys, so it
    may come before the event that raises. What was settled and happens again is a new alert;
    what was settled by acknowledging is not: the same case calls once.
    """
    gone = settlement is not None and not _after(raising.at, settlement)
    if known and not (known.state == "settled" and raising.matter is not None and not gone):
        return Taken(escalation.repeat(known, now), "repeat")
    alert = Alert(
        id=id,
        cause=raising.cause,
        matter=raising.matter,
        trial=raising.trial,
        subject=raising.subject,
        site=raising.site,
        severity=raising.severity,
        event=raising.event,
        rule=raising.rule,
        roles=raising.roles,
        pace=raising.pace,
        due=raising.due,
        raised_at=now,
        last_event_at=now,
        next_step_at=raising.gathered_at if raising.severity == "info" else now,
    )
    if gone:
        return Taken(escalation.settle(alert, now), "moot")
    return Taken(alert, "new")


def latest(known: Position | None, came: Position) -> Position:
    """The later of two events that settle one matter."""
    return came if known is None or _after(came, known) else known


def _after(one: Position | None, other: Position) -> bool:
    """Whether an event came after another of its key; of other keys nothing is known, and no
    matter is settled there twice.
    """
    return (
        one is not None
        and (one.topic, one.key) == (other.topic, other.key)
        and (one.sequence > other.sequence)
    )
