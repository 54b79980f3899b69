"""The randomization desk: draws, refuses or lets wait, one subject after the other.

An eligible subject is drawn at once, in its stratum, while the trial and the subject's site are
open and no cap is reached; the trial closes itself with the draw that reaches its target. One
subject, one allocation, for ever.
"""

from services.randomizer.book import Allocation, Book, ClosedBy, Decision, Drawn, Subject
from services.randomizer.limits import Counts, cap_reached
from services.randomizer.milestones import by_draw
from services.randomizer.plan import Plan
from services.randomizer.rules import OtherProtocolError, Rules
from services.randomizer.treatment_code import treatment_code
from shared.contracts.events.base import Event
from shared.contracts.events.randomization import (
    PatientRandomized,
    RandomizationClosed,
    RandomizationRefused,
    RandomizationWaiting,
    RefusalReason,
    SiteClosed,
    SiteOpened,
)
from shared.contracts.subjects import SiteId, SubjectId


class Desk:
    """The randomization desk while it works through a batch: the only mutable thing here.

    Its methods return nothing: they change the book and tell what happened.
    """

    def __init__(self, rules: Rules, book: Book) -> None:
        self.rules = rules
        self.plan, self.seed, self.rows = rules.plan, rules.seed, rules.rows
        self.design = rules.plan.scheme.design
        self.trial = book.trial
        self.sites = dict(book.sites)
        self.strata = dict(book.strata)
        self.cells = dict(book.cells)
        self.subjects = dict(book.subjects)
        self.index = 0
        self.events: list[tuple[int, Event]] = []
        self.allocations: list[Allocation] = []
        self.changed: set[SubjectId] = set()
        self.changed_sites: set[SiteId] = set()

    @property
    def book(self) -> Book:
        """The book as it stands."""
        return Book(self.trial, self.sites, self.strata, self.cells, self.subjects)

    def decision(self) -> Decision:
        return Decision(
            self.book,
            tuple(self.events),
            tuple(self.allocations),
            frozenset(self.changed),
            frozenset(made.stratum for made in self.allocations),
            frozenset((made.site, made.stratum) for made in self.allocations),
            frozenset(self.changed_sites),
        )

    def tell(self, event: Event) -> None:
        self.events.append((self.index, event))

    def keep(self, subject: Subject) -> None:
        self.subjects[subject.id] = subject
        self.changed.add(subject.id)

    def plan_of(self, subject: Subject) -> Plan:
        """The plan of the version that the subject's screening was decided by."""
        plan = self.rules.of(subject.protocol_version)
        if plan is None:
            raise OtherProtocolError(f"version {subject.protocol_version!r} is not here")
        return plan

    def known(self, subject: str, site: str) -> Subject:
        name = SubjectId(subject)
        return self.subjects.get(name) or Subject(name, SiteId(site))

    def consider(self, subject: Subject, stratum: str) -> None:
        """An eligible and, where required, signed subject: refused, waiting or drawn."""
        reason = self.why_not(subject, stratum)
        if reason is not None:
            self.refuse(subject, reason)
        elif self.trial.state == "paused" or (
            self.plan_of(subject).scheme.design.needs_list and self.rows is None
        ):
            self.wait(subject, stratum)
        else:
            self.draw(subject, stratum)

    def why_not(self, subject: Subject, stratum: str) -> RefusalReason | None:
        """The first reason, from the whole trial to the subject's own place in it."""
        target = self.plan.target
        if self.trial.state == "closed":
            return "cap_reached" if self.trial.closed_by == "target_reached" else "trial_closed"
        if target is not None and self.trial.randomized >= target:
            return "cap_reached"
        if not self.sites.get(subject.site, False):
            return "site_closed"
        return cap_reached(self.design.caps, self.counts(subject.site, stratum))

    def counts(self, site: SiteId, stratum: str) -> Counts:
        """Who is randomized so far, for the caps that hold there."""
        at = self.strata.get(stratum)
        return Counts(
            site=site,
            stratum=stratum,
            randomized=self.trial.randomized,
            in_stratum=0 if at is None else at.drawn,
            in_cell=self.cells.get((site, stratum), 0),
            at_site=lambda: sum(n for (at, _), n in self.cells.items() if at == site),
        )

    def refuse(self, subject: Subject, reason: RefusalReason) -> None:
        """Each newer screening that is not drawn gets its answer; those of a subject who took the
        consent back get one an attempt, and another only after a verdict that was not eligible.
        """
        told = reason == "consent_withdrawn" and subject.refusal == reason
        self.keep(subject._replace(standing="refused", refusal=reason, arrival=None))
        if not told:
            self.tell(
                RandomizationRefused(
                    subject=subject.id,
                    site=subject.site,
                    screening=subject.screening,
                    attempt=subject.attempt,
                    revision=subject.revision,
                    stratum=subject.stratum,
                    reason=reason,
                    protocol_version=self.plan_of(subject).protocol_version,
                )
            )

    def wait(self, subject: Subject, stratum: str) -> None:
        """In order of arrival; who was waiting before a correction has the old place again."""
        if subject.arrival is not None:
            self.keep(subject._replace(standing="waiting", refusal=None))
            return
        self.trial = self.trial._replace(arrivals=self.trial.arrivals + 1)
        self.keep(subject._replace(standing="waiting", refusal=None, arrival=self.trial.arrivals))
        self.tell(
            RandomizationWaiting(
                subject=subject.id,
                site=subject.site,
                stratum=stratum,
                protocol_version=self.plan_of(subject).protocol_version,
            )
        )

    def draw(self, subject: Subject, stratum: str) -> None:
        """The one place where an arm is drawn."""
        plan = self.plan_of(subject)
        drawn = plan.scheme.draw(
            self.strata, subject.id, stratum, self.seed, self.rows, subject.carry
        )
        if drawn is None:
            self.refuse(subject, "list_exhausted")
            return
        arm, self.strata[stratum] = drawn
        number, cell = self.trial.randomized + 1, (subject.site, stratum)
        code = None
        if plan.masked:
            code = treatment_code(self.seed, number, subject.id, stratum, arm)
        self.trial = self.trial._replace(randomized=number)
        self.cells[cell] = self.cells.get(cell, 0) + 1
        self.keep(
            subject._replace(
                standing="randomized",
                refusal=None,
                arrival=None,
                drawn=Drawn(number, stratum),
            )
        )
        self.allocations.append(
            Allocation(
                number=number,
                subject=subject.id,
                site=subject.site,
                stratum=stratum,
                arm=arm,
                protocol_version=plan.protocol_version,
                screening=subject.screening,
                attempt=subject.attempt,
                revision=subject.revision,
                form_sha256=subject.form_sha256,
                carry=subject.carry,
                treatment_code=code,
            )
        )
        self.tell(
            PatientRandomized(
                subject=subject.id,
                site=subject.site,
                stratum=stratum,
                number=number,
                arm=None if plan.masked else arm,
                treatment_code=code,
                protocol_version=plan.protocol_version,
            )
        )
        if self.design.milestones:
            for milestone in by_draw(self.design, self.counts(subject.site, stratum)):
                self.tell(milestone)
        self.close_at_target()

    # The trial as a whole

    def close_at_target(self) -> None:
        """A trial that has its target takes no more."""
        target = self.plan.target
        if target is not None and self.trial.randomized >= target:
            self.close("target_reached")

    def close(self, by: ClosedBy) -> None:
        """Closed is for good; those who wait learn that they will not be drawn."""
        if self.trial.state != "closed":
            self.trial = self.trial._replace(state="closed", closed_by=by)
            self.tell(RandomizationClosed(cause=by, randomized=self.trial.randomized))
            self.serve_waiting()

    def set_site(self, site: SiteId, opened: bool) -> None:
        """A site may enrol from now on, or no more."""
        self.sites[site] = opened
        self.changed_sites.add(site)
        self.tell(SiteOpened(site=site) if opened else SiteClosed(site=site))

    def serve_waiting(self) -> None:
        """Everyone who waits, in order of arrival: drawn, refused, or waiting on."""
        waiting = [who for who in self.subjects.values() if who.standing == "waiting"]
        for one in sorted(waiting, key=lambda who: who.arrival or 0):
            subject = self.subjects[one.id]  # a draw may have closed the trial, and told the others
            if subject.standing == "waiting" and subject.stratum is not None:
                self.consider(subject, subject.stratum)
