"""The `notification` section of a protocol: which events call whom, how soon and how often.

Everything is checked when the file is read: an event, a member or a word of a member that does not
exist is a fault of the file, with its line, and no alert that never comes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from services.notifier.vocabulary import KNOWN, members_of
from services.notifier.words import NotificationWords, PaceWords, RuleWords, length
from shared.contracts.events.notification import AlertSeverity
from shared.contracts.study import Protocol, ProtocolError
from shared.contracts.subjects import TrialId
from shared.contracts.wording import told

SECTION: Final = "notification"
ENVELOPE: Final = ("trial", "subject", "site")
"""What every event has beside the members of its data."""


_LONGEST_PAUSE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Pace:
    """How long after a call the next contact is called, and after a round the first one again."""

    next_after: timedelta
    again_after: timedelta

    def pause(self, rounds: int) -> timedelta:
        """The pause after so many whole rounds: doubled each time, up to a day.

        Whoever did not answer four calls of a day will not be helped by forty.
        """
        longest = max(self.again_after, _LONGEST_PAUSE)
        return min(self.again_after * (1 << min(rounds, 16)), longest)


@dataclass(frozen=True, slots=True)
class Condition:
    """What one member must be: one of the words, or, where it is a list, hold one of them."""

    member: str
    words: tuple[object, ...]
    in_list: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the section. `matter` names the member by which the cause must be settled."""

    id: str
    on: tuple[str, ...]
    when: tuple[Condition, ...]
    severity: AlertSeverity
    roles: tuple[str, ...]
    cause: tuple[str, ...]
    matter: str | None = None
    settled_by: tuple[str, ...] = ()


_OWN: Final = (
    Rule(
        id="contact_unreached",
        on=("ContactUnreached",),
        when=(),
        severity="high",
        roles=("trial_manager",),
        cause=("contact",),
        matter="contact",
        settled_by=("ContactReached",),
    ),
    Rule(
        id="nobody_on_call",
        on=("NobodyOnCall",),
        when=(),
        severity="high",
        roles=("trial_manager",),
        cause=("roles",),
        matter="roles",
        settled_by=("RolesReached",),
    ),
    Rule(
        id="unblinding",
        on=("SubjectUnblinded",),
        when=(),
        severity="critical",
        roles=("safety_officer", "trial_manager"),
        cause=("subject",),
    ),
)
"""In force in every trial, unless the file has a rule for the event: that a call did not come
through, or that somebody was told an arm, is never silent.
"""


@dataclass(frozen=True)
class NotificationRules:
    """The rules of one trial, in the order of the file: the first that fits an event counts."""

    trial: TrialId
    rules: tuple[Rule, ...]
    critical: Pace
    high: Pace
    gathered_at: time

    @classmethod
    def of(cls, protocol: Protocol) -> "NotificationRules":
        """The section of a protocol; raises ``ProtocolError`` with file, line and place.

        A protocol without the section calls nobody but about calls that fail.
        """
        day = Pace(timedelta(hours=1), timedelta(hours=24))
        if SECTION not in protocol.sections:
            return cls(protocol.id, _OWN, day, day, time(8))
        raw = protocol.sections[SECTION]
        try:
            words = NotificationWords.model_validate(raw)
        except ValidationError as error:
            raise ProtocolError.of(_plain_faults(protocol, raw, error)) from None
        rules: list[Rule] = []
        faults: list[ProtocolError] = []
        for index, one in enumerate(words.rules):
            at = (SECTION, "rules", index)
            if one.id in (known.id for known in (*rules, *_OWN)):
                faults.append(protocol.fault((*at, "id"), f"{one.id} is there already"))
            try:
                rules.append(_Reader(protocol, at, one).rule())
            except ProtocolError as error:
                faults.append(error)
        if faults:
            raise ProtocolError.of(faults)
        return cls(
            protocol.id,
            (*rules, *_OWN),
            _pace(words.critical),
            _pace(words.high),
            time.fromisoformat(words.info.gathered_at),
        )

    def pace(self, severity: AlertSeverity) -> Pace:
        """How alerts of this severity are called; of ``info`` nothing but its digest counts."""
        return self.critical if severity == "critical" else self.high

    def gathering(self, now: datetime) -> datetime:
        """The next instant after now at which what is ``info`` goes out, UTC."""
        today = datetime.combine(now.astimezone(UTC), self.gathered_at, UTC)
        return today if today > now else today + timedelta(days=1)


def _plain_faults(
    protocol: Protocol, raw: object, error: ValidationError
) -> Iterator[ProtocolError]:
    """What is wrong with the form of the section; pydantic's places also name kinds of a union."""
    for one in error.errors():
        path = [step for step in one["loc"] if step not in ("str", "list[constrained-str]")]
        place = (SECTION, *_inside(raw, path))
        yield protocol.fault(place, told(one["type"], one["msg"], one.get("ctx", {})))


class _Reader:
    """One rule's words, checked against the events that it names."""

    def __init__(self, protocol: Protocol, at: tuple[str | int, ...], words: RuleWords) -> None:
        self.protocol = protocol
        self.at = at
        self.words = words
        self.on = _listed(words.on)

    def rule(self) -> Rule:
        words = self.words
        for name in self.on:
            self._event(name, ("on",))
        conditions = tuple(self._condition(name, said) for name, said in words.when.items())
        cause = _listed(words.cause)
        for name in cause:
            self._member(self.on, name, ("cause",))
        matters = {one.by for one in words.settled_by}
        for index, one in enumerate(words.settled_by):
            self._event(one.on, ("settled_by", index, "on"))
            self._member((*self.on, one.on), one.by, ("settled_by", index, "by"))
            if len(matters) > 1:
                raise self._fault(("settled_by", index, "by"), "one rule is settled by one member")
        return Rule(
            words.id,
            self.on,
            conditions,
            words.severity,
            tuple(words.call),
            cause,
            matters.pop() if matters else None,
            tuple(one.on for one in words.settled_by),
        )

    def _event(self, name: str, place: tuple[str | int, ...]) -> None:
        if name not in KNOWN:
            raise self._fault(place, f"{name} is no event")

    def _member(self, events: tuple[str, ...], name: str, place: tuple[str | int, ...]) -> None:
        for event in events:
            if name not in ENVELOPE and name not in members_of(KNOWN[event]):
                raise self._fault(place, f"{name} is no member of {event}")

    def _condition(self, name: str, said: object) -> Condition:
        place = ("when", name)
        self._member(self.on, name, place)
        in_list = isinstance(said, dict)
        if isinstance(said, dict):
            if said.keys() != {"any"} or not isinstance(said["any"], list):
                raise self._fault(place, "is a word, a list of words, or any: [words]")
            said = said["any"]
        words = tuple(said) if isinstance(said, list) else (said,)
        for word in words:
            for event in self.on:
                kind = members_of(KNOWN[event]).get(name, str)
                try:
                    TypeAdapter(kind).validate_python((word,) if in_list else word, strict=True)
                except ValidationError:
                    raise self._fault(place, f"{name} of {event} is never that") from None
        return Condition(name, words, in_list)

    def _fault(self, place: tuple[str | int, ...], message: str) -> Exception:
        return self.protocol.fault((*self.at, *place), message)


def _listed(said: str | list[str]) -> tuple[str, ...]:
    return (said,) if isinstance(said, str) else tuple(said)


def _pace(words: PaceWords) -> Pace:
    return Pace(length(words.next_after), length(words.again_after))


def _inside(raw: Any, path: list[str | int]) -> list[str | int]:
    """The part of pydantic's path that is in the file: it also names the kinds of a union."""
    found: list[str | int] = []
    for step in path:
        try:
            raw = raw[step]
        except (KeyError, IndexError, TypeError):
            if isinstance(raw, dict) and step == path[-1]:
                found.append(step)
            continue
        found.append(step)
    return found
