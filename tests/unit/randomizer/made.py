"""Small trials, and screenings told as short stories."""

from collections.abc import Mapping

from services.randomizer.activation import activate
from services.randomizer.allocation_list import AllocationList, parse
from services.randomizer.book import Book, Decision, Subject
from services.randomizer.designs.design import State
from services.randomizer.domain import decide
from services.randomizer.facts import Fact
from services.randomizer.plan import Plan
from services.randomizer.rules import Rules
from services.randomizer.scheme import Scheme, StratumState
from services.randomizer.seed import Seed
from shared.contracts.events.base import Event
from shared.contracts.events.screening import PatientScreened, ScreeningFailed
from shared.contracts.subjects import SiteId, SubjectId, TrialId

TRIAL = TrialId("NCT00000001")
SEED = Seed(TRIAL, bytes(range(32)))
STRATA = {"le4": {"DCN": 1, "RT": 1, "SOC": 1}, "gt4": {"DCN": 1, "SOC": 1}}
BLOCKS = {"design": "permuted_block", "block_sizes": {"le4": [3, 6], "gt4": [2, 4, 6]}}
LISTED = {"design": "listed"}


def rules(
    section: Mapping[str, object] | None = None,
    *,
    signature: bool = True,
    version: str = "1.0",
    **more: object,
) -> Rules:
    """A trial of two sites, drawn in blocks unless told otherwise."""
    scheme = Scheme.of({**(section or BLOCKS), **more}, STRATA)
    sites = {SiteId("IT001"): True, SiteId("IT002"): True}
    return Rules(Plan(TRIAL, version, "0" * 64, signature, scheme, sites), SEED)


def state(at: StratumState) -> State:
    """The state of a stratum that has always drawn in one way."""
    [one] = at.states.values()
    return one


def amended(before: Rules, after: Rules) -> Rules:
    """The rules of an amendment, those before it still in force where it is not approved."""
    earlier = {**before.earlier, before.plan.protocol_version: before.plan}
    return Rules(after.plan, after.seed, after.rows, earlier)


def csv(*rows: str) -> AllocationList:
    """A list of such rows."""
    return parse("\n".join(["stratum,arm,subject", *rows]).encode(), None)


def screened(
    number: int,
    *,
    site: str = "IT001",
    stratum: str | None = "gt4",
    verdict: str = "eligible",
    signed: bool = True,
    attempt: int = 1,
    revision: int = 1,
    version: str = "1.0",
) -> PatientScreened:
    """A subject's screening: eligible and signed unless told otherwise."""
    return PatientScreened.model_validate(
        {
            "subject": f"{site}-{number:04d}",
            "site": site,
            "screening": f"s{number}",
            "attempt": attempt,
            "revision": revision,
            "signed": signed,
            "verdict": verdict,
            "stratum": stratum,
            "unmet": (),
            "unknown": (),
            "protocol_version": version,
            "form_sha256": "a" * 64,
            "carry": {"soc_regimen": "other"},
        }
    )


def failed(number: int, *, site: str = "IT001", attempt: int = 1) -> ScreeningFailed:
    """A site's screen failure."""
    return ScreeningFailed(
        subject=f"{site}-{number:04d}", site=site, screening=f"s{number}", attempt=attempt
    )


class Story:
    """A trial that goes on from fact to fact."""

    def __init__(self, by: Rules) -> None:
        self.rules = by
        begun = activate(by, None)
        assert begun is not None
        self.begun = [event for _, event in begun.events]
        self.book: Book = begun.book
        self.told: list[Event] = []
        self.arms: list[str] = []

    def amend(self, by: Rules) -> list[str]:
        """Another version comes into force."""
        self.rules = amended(self.rules, by)
        begun = activate(self.rules, self.book)
        assert begun is not None
        self.book = begun.book
        self.told += [event for _, event in begun.events]
        return [brief(event) for _, event in begun.events]

    def tell(self, *facts: Fact) -> list[str]:
        """What follows, as short texts in order."""
        made: Decision = decide(self.rules, self.book, facts)
        self.book = made.book
        self.told += [event for _, event in made.events]
        self.arms += [allocation.arm for allocation in made.allocations]
        return [brief(event) for _, event in made.events]

    def who(self, number: int, site: str = "IT001") -> Subject:
        """A subject as the randomizer knows it."""
        return self.book.subjects[SubjectId(f"{site}-{number:04d}")]


def brief(event: Event) -> str:
    """An event's name, its subject's number and the reason, where it has them."""
    data = event.model_dump()
    parts = [type(event).__name__]
    if "subject" in data:
        parts.append(str(int(data["subject"].partition("-")[2])))
    parts += [str(data[key]) for key in ("reason", "cause") if key in data]
    return " ".join(parts)
