"""A case: one adverse event of one subject, as its facts make it stand."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from services.safety.authorities import Name
from services.safety.classification import Classification, classify
from services.safety.clocks import Clock
from services.safety.facts import Assessment, Fact, Known, Submission, Version
from services.safety.judgements import Judgements
from services.safety.rules import SafetyRules
from shared.contracts.subjects import SiteId, SubjectId, site_of

UNMATCHED_AFTER: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Case:
    """The facts, and what follows from them.

    ``components`` are those that the subject has or may have. ``told_until`` is the time up to
    which everything that time brings has been said; ``unmatched_told``: that nothing has named the
    subject was said.
    """

    id: str
    subject: SubjectId
    facts: tuple[Fact, ...]
    components: tuple[str, ...]
    classification: Classification
    clocks: tuple[Clock, ...]
    told_until: datetime
    unmatched_told: bool = False

    @property
    def site(self) -> SiteId:
        """The site that reports."""
        return site_of(self.subject)

    @property
    def known(self) -> Known:
        """What is known of the subject."""
        return [fact for fact in self.facts if isinstance(fact, Known)][-1]

    @property
    def versions(self) -> tuple[Version, ...]:
        """The report and its follow-ups."""
        return tuple(fact for fact in self.facts if isinstance(fact, Version))

    @property
    def newest(self) -> Version:
        """The event as it was told last."""
        return self.versions[-1]

    @property
    def version(self) -> int:
        """The number of the newest version."""
        return self.newest.number

    @property
    def judgements(self) -> Judgements:
        """What the sponsor has judged so far."""
        return judged(self.facts)

    @property
    def matched(self) -> bool:
        """Whether an event has named the subject."""
        return self.known.matched

    @property
    def serious(self) -> bool:
        """Whether the event is serious."""
        return self.classification.serious

    @property
    def susar(self) -> bool:
        """Whether it is a SUSAR for any of the protocol's authorities."""
        return self.classification.susar

    @property
    def aware_at(self) -> datetime:
        """When the sponsor first knew of the case, on paper or not."""
        return min(version.report.sponsor_aware_at for version in self.versions)

    @property
    def set_aside(self) -> tuple[str, ...]:
        """Components that were judged and that the subject turned out not to have.

        What was judged of them is kept and does not count.
        """
        said = {**self.newest.report.causality}
        kept = self.judgements
        judged = [name for name, one in (*kept.causality.items(), *kept.expected.items()) if one]
        judged += [name for name, one in kept.expected.items() if one is False]
        return tuple(
            name for name in dict.fromkeys((*said, *judged)) if name not in self.components
        )

    @property
    def next_at(self) -> datetime | None:
        """When time next brings something; None where it brings nothing."""
        return next_at(self)

    def run(self, rules: SafetyRules, authority: Name) -> tuple[Version, ...]:
        """The newest versions without a gap whose facts are a SUSAR by what is judged today.

        Empty where the case is none. What is judged, by the investigator too, is no fact of its
        own day: it counts from the day of the facts that it is about.
        """
        found: list[Version] = []
        said = self.newest.report.causality
        for version in reversed(self.versions):
            report = replace(version.report, causality=said)
            standing = classify(rules, report, self.judgements, self.components, (authority,))
            if not standing.authorities[authority].susar:
                break
            found.append(version)
        return tuple(reversed(found))

    def sent_to(self, authority: Name) -> tuple[Submission, ...]:
        """What was sent to the authority, in the order of recording."""
        return tuple(
            fact
            for fact in self.facts
            if isinstance(fact, Submission) and fact.sent.authority == authority
        )


def standing(rules: SafetyRules, facts: tuple[Fact, ...]) -> tuple[tuple[str, ...], Classification]:
    """The components that count, and the classification of the newest version."""
    known = [fact for fact in facts if isinstance(fact, Known)][-1]
    newest = [fact for fact in facts if isinstance(fact, Version)][-1]
    components = rules.components.of(known.arm, known.regimen)
    return components, classify(rules, newest.report, judged(facts), components)


def judged(facts: tuple[Fact, ...]) -> Judgements:
    """All assessments, the newest judgement of each component."""
    found = Judgements()
    for fact in facts:
        if isinstance(fact, Assessment):
            found = found.then(fact.judgements)
    return found


def unmatched_at(case: Case) -> datetime | None:
    """When it is to be said that no event has named the subject; None where it is not."""
    if case.matched or case.unmatched_told:
        return None
    return case.versions[0].at + UNMATCHED_AFTER


def next_at(case: Case) -> datetime | None:
    """The earliest instant of what is not yet said."""
    moments = [moment.at for clock in case.clocks if (moment := clock.next()) is not None]
    if (unmatched := unmatched_at(case)) is not None:
        moments.append(unmatched)
    return min(moments, default=None)
