"""A report that was sent to an authority."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, get_args

from services.safety import values
from services.safety.authorities import Name
from services.safety.rules import SafetyRules
from services.safety.values import Errors, FormErrors, Reader

Kind = Literal["expedited_7", "follow_up_8", "expedited_15"]

_MEMBERS: Final = ("authority", "kind", "submitted_at")
_KIND: Final[Reader[Kind]] = values.word(get_args(Kind))


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent to whom, and when (UTC)."""

    authority: Name
    kind: Kind
    submitted_at: datetime


def read_submission(rules: SafetyRules, raw: object, now: datetime, aware_at: datetime) -> Sent:
    """What was sent; raises ``FormErrors``. All three members are needed.

    `authority` is one of the protocol's; `submitted_at` is neither in the future nor before
    ``aware_at``, when the sponsor learned of the case.
    """
    if type(raw) is not dict:
        raise FormErrors([((), "must have " + ", ".join(_MEMBERS))])
    errors: Errors = [
        ((name,), "is not a part of a submission") for name in raw if name not in _MEMBERS
    ]
    errors += [((name,), "is needed") for name in _MEMBERS if raw.get(name) is None]
    given = {name: raw[name] for name in _MEMBERS if raw.get(name) is not None}
    authority = kind = at = None
    if "authority" in given:
        authority = values.word(rules.authorities)(given["authority"], ("authority",), errors)
    if "kind" in given:
        kind = _KIND(given["kind"], ("kind",), errors)
    if "submitted_at" in given:
        at = values.moment(given["submitted_at"], ("submitted_at",), errors)
    if at is not None and at > now:
        errors.append((("submitted_at",), "is in the future"))
    elif at is not None and at < aware_at.replace(microsecond=0):
        errors.append((("submitted_at",), "is before the sponsor knew of the case"))
    if errors or authority is None or kind is None or at is None:
        raise FormErrors(errors)
    return Sent(authority, kind, at)
