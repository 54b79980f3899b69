"""Which alert an event raises, and which matters it settles: the rules applied, nothing more."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from services.notifier.rules import NotificationRules, Pace, Rule
from shared.contracts.events.notification import AlertSeverity
from shared.contracts.subjects import TrialId
from shared.contracts.versions import ByTime

PLATFORM: Final = "platform"
"""What stands for the trial where there is none."""

URGENCY: Final[Mapping[AlertSeverity, int]] = {"critical": 0, "high": 1, "info": 2}


@dataclass(frozen=True, slots=True)
class Position:
    """Where an event stands among those of its key."""

    topic: str
    key: str
    sequence: int
    ce_id: UUID


@dataclass(frozen=True, slots=True)
class Heard:
    """An event as the rules see it: its name, whom it is about, the members of its data.

    `at` is None for what the notifier itself found out.
    """

    name: str
    trial: TrialId | None
    subject: str | None
    site: str | None
    members: Mapping[str, object]
    at: Position | None = None

    def member(self, name: str) -> object:
        """A member of the data, else of the envelope."""
        if name in self.members:
            return self.members[name]
        return {"trial": self.trial, "subject": self.subject, "site": self.site}.get(name)


@dataclass(frozen=True, slots=True)
class Raising:
    """What calls for people: two of the same cause are one alert.

    `matter` is what must be settled for the alert to be, None where acknowledging is enough.
    """

    cause: str
    matter: str | None
    rule: str
    severity: AlertSeverity
    roles: tuple[str, ...]
    pace: Pace
    gathered_at: datetime
    event: str
    trial: TrialId | None
    subject: str | None
    site: str | None
    due: datetime | None
    at: Position | None


class Routes:
    """The rules of every trial that runs here."""

    def __init__(self, rules: Mapping[TrialId, ByTime[NotificationRules]]) -> None:
        self._rules = rules
        every = [rule for one in rules.values() for version in one.every for rule in version.rules]
        self.names = frozenset(name for rule in every for name in (*rule.on, *rule.settled_by))
        """The events that any rule names."""

    @property
    def trials(self) -> Sequence[TrialId]:
        """The trials that have a protocol here."""
        return sorted(self._rules)

    def raised(self, heard: Heard, now: datetime) -> Raising | None:
        """The alert that the event calls for by the first rule of its trial that fits.

        A fact of no trial, or of one that is not known here, goes by the rules of every trial: the
        most severe that fits. It concerns them all, and is one alert.
        """
        found = [
            (URGENCY[rule.severity], rules.trial, rules, rule)
            for rules in self._rules_for(heard, now)
            if (rule := _first(rules.rules, heard))
        ]
        if not found:
            return None
        _, _, rules, rule = min(found, key=lambda one: one[:2])
        known = heard.trial in self._rules
        due = heard.members.get("due")
        return Raising(
            cause=_text(heard, rules, rule.id, [str(heard.member(name)) for name in rule.cause]),
            matter=self._matter(heard, rules, rule.matter) if rule.matter else None,
            rule=rule.id,
            severity=rule.severity,
            roles=rule.roles,
            pace=rules.pace(rule.severity),
            gathered_at=rules.gathering(now),
            event=heard.name,
            trial=heard.trial if known else None,
            subject=heard.subject if known else None,
            site=heard.site if known else None,
            due=due if isinstance(due, datetime) else None,
            at=heard.at,
        )

    def settled(self, heard: Heard, now: datetime) -> list[str]:
        """The matters that the event settles, by this version of a protocol or one before it."""
        found = {
            self._matter(heard, rules, rule.matter)
            for version in self._versions_for(heard)
            for rules in version.until(now)
            for rule in rules.rules
            if rule.matter and heard.name in rule.settled_by
        }
        return sorted(found)

    def gathering(self, trial: TrialId | None, now: datetime) -> datetime:
        """When the trial's next message of the day goes out; that of no trial with the first's."""
        return self._rules[trial or self.trials[0]].at(now).gathering(now)

    def _rules_for(self, heard: Heard, now: datetime) -> Sequence[NotificationRules]:
        return [version.at(now) for version in self._versions_for(heard)]

    def _versions_for(self, heard: Heard) -> Sequence[ByTime[NotificationRules]]:
        own = self._rules.get(heard.trial) if heard.trial else None
        return [own] if own else [self._rules[trial] for trial in self.trials]

    def _matter(self, heard: Heard, rules: NotificationRules, name: str) -> str:
        return _text(heard, rules, name, [str(heard.member(name))])


def _first(rules: Sequence[Rule], heard: Heard) -> Rule | None:
    return next((rule for rule in rules if heard.name in rule.on and _fits(rule, heard)), None)


def _fits(rule: Rule, heard: Heard) -> bool:
    for condition in rule.when:
        said = heard.member(condition.member)
        held = said if condition.in_list and isinstance(said, list | tuple) else (said,)
        if not any(one == word for one in held for word in condition.words):
            return False
    return True


def _text(heard: Heard, rules: NotificationRules, name: str, values: Sequence[str]) -> str:
    """One text for a cause or a matter; none of its parts can hold the bar."""
    trial = rules.trial if heard.trial == rules.trial else PLATFORM
    return "|".join((trial, name, *(value.replace("|", "/") for value in values)))
