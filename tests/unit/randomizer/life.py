"""The product and the model side by side: the same happens to both, and both must tell the same."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from hypothesis import strategies as st

from services.randomizer.domain import NotPossibleError
from services.randomizer.facts import Fact, LoadList, Resume
from services.randomizer.replay import EarlierScheme
from services.randomizer.rules import Rules
from shared.contracts.events.base import Event
from shared.contracts.events.randomization import (
    AllocationListLoaded,
    EligibilityDeviation,
    EnrolmentMilestone,
    PatientRandomized,
    RandomizationClosed,
    RandomizationPaused,
    RandomizationRefused,
    RandomizationResumed,
    RandomizationWaiting,
    SiteClosed,
    SiteOpened,
    TrialActivated,
)
from tests.unit.randomizer.made import LISTED, STRATA, Story, csv, rules
from tests.unit.randomizer.model import Impossible, Limits, Model, Told

SITES = ("IT001", "IT002")
ROWS = {"le4": ["RT", "SOC", "DCN"], "gt4": ["SOC", "DCN", "DCN", "SOC", "DCN"]}
SIZES = {"blocks": {"le4": 3, "gt4": 2}, "other blocks": {"le4": 3, "gt4": 4}}


@dataclass(frozen=True)
class Version:
    """One version of a protocol: what draws, and what the model has to know of it."""

    design: str
    limits: Limits

    def rules(self, name: str) -> Rules:
        """The same for the product."""
        of = self.limits
        section: Mapping[str, object] = LISTED
        if self.design != "listed":
            sizes = {stratum: [size] for stratum, size in SIZES[self.design].items()}
            section = {"design": "permuted_block", "block_sizes": sizes}
        cells: dict[str, dict[str, int]] = {}
        for (site, stratum), cap in of.cells.items():
            cells.setdefault(site, {})[stratum] = cap
        caps = {"strata": of.strata, "sites": of.sites, "site_strata": cells}
        more = {"target": of.target, "caps": caps, "milestones": of.percents}
        return rules(section, signature=of.signature, version=name, **more)


def _some(keys: st.SearchStrategy[object]) -> st.SearchStrategy[dict[object, int]]:
    return st.dictionaries(keys, st.integers(2, 5), max_size=1)


@st.composite
def versions(draw: st.DrawFn) -> Version:
    """Any version of the two strata and two sites."""
    design = draw(st.sampled_from(("blocks", "blocks", "other blocks", "listed")))
    cells = st.tuples(st.sampled_from(SITES), st.sampled_from(tuple(STRATA)))
    limits = st.builds(
        Limits,
        target=st.sampled_from((None, 3, 5, 6, 8, 10)),
        strata=_some(st.sampled_from(tuple(STRATA))),
        sites=_some(st.sampled_from(SITES)),
        cells=_some(cells),
        percents=st.sampled_from(((), (50,), (100, 25, 50, 75), (33, 34))),
        signature=st.booleans(),
        listed=st.just(design == "listed"),
    )
    return Version(design, draw(limits))


def as_told(event: Event) -> Told | None:
    """An event in the model's words; None for what the model does not know of."""
    match event:
        case PatientRandomized():
            number, stratum = event.number, event.stratum
            return "drawn", event.subject, number, stratum, event.protocol_version
        case RandomizationRefused():
            return "refused", event.subject, event.reason, event.attempt, event.revision
        case RandomizationWaiting():
            return "waiting", event.subject, event.stratum, event.protocol_version
        case EligibilityDeviation():
            at, by = event.stratum_at_draw, event.stratum
            return "deviation", event.subject, event.number, event.verdict, at, by
        case EnrolmentMilestone():
            return "milestone", *event.model_dump().values()
        case RandomizationClosed():
            return "closed", event.cause, event.randomized
        case RandomizationPaused():
            return ("paused",)
        case RandomizationResumed():
            return ("resumed",)
        case SiteOpened():
            return "site", event.site, True
        case SiteClosed():
            return "site", event.site, False
        case AllocationListLoaded():
            return "list", event.rows
        case TrialActivated():
            return "activated", event.protocol_version
        case _:
            return None


@dataclass
class Lived:
    """A trial in the product and in the model."""

    story: Story
    model: Model
    designs: dict[str, str]
    earlier: list[EarlierScheme] = field(default_factory=list)
    periods: list[tuple[Rules, list[Fact]]] = field(default_factory=list)
    """What was taken while each version was the newest."""

    @classmethod
    def of(cls, first: Version) -> "Lived":
        """A trial that begins with a version."""
        by = first.rules("1.0")
        model = Model({"1.0": first.limits}, "1.0", dict.fromkeys(SITES, True))
        return cls(Story(by), model, {"1.0": first.design}, periods=[(by, [])])

    def takes(self, fact: Fact, expected: Callable[[], None]) -> None:
        """The product takes the fact; the model does what is expected of it."""
        state, known = self.story.book.trial.state, (len(self.story.told), len(self.model.told))
        try:
            expected()
        except Impossible:
            possible = False
        else:
            possible = True
        try:
            self.story.tell(fact)
        except NotPossibleError:
            assert not possible, fact
        else:
            assert possible, fact
            self.periods[-1][1].append(fact)
        if isinstance(fact, LoadList) and possible:
            self.story.rules = replace(self.story.rules, rows=fact.rows)
        new = self.same_since(known)
        if state == "closed" or (state == "paused" and not isinstance(fact, Resume)):
            assert not [told for told in new if told[0] == "drawn"], fact

    def amends(self, to: Version) -> None:
        """Another version comes into force."""
        name, known = f"{len(self.designs) + 1}.0", (len(self.story.told), len(self.model.told))
        before, self.designs[name] = self.story.rules.plan, to.design
        self.earlier.append(
            EarlierScheme.model_validate(
                {
                    "protocol_version": before.protocol_version,
                    "randomization": before.scheme.section,
                    "strata": before.scheme.strata,
                    "until_number": len(self.model.drawn),
                }
            )
        )
        self.model.amend(name, to.limits)
        self.story.amend(replace(to.rules(name), rows=self.story.rules.rows))
        self.periods.append((self.story.rules, []))
        self.same_since(known)

    def loads(self) -> None:
        """A list is loaded."""
        text = [f"{stratum},{arm}" for stratum, arms in ROWS.items() for arm in arms]
        given = {stratum: list(arms) for stratum, arms in ROWS.items()}
        self.takes(LoadList(csv(*text)), lambda: self.model.load(given))

    def same_since(self, known: tuple[int, int]) -> list[Told]:
        """Both told the same of the last step, and no draw went past a limit."""
        told = [as_told(event) for event in self.story.told[known[0] :]]
        assert [one for one in told if one is not None] == self.model.told[known[1] :]
        counts: Counter[tuple[str, str]] = Counter(self.story.book.cells)
        for one in told:
            if one is not None and one[0] == "drawn":
                site, stratum, limits = str(one[1])[:5], str(one[3]), self.model.limits
                for n, cap in (
                    (self.story.book.trial.randomized, limits.target),
                    (
                        sum(n for (_, at), n in counts.items() if at == stratum),
                        limits.strata.get(stratum),
                    ),
                    (sum(n for (at, _), n in counts.items() if at == site), limits.sites.get(site)),
                    (counts[site, stratum], limits.cells.get((site, stratum))),
                ):
                    assert cap is None or n <= cap, (one, n, cap)
        return [one for one in told if one is not None]

    def blocks_are_whole(self) -> None:
        """Within a stratum what draws alike fills block after block; a list gives its rows."""
        by_part: dict[tuple[str, int], list[str]] = {}
        drawn = zip(self.model.drawn, self.story.arms, strict=True)
        for number, ((_, _, stratum, version), arm) in enumerate(drawn, 1):
            design = self.designs[version]
            if design == "listed":
                assert arm == self.model.listed_arms[number]
            else:
                by_part.setdefault((stratum, SIZES[design][stratum]), []).append(arm)
        for (stratum, size), arms in by_part.items():
            shares = {arm: size // len(STRATA[stratum]) for arm in STRATA[stratum]}
            for start in range(0, len(arms), size):
                assert Counter(arms[start : start + size]) <= Counter(shares), (stratum, size, arms)
