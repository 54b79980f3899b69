"""The life of a case: reported, followed up, judged, sent to authorities; its subject learned of.

Pure: a case and a fact in, the case as it stands and its events out. Nothing is overwritten: a case
is the fold of its facts, and time is brought up to each fact before it counts, so that it makes no
difference when, or how often, a timer came.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, assert_never

from services.safety import duties, news
from services.safety.case import Case, standing
from services.safety.duties import Step
from services.safety.facts import Assessment, Fact, Known, Submission, Version
from services.safety.form import Report, changed
from services.safety.judgements import Judgements
from services.safety.rules import SafetyRules
from services.safety.submissions import Sent
from shared.contracts.events.base import Event
from shared.contracts.subjects import SubjectId
from shared.contracts.versions import ByTime

__all__ = [
    "Assessment",
    "Case",
    "Fact",
    "Known",
    "Step",
    "Submission",
    "Version",
    "assess",
    "follow_up",
    "learn",
    "rebuild",
    "report",
    "submit",
    "tick",
]


def report(
    rules: SafetyRules,
    id: str,
    subject: SubjectId,
    report: Report,
    known: Known,
    at: datetime,
    submitted: Mapping[str, object],
) -> Step:
    """A site reports an event; ``submitted`` is the form as it came."""
    step = _begin(rules, id, subject, known, Version(1, at, report))
    first, *rest = step.events
    return Step(step.case, (first, news.submitted(step.case, submitted), *rest))


def follow_up(
    rules: SafetyRules, case: Case, report: Report, changes: Mapping[str, Any], at: datetime
) -> Step:
    """A follow-up is always taken, as the next version; ``report`` is the whole event after it."""
    old = case.newest.report.form
    step = _apply(rules, case, Version(case.version + 1, at, report))
    return Step(step.case, (*step.events, news.followed_up(step.case, changed(old, changes))))


def assess(rules: SafetyRules, case: Case, judgements: Judgements, at: datetime) -> Step:
    """The sponsor judges; of each component its newest judgement counts."""
    step = _apply(rules, case, Assessment(at, judgements))
    return Step(step.case, (*step.events, news.assessed(step.case, judgements)))


def submit(rules: SafetyRules, case: Case, sent: Sent, at: datetime) -> Step:
    """A report was sent to an authority; it stops the clocks whose facts it could hold."""
    return _apply(rules, case, Submission(at, sent))


def learn(rules: SafetyRules, case: Case, known: Known) -> Step:
    """An event has told more of the subject; nothing happens where it is not news."""
    if replace(known, at=case.known.at) == case.known:
        return Step(case)
    return _apply(rules, case, known)


def tick(case: Case, now: datetime) -> Step:
    """Time passes: warnings, overdue clocks, the follow-up of a report whose last day has passed,
    and the word, after 24 hours, that nothing has named the subject.
    """
    return duties.tick(case, now)


def rebuild(
    rules: ByTime[SafetyRules],
    id: str,
    subject: SubjectId,
    facts: Sequence[Fact],
    told_until: datetime,
) -> Case:
    """The case that its facts make, in the order of recording: a `Known`, the report, the rest.

    Each is decided by the rules that were in force when it was recorded.
    """
    known, first, *rest = facts
    if not isinstance(known, Known) or not isinstance(first, Version):
        raise TypeError("a case begins with what is known of its subject, then its report")
    case = _begin(rules.at(first.at), id, subject, known, first).case
    for fact in rest:
        case = _apply(rules.at(fact.at), case, fact).case
    return tick(case, told_until).case


def _begin(rules: SafetyRules, id: str, subject: SubjectId, known: Known, version: Version) -> Step:
    facts = (known, version)
    components, classification = standing(rules, facts)
    case = Case(id, subject, facts, components, classification, (), version.at)
    step = Step(case, (news.reported(case),))
    step = step.then(duties.settle(rules, case, version.at))
    return step.then(duties.tick(step.case, version.at))


def _apply(rules: SafetyRules, before: Case, fact: Fact) -> Step:
    """One more fact, at its own time."""
    step = duties.tick(before, fact.at)
    facts = (*before.facts, fact)
    components, classification = standing(rules, facts)
    case = replace(step.case, facts=facts, components=components, classification=classification)
    step = step.then(Step(case, _told(step.case, case, fact)))
    step = step.then(duties.settle(rules, case, fact.at))
    return step.then(duties.tick(step.case, fact.at))


def _told(before: Case, case: Case, fact: Fact) -> tuple[Event, ...]:
    """What is said of the case itself: a follow-up always, the rest where it stands otherwise."""
    match fact:
        case Version():
            return (news.updated(case, "follow_up"),)
        case Submission(sent=sent):
            return (news.sent(case, sent),)
        case Assessment():
            event = news.updated(case, "assessment")
        case Known():
            event = news.updated(case, "subject")
        case _:
            assert_never(fact)
    return () if news.stands(before) == news.stands(case) else (event,)
