"""A trial's enrolment in plain words, as the protocol's people would keep it on paper.

It knows subjects, versions and limits; no design, no block, no seed. Nothing here is taken from the
product: what it expects to be told are tuples that begin with a word.
"""

from dataclasses import dataclass, field

Told = tuple[object, ...]


class Impossible(Exception):
    """What a person asks cannot be done as the trial stands."""


@dataclass
class Limits:
    """What one version of the protocol says of enrolment."""

    target: int | None = None
    strata: dict[str, int] = field(default_factory=dict)
    sites: dict[str, int] = field(default_factory=dict)
    cells: dict[tuple[str, str], int] = field(default_factory=dict)
    percents: tuple[int, ...] = ()
    signature: bool = True
    listed: bool = False

    def at(self, scope: str, site: str | None, stratum: str | None) -> int | None:
        """The limit of the trial, a stratum, a site, or both."""
        if scope == "trial":
            return self.target
        if scope == "stratum":
            return self.strata.get(stratum or "")
        if scope == "site":
            return self.sites.get(site or "")
        return self.cells.get((site or "", stratum or ""))

    def percents_at(self, count: int, limit: int | None) -> list[int]:
        """The percentages of a limit that a count has; half of 5 is 3 people."""
        if limit is None:
            return []
        return [p for p in sorted(self.percents) if count >= -(-limit * p // 100)]


@dataclass
class Person:
    """A subject by the newest form of the newest attempt."""

    name: str
    site: str
    attempt: int = 0
    revision: int = 0
    signed: bool = False
    verdict: str | None = None
    stratum: str | None = None
    version: str = ""
    stands: str = "unknown"
    withdrawn: bool = False
    told_withdrawn: bool = False
    number: int | None = None
    drawn_in: str | None = None


@dataclass
class Model:
    """The trial: its versions, sites and people, who was drawn and who queues."""

    versions: dict[str, Limits]
    newest: str
    sites: dict[str, bool]
    state: str = "open"
    ended_by: str = ""
    list_loaded: bool = False
    rows: dict[str, list[str]] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    drawn: list[tuple[str, str, str, str]] = field(default_factory=list)
    listed_arms: dict[int, str] = field(default_factory=dict)
    queue: list[str] = field(default_factory=list)
    """By arrival; who is corrected keeps the place, ready or not."""

    told: list[Told] = field(default_factory=list)

    @property
    def limits(self) -> Limits:
        return self.versions[self.newest]

    def count(self, site: str | None = None, stratum: str | None = None) -> int:
        """How many were drawn there."""
        return sum(site in (None, s) and stratum in (None, at) for _, s, at, _ in self.drawn)

    # what is heard of a subject

    def screened(
        self,
        name: str,
        site: str,
        at: tuple[int, int, bool],
        verdict: str,
        stratum: str,
        version: str,
    ) -> None:
        """A form, its signature or a correction; older ones and repeats change nothing."""
        who = self.people.setdefault(name, Person(name, site))
        if at <= (who.attempt, who.revision, who.signed):
            return
        if at[0] > who.attempt:
            self.leave(who)
            who.told_withdrawn = False
            if who.stands == "failed":
                who.stands = "unknown"
        changed = (verdict, stratum) != (who.verdict, who.stratum)
        who.attempt, who.revision, who.signed = at
        who.verdict, who.stratum, who.version = verdict, stratum, version
        if who.number is not None:
            if changed and (verdict != "eligible" or stratum != who.drawn_in):
                self.told.append(("deviation", name, who.number, verdict, who.drawn_in, stratum))
        elif who.stands == "failed":
            pass
        elif verdict != "eligible":
            who.stands, who.told_withdrawn = "not eligible", False
        elif who.withdrawn:
            self.refuse(who, "consent_withdrawn")
        elif self.versions[version].signature and not who.signed:
            who.stands, who.told_withdrawn = "unsigned", False
        else:
            self.turn(who)

    def failed(self, name: str, site: str, attempt: int) -> None:
        """The site ends an attempt."""
        who = self.people.setdefault(name, Person(name, site))
        if attempt >= who.attempt and who.stands != "failed" and who.number is None:
            who.attempt, who.stands = attempt, "failed"
            self.leave(who)

    def took_back(self, name: str, site: str) -> None:
        """A consent is withdrawn."""
        who = self.people.setdefault(name, Person(name, site))
        if not who.withdrawn:
            who.withdrawn = True
            if who.stands in ("unsigned", "waiting", "refused"):
                self.refuse(who, "consent_withdrawn")

    # what follows for a subject

    def turn(self, who: Person) -> None:
        """An eligible subject is drawn, waits, or is refused."""
        stratum = who.stratum or ""
        if self.state == "closed":
            full = self.ended_by == "target_reached"
            self.refuse(who, "cap_reached" if full else "trial_closed")
        elif not self.sites[who.site]:
            self.refuse(who, "site_closed")
        elif self.full("stratum", None, stratum):
            self.refuse(who, "stratum_closed")
        elif self.full("site_stratum", who.site, stratum) or self.full("site", who.site, None):
            self.refuse(who, "site_cap_reached")
        elif self.state == "paused" or self.lacks_list(who):
            who.stands = "waiting"
            if who.name not in self.queue:
                self.queue.append(who.name)
                self.told.append(("waiting", who.name, stratum, who.version))
        elif self.versions[who.version].listed and not self.rows.get(stratum):
            self.refuse(who, "list_exhausted")
        else:
            self.draw(who, stratum)

    def full(self, scope: str, site: str | None, stratum: str | None) -> bool:
        limit = self.limits.at(scope, site, stratum)
        return limit is not None and self.count(site, stratum) >= limit

    def lacks_list(self, who: Person) -> bool:
        return self.versions[who.version].listed and not self.list_loaded

    def draw(self, who: Person, stratum: str) -> None:
        """The next number is this subject's, for ever."""
        self.drawn.append((who.name, who.site, stratum, who.version))
        who.number, who.drawn_in, who.stands = len(self.drawn), stratum, "drawn"
        if self.versions[who.version].listed:
            self.listed_arms[who.number] = self.rows[stratum].pop(0)
        self.leave(who)
        self.told.append(("drawn", who.name, who.number, stratum, who.version))
        for scope, site, at in self.places(who.site, stratum):
            count, limit = self.count(site, at), self.limits.at(scope, site, at)
            before = self.limits.percents_at(count - 1, limit)
            for percent in self.limits.percents_at(count, limit):
                if percent not in before:
                    self.told.append(("milestone", scope, site, at, percent, count, limit))
        self.end_at_target()

    def places(self, site: str, stratum: str) -> list[tuple[str, str | None, str | None]]:
        return [
            ("trial", None, None),
            ("stratum", None, stratum),
            ("site", site, None),
            ("site_stratum", site, stratum),
        ]

    def refuse(self, who: Person, reason: str) -> None:
        """Told for each form; a consent taken back once, until a form was not eligible."""
        repeated = reason == "consent_withdrawn" and who.told_withdrawn
        who.stands, who.told_withdrawn = "refused", reason == "consent_withdrawn"
        self.leave(who)
        if not repeated:
            self.told.append(("refused", who.name, reason, who.attempt, who.revision))

    def leave(self, who: Person) -> None:
        if who.name in self.queue:
            self.queue.remove(who.name)

    def call_the_queue(self) -> None:
        """Everyone who waits, in order of arrival."""
        for name in list(self.queue):
            if self.people[name].stands == "waiting":
                self.turn(self.people[name])

    # what concerns the whole trial

    def end_at_target(self) -> None:
        if self.limits.target is not None and len(self.drawn) >= self.limits.target:
            self.end("target_reached")

    def end(self, cause: str) -> None:
        if self.state != "closed":
            self.state, self.ended_by = "closed", cause
            self.told.append(("closed", cause, len(self.drawn)))
            self.call_the_queue()

    def close(self) -> None:
        if self.state == "closed":
            raise Impossible
        self.end("closed")

    def pause(self) -> None:
        if self.state != "open":
            raise Impossible
        self.state = "paused"
        self.told.append(("paused",))

    def boundary(self) -> None:
        if self.state == "open":
            self.pause()

    def resume(self) -> None:
        if self.state != "paused":
            raise Impossible
        self.state = "open"
        self.told.append(("resumed",))
        self.call_the_queue()

    def switch(self, site: str, opened: bool) -> None:
        if self.sites[site] == opened:
            raise Impossible
        self.sites[site] = opened
        self.told.append(("site", site, opened))

    def load(self, rows: dict[str, list[str]]) -> None:
        needed = any(limits.listed for limits in self.versions.values())
        if not needed or self.list_loaded or self.state == "closed":
            raise Impossible
        self.list_loaded, self.rows = True, rows
        self.told.append(("list", sum(map(len, rows.values()))))
        if self.state == "open":
            self.call_the_queue()

    def amend(self, version: str, limits: Limits) -> None:
        """A version comes into force: its limits hold from now on, for everybody."""
        before = self.limits
        self.versions[version], self.newest = limits, version
        self.told.append(("activated", version))
        if self.state != "closed":
            cells = sorted({(site, stratum) for _, site, stratum, _ in self.drawn})
            for scope, site, stratum in [
                ("trial", None, None),
                *(("stratum", None, at) for at in sorted({at for _, at in cells})),
                *(("site", site, None) for site in sorted({site for site, _ in cells})),
                *(("site_stratum", site, at) for site, at in cells),
            ]:
                self.passed_by_the_change(before, scope, site, stratum)
        self.end_at_target()

    def passed_by_the_change(
        self, before: Limits, scope: str, site: str | None, stratum: str | None
    ) -> None:
        count, limit = self.count(site, stratum), self.limits.at(scope, site, stratum)
        had = before.percents_at(count, before.at(scope, site, stratum))
        for percent in self.limits.percents_at(count, limit):
            if percent not in had:
                self.told.append(("milestone", scope, site, stratum, percent, count, limit))
