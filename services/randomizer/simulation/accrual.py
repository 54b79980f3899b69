"""How a trial is expected to enrol: by site, from which day on, how fast, and into which strata."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate
from typing import Annotated, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from services.randomizer.designs.settings import decimal
from services.randomizer.plan import Plan
from shared.contracts import yamltext
from shared.contracts.subjects import SiteId
from shared.contracts.wording import told

LONGEST_DAYS = 36_500
DAYS_OF_A_RATE = 30

Day = Annotated[int, Field(strict=True, ge=0, le=LONGEST_DAYS)]
Rate = Annotated[Decimal, Field(strict=True, gt=0, le=10_000), BeforeValidator(decimal)]
Share = Annotated[Decimal, Field(strict=True, ge=0, le=1_000_000), BeforeValidator(decimal)]
Shares = Annotated[dict[str, Share], Field(min_length=1)]
Level = TypeVar("Level")


class AccrualError(ValueError):
    """An accrual file that cannot be used: ``file:line: place: what is wrong``."""


class _Words(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SiteWords(_Words):
    """One site: ``rate`` eligible subjects in 30 days, from ``opens`` until before ``closes``."""

    rate: Rate
    opens: Day = 0
    closes: Day | None = None
    strata: Shares | None = None


class AccrualWords(_Words):
    """The file: ``strata`` and ``carry`` are relative shares, ``days`` ends what has no target."""

    days: Annotated[int, Field(strict=True, ge=1, le=LONGEST_DAYS)] = LONGEST_DAYS
    sites: Annotated[dict[str, SiteWords], Field(min_length=1)]
    strata: Shares | None = None
    carry: dict[str, Shares] = {}


@dataclass(frozen=True)
class Chances:
    """Names, each with its share of the whole."""

    names: tuple[str, ...]
    until: tuple[float, ...]

    @classmethod
    def of(cls, shares: Mapping[str, Decimal]) -> Self:
        """Relative shares, of which one at least is not 0."""
        whole = sum(shares.values())
        return cls(tuple(shares), tuple(float(s / whole) for s in accumulate(shares.values())))

    def pick(self, number: float) -> str:
        """The name at a number from 0 to below 1."""
        for name, until in zip(self.names, self.until, strict=True):
            if number < until:
                return name
        return self.names[-1]


@dataclass(frozen=True)
class SiteAccrual:
    """One site: eligible subjects a day, while it is open, and their strata."""

    site: SiteId
    a_day: float
    opens: int
    closes: int
    strata: Chances


@dataclass(frozen=True)
class Accrual:
    """All that the simulation asks of the world."""

    days: int
    sites: tuple[SiteAccrual, ...]
    carry: Mapping[str, Chances]


def parse(raw: bytes, file: str, plan: Plan, *, by_site: bool) -> Accrual:
    """The accrual in a file's bytes, YAML or JSON; ``by_site``: the strata are the sites.

    Raises ``AccrualError`` for what is not of this protocol either.
    """
    try:
        top, places = yamltext.loads(raw.decode("utf-8"))
    except UnicodeDecodeError:
        raise AccrualError(f"{file}:1: file: is not UTF-8 text") from None
    except yamltext.BadYaml as error:
        place = ".".join(map(str, error.path)) or "file"
        raise AccrualError(f"{file}:{error.line}: {place}: {error.msg}") from None
    reader = _Reader(file, places, plan, by_site)
    try:
        words = AccrualWords.model_validate(top)
    except ValidationError as error:
        first = error.errors()[0]
        said = told(first["type"], first["msg"], first.get("ctx", {}))
        raise reader.fault(*first["loc"], told=said) from None
    return reader.accrual(words)


class _Reader:
    def __init__(self, file: str, places: yamltext.Places, plan: Plan, by_site: bool) -> None:
        self.file, self.places = file, places
        self.plan, self.by_site = plan, by_site

    def fault(self, *path: str | int, told: str) -> AccrualError:
        place = ".".join(map(str, path)) or "file"
        return AccrualError(f"{self.file}:{self.places.line(path)}: {place}: {told}")

    def accrual(self, words: AccrualWords) -> Accrual:
        carried = self.plan.scheme.carried
        for name in sorted(carried - words.carry.keys()):
            raise self.fault("carry", told=f"{name} is a factor and has no shares")
        for name in words.carry:
            if name not in carried:
                raise self.fault("carry", name, told="is no carried factor of the protocol")
        return Accrual(
            words.days,
            tuple(self.site(words, site, of) for site, of in words.sites.items()),
            {n: self.chances(of, "carry", n) for n, of in words.carry.items()},
        )

    def site(self, words: AccrualWords, name: str, of: SiteWords) -> SiteAccrual:
        site = SiteId(name)
        if site not in self.plan.sites:
            raise self.fault("sites", name, told="is no site of the protocol")
        closes = words.days if of.closes is None else of.closes
        if of.opens >= closes:
            raise self.fault("sites", name, told="closes before it opens")
        strata = self.strata(words, name, of)
        return SiteAccrual(site, float(of.rate) / DAYS_OF_A_RATE, of.opens, closes, strata)

    def strata(self, words: AccrualWords, site: str, of: SiteWords) -> Chances:
        own = of.strata is not None
        shares, path = (of.strata, ("sites", site)) if own else (words.strata, ())
        if self.by_site:
            if shares is not None:
                raise self.fault(*path, "strata", told="the strata are the sites, with no shares")
            return Chances((site,), (1.0,))
        if shares is None:
            if len(self.plan.scheme.ratios) == 1:
                return Chances(tuple(self.plan.scheme.ratios), (1.0,))
            raise self.fault(told="strata is missing: each stratum's share of the subjects")
        for stratum in shares:
            if stratum not in self.plan.scheme.ratios:
                raise self.fault(*path, "strata", stratum, told="is no stratum of the protocol")
        return self.chances(shares, *path, "strata")

    def chances(self, shares: Mapping[str, Decimal], *path: str) -> Chances:
        if not any(shares.values()):
            raise self.fault(*path, told="all shares are 0")
        return Chances.of(shares)
