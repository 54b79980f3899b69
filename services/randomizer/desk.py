"""The randomization desk: draws, refuses or lets wait, one subject after the other.

An eligible subject is drawn at once, in its stratum, while the trial and the subject's site are
open and no cap is reached; the trial closes itself with the draw that reaches its target. One
subject, one allocation, for ever.
"""

from dataclasses import dataclass, replace

from services.randomizer.allocation_list import AllocationList
from services.randomizer.book import Allocation, Book, ClosedBy, Drawn, Subject
from services.randomizer.plan import Plan
from services.randomizer.seed import Seed
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


@dataclass(frozen=True)
class Rules:
    """What decisions go by: the plan, the opened seed, and the list of a listed design once
    loaded.
    """

    plan: Plan
    seed: Seed
    rows: AllocationList | None = None


@dataclass(frozen=True)
class Decision:
    """The book after, what happened (with the index of the fact that made it), and who changed."""

    book: Book
    events: tuple[tuple[int, Event], ...]
    allocations: tuple[Allocation, ...]
    subjects: frozenset[SubjectId]
    strata: frozenset[str]
    cells: frozenset[tuple[SiteId, str]]
    sites: frozenset[SiteId]


class Desk:
    """The randomization desk while it works through a batch: the only mutable thing here.

    Its methods return nothing: they change the book and tell what happened.
    """

    def __init__(self, rules: Rules, book: Book) -> None:
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

    def decision(self) -> Decision:
        return Decision(
            Book(self.trial, self.sites, self.strata, self.cells, self.subjects),
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

    def known(self, subject: str, site: str) -> Subject:
        name = SubjectId(subject)
        return self.subjects.get(name) or Subject(name, SiteId(site))

    def consider(self, subject: Subject, stratum: str) -> None:
        """An eligible and, where required, signed subject: refused, waiting or drawn."""
        reason = self.why_not(subject, stratum)
        if reason is not None:
            self.refuse(subject, reason)
        elif self.trial.state == "paused" or (self.design.needs_list and self.rows is None):
            self.wait(subject, stratum)
        else:
            self.draw(subject, stratum)

    def why_not(self, subject: Subject, stratum: str) -> RefusalReason | None:
        """The first reason, from the whole trial to the subject's own place in it."""
        target, caps = self.plan.target, self.design.caps
        if self.trial.state == "closed":
            return "cap_reached" if self.trial.closed_by == "target_reached" else "trial_closed"
        if target is not None and self.trial.randomized >= target:
            return "cap_reached"
        if not self.sites.get(subject.site, False):
            return "site_closed"
        cap = caps.strata.get(stratum)
        at = self.strata.get(stratum)
        if cap is not None and at is not None and at.drawn >= cap:
            return "stratum_closed"
        cap = caps.of_cell(subject.site, stratum)
        if cap is not None and self.cells.get((subject.site, stratum), 0) >= cap:
            return "site_cap_reached"
        cap = caps.of_site(subject.site)
        if cap is not None:
            at_site = sum(n for (site, _), n in self.cells.items() if site == subject.site)
            if at_site >= cap:
                return "site_cap_reached"
        return None

    def refuse(self, subject: Subject, reason: RefusalReason) -> None:
        """Each newer screening that is not drawn gets its answer; of those of a subject who took
        the consent back, each attempt gets one.
        """
        told = reason == "consent_withdrawn" and subject.refusal == reason
        self.keep(replace(subject, standing="refused", refusal=reason, arrival=None))
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
                    protocol_version=self.plan.protocol_version,
                )
            )

    def wait(self, subject: Subject, stratum: str) -> None:
        """In order of arrival; who was waiting before a correction has the old place again."""
        if subject.arrival is not None:
            self.keep(replace(subject, standing="waiting", refusal=None))
            return
        self.trial = replace(self.trial, arrivals=self.trial.arrivals + 1)
        self.keep(replace(subject, standing="waiting", refusal=None, arrival=self.trial.arrivals))
        self.tell(
            RandomizationWaiting(
                subject=subject.id,
                site=subject.site,
                stratum=stratum,
                protocol_version=self.plan.protocol_version,
            )
        )

    def draw(self, subject: Subject, stratum: str) -> None:
        """The one place where an arm is drawn."""
        drawn = self.plan.scheme.draw(
            self.strata.get(stratum), subject.id, stratum, self.seed, self.rows
        )
        if drawn is None:
            self.refuse(subject, "list_exhausted")
            return
        arm, self.strata[stratum] = drawn
        number, cell = self.trial.randomized + 1, (subject.site, stratum)
        self.trial = replace(self.trial, randomized=number)
        self.cells[cell] = self.cells.get(cell, 0) + 1
        self.keep(
            replace(
                subject,
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
                protocol_version=self.plan.protocol_version,
                screening=subject.screening,
                attempt=subject.attempt,
                revision=subject.revision,
                form_sha256=subject.form_sha256,
                carry=subject.carry,
            )
        )
        self.tell(
            PatientRandomized(
                subject=subject.id,
                site=subject.site,
                stratum=stratum,
                number=number,
                arm=arm,
                protocol_version=self.plan.protocol_version,
            )
        )
        self.close_at_target()

    # The trial as a whole

    def close_at_target(self) -> None:
        """A trial that has its target takes no more."""
        target = self.plan.target
        if target is not None and self.trial.randomized >= target:
            self.close("target_reached")

    def close(self, by: ClosedBy) -> None:
        """Closed is for good."""
        if self.trial.state != "closed":
            self.trial = replace(self.trial, state="closed", closed_by=by)
            self.tell(RandomizationClosed(cause=by, randomized=self.trial.randomized))

    def set_site(self, site: SiteId, opened: bool) -> None:
        """A site may enrol from now on, or no more."""
        self.sites[site] = opened
        self.changed_sites.add(site)
        self.tell(SiteOpened(site=site) if opened else SiteClosed(site=site))

    def serve_waiting(self) -> None:
        """Everyone who waits, in order of arrival: drawn, refused, or waiting on."""
        waiting = [who for who in self.subjects.values() if who.standing == "waiting"]
        for subject in sorted(waiting, key=lambda who: who.arrival or 0):
            if subject.stratum is not None:
                self.consider(subject, subject.stratum)
