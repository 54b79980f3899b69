"""Which clocks a case runs: started, stopped and cancelled by its facts, warned of by time.

After each fact the duties are worked out anew from all facts and today's judgements; what is
missing is started, and nothing that was started is taken away. So judgements count from the facts
that they are about, and a case that becomes a SUSAR again has the clocks that were cancelled
started again with the same day zero.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from services.safety import news
from services.safety.authorities import Name
from services.safety.case import Case, next_at, unmatched_at
from services.safety.clocks import Clock, Duty, expedited, follow_up, site_to_sponsor, to_the_second
from services.safety.facts import Submission, Version
from services.safety.form import Report
from services.safety.rules import SafetyRules
from shared.contracts.events.base import Event


class Step(NamedTuple):
    """The case after a step, and what is to be told of it, in order."""

    case: Case
    events: tuple[Event, ...] = ()

    def then(self, later: "Step") -> "Step":
        """This step and the next one."""
        return Step(later.case, self.events + later.events)


def settle(rules: SafetyRules, case: Case, at: datetime) -> Step:
    """The clocks as the facts ask for them at ``at``."""
    step = _site(Step(case))
    for authority in rules.authorities:
        run = step.case.run(rules, authority)
        if not run:
            step = _cancel(step, authority, at)
            continue
        for version, duty in owed(step.case, authority, run):
            step = _start(step, duty, version, None)
        step = _stop(step, authority)
        step = _stop(_follow_ups(step, authority, at), authority)
    return step


def tick(case: Case, now: datetime) -> Step:
    """What time brings until ``now``, each once and in the order of its instants."""
    step = Step(case)
    while (at := next_at(step.case)) is not None and at <= now:
        if unmatched_at(step.case) == at:
            told = replace(step.case, unmatched_told=True)
            step = step.then(Step(told, (news.unmatched(told),)))
            continue
        step = _sign(step, at)
    return Step(replace(step.case, told_until=max(case.told_until, now)), step.events)


def owed(case: Case, authority: Name, run: Sequence[Version]) -> Iterable[tuple[Version, Duty]]:
    """The expedited reports that a SUSAR asks for, each with the version it counts from.

    One for the case, one more where it turns fatal or life-threatening, and one for each other
    significant news that a report sent before could not hold.
    """
    sent = case.sent_to(authority)
    before: Report | None = None
    for version in run:
        report = version.report
        turned = report.urgent and not (before is not None and before.urgent)
        after = any(not _held(case, version, submission) for submission in sent)
        if before is None or turned or (after and significant(before, report)):
            yield version, expedited(authority, report, urgent=turned)
        before = report


def significant(old: Report, new: Report) -> bool:
    """Whether a follow-up says more than when the event ended or who knew of it when."""
    return any(
        getattr(old, field) != getattr(new, field)
        for field in (
            "term",
            "ctcae_term",
            "grade",
            "severity",
            "onset",
            "outcome",
            "seriousness",
            "causality",
            "action_taken",
        )
    )


def _held(case: Case, version: Version, submission: Submission) -> bool:
    """Whether what was sent could hold the version's facts: the sponsor had them by then.

    Within one second the order of recording decides.
    """
    since, sent_at = version.report.sponsor_aware_at, submission.sent.submitted_at
    recorded = case.facts.index(version) < case.facts.index(submission)
    return sent_at > since or (recorded and sent_at >= to_the_second(since))


def _site(step: Step) -> Step:
    """The site's own clock, of the first version that is serious, stopped by that report itself."""
    case = step.case
    first = next((version for version in case.versions if version.report.serious), None)
    if first is None or any(clock.duty.kind == "site_to_sponsor" for clock in case.clocks):
        return step
    step = _start(step, site_to_sponsor(first.report), first, None)
    clock = replace(step.case.clocks[-1], stopped_at=first.report.sponsor_aware_at)
    return _put(step, clock, news.stopped)


def _start(step: Step, duty: Duty, version: Version, after: str | None) -> Step:
    """One more clock, unless the same duty runs or has been done."""
    for clock in step.case.clocks:
        same = (clock.duty, clock.version, clock.after) == (duty, version.number, after)
        if same and clock.cancelled_at is None:
            return step
    clock = Clock(
        id=f"{step.case.id}.{len(step.case.clocks) + 1}",
        duty=duty,
        version=version.number,
        since=version.report.sponsor_aware_at,
        after=after,
    )
    case = replace(step.case, clocks=(*step.case.clocks, clock))
    return step.then(Step(case, (news.started(case, clock),)))


def _stop(step: Step, authority: Name) -> Step:
    """Each open clock is stopped by the first report that could hold its facts.

    A follow-up report stops what waits for one, any other report what waits for a report.
    """
    for clock in _open(step.case, authority):
        version = step.case.versions[clock.version - 1]
        times = [
            submission.sent.submitted_at
            for submission in step.case.sent_to(authority)
            if (submission.sent.kind == "follow_up_8") == (clock.duty.kind == "follow_up_8")
            and _held(step.case, version, submission)
        ]
        if times:
            step = _put(step, replace(clock, stopped_at=min(times)), news.stopped)
    return step


def _cancel(step: Step, authority: Name, at: datetime) -> Step:
    for clock in _open(step.case, authority):
        step = _put(step, replace(clock, cancelled_at=at), news.cancelled)
    return step


def _follow_ups(step: Step, authority: Name, at: datetime) -> Step:
    """The follow-up of each 7-day clock that was stopped, or whose last day has passed."""
    for clock in step.case.clocks:
        mine = clock.duty.authority == authority and clock.duty.kind == "expedited_7"
        if not mine or clock.cancelled_at is not None or (clock.open and at < clock.duty.due):
            continue
        duty = follow_up(clock.duty, clock.stopped_at)
        if duty is None or any(
            other.after == clock.id
            and other.cancelled_at is None
            and other.duty.day_zero <= duty.day_zero
            for other in step.case.clocks
        ):
            continue
        step = _start(step, duty, step.case.versions[clock.version - 1], clock.id)
    return step


def _sign(step: Step, at: datetime) -> Step:
    """What is to be said at this instant, of the first clock of which it is."""
    for clock in step.case.clocks:
        moment = clock.next()
        if moment is None or moment.at != at:
            continue
        told = replace(clock, told=(*clock.told, moment.sign))
        if moment.sign == "half":
            return _put(step, told, news.half_left)
        if moment.sign == "tenth":
            return _put(step, told, news.tenth_left)
        step = _put(step, told, news.overdue)
        authority = clock.duty.authority
        return step if authority is None else _follow_ups(step, authority, at)
    return step


def _open(case: Case, authority: Name) -> list[Clock]:
    return [clock for clock in case.clocks if clock.open and clock.duty.authority == authority]


def _put(step: Step, changed: Clock, tell: Callable[[Case, Clock], Event]) -> Step:
    clocks = tuple(changed if clock.id == changed.id else clock for clock in step.case.clocks)
    case = replace(step.case, clocks=clocks)
    return step.then(Step(case, (tell(case, changed),)))
