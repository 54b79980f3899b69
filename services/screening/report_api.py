"""The screening log over HTTP: numbers alone, of the caller's sites, as JSON or CSV."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field
from starlette.responses import Response

from services.screening import tallies
from services.screening.report import Report
from services.screening.report_table import table
from services.screening.trial import Trial
from shared.contracts import jsontext
from shared.contracts.subjects import SITE_PATTERN, SiteId, TrialId
from shared.runtime.problems import not_found
from shared.runtime.routes import Call, Query, Route
from shared.runtime.security import ALL, Role

CSV = "text/csv"
_VARY = {"vary": "accept"}
_REFUSED = re.compile(r";\s*q=0(\.0*)?\s*(;|$)")
_READERS = frozenset({Role.SITE, Role.INVESTIGATOR, Role.TRIAL_MANAGER, Role.STATISTICIAN})


class ReportQuery(Query):
    """One site alone; CSV where it is asked for here or in `Accept`."""

    site: str | None = Field(default=None, pattern=f"^{SITE_PATTERN}$")
    format: Literal["json", "csv"] | None = None


class Flow(BaseModel):
    """CONSORT's flow: `assessed` = `excluded` + `in_screening` + `randomized`.

    `excluded` = `not_meeting_criteria` + `declined` + `other`.
    """

    assessed: int
    excluded: int
    randomized: int
    not_meeting_criteria: int
    declined: int
    other: int
    in_screening: int


class CriterionCost(BaseModel):
    """Subjects, not randomized, in whom it is not met, not known, or alone not met."""

    id: str
    unmet: int
    unknown: int
    only: int


class Counts(BaseModel):
    """Each subject once, by the newest revision of the newest attempt; `attempts` are all.

    `criteria`: the one that costs most subjects first.
    """

    assessed: int
    attempts: int
    verdicts: dict[str, int]
    signed: int
    failed: int
    failures: dict[str, int]
    refused: int
    refusals: dict[str, int]
    consort: Flow
    criteria: list[CriterionCost]


class SiteCounts(Counts):
    """The numbers of one site."""

    site: str


class CriterionWords(BaseModel):
    """A criterion in the protocol's words; null where the protocol has it no more."""

    id: str
    category: Literal["inclusion", "exclusion"] | None
    text: str | None


class ScreeningReport(BaseModel):
    """The screening log of the caller's sites."""

    trial: str
    at: datetime
    total: Counts
    sites: list[SiteCounts]
    criteria: list[CriterionWords]


class ReportApi:
    """The route over the trials that are screened for here."""

    def __init__(self, trials: Mapping[TrialId, Trial]) -> None:
        self._trials = trials

    def routes(self) -> list[Route]:
        """The table."""
        return [
            Route(
                "GET",
                "/v1/trials/{trial}/screening-report",
                _READERS,
                self.show,
                "the screening log in numbers, as JSON or CSV",
                query=ReportQuery,
                answers={200: ScreeningReport},
                also=CSV,
            )
        ]

    async def show(self, call: Call) -> Response:
        """The numbers of one moment."""
        trial = self._trials.get(TrialId(call.trial))
        if trial is None:
            raise not_found("trial")
        asked, shown = _scope(call, trial)
        async with call.work.reading() as db:
            standings = await tallies.standings(db, trial.id, asked)
            costs = await tallies.costs(db, trial.id, asked)
        report = Report(standings, costs, trial.criteria, shown)
        if _wants_csv(call):
            return Response(table(trial.id, report), media_type=CSV, headers=_VARY)
        body = {
            "trial": trial.id,
            "at": call.work.now(),
            "total": report.total(),
            "sites": [{"site": site, **report.of(site)} for site in report.every_site],
            "criteria": [one._asdict() for one in report.every_criterion],
        }
        return Response(jsontext.dumps(body), media_type="application/json", headers=_VARY)


def _scope(call: Call, trial: Trial) -> tuple[list[SiteId] | None, list[SiteId]]:
    """The sites to count, None: all, and those to show though nobody came; 404 out of scope."""
    versions, caller, site, now = trial.versions, call.caller, call.query.site, call.work.now()
    if site is not None:
        if versions.site(SiteId(site), now) is None or not caller.may_see_site(site):
            raise not_found("site")
        return [SiteId(site)], [SiteId(site)]
    listed = [one.id for one in versions.last.sites if versions.site(one.id, now)]
    shown = [one for one in listed if caller.may_see_site(one)]
    return None if ALL in caller.sites else [SiteId(one) for one in caller.sites], shown


def _wants_csv(call: Call) -> bool:
    """By the query, else by what `Accept` names first and does not refuse (RFC 9110, 12.4.2)."""
    if call.query.format is not None:
        return bool(call.query.format == "csv")
    named = call.request.headers.get("accept", "").lower().split(",")
    wanted = (one.partition(";")[0].strip() for one in named if not _REFUSED.search(one))
    return next(wanted, "") == CSV
