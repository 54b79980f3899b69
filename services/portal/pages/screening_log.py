"""The screening log in numbers: CONSORT's flow, what each criterion costs, and the sites."""

from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from services.portal.domain import REFUSALS
from services.portal.visit import SITE, STATISTICIAN, TRIAL_MANAGER, Page, Visit

_READERS = SITE | TRIAL_MANAGER | STATISTICIAN


@dataclass(frozen=True, slots=True)
class Row:
    """A criterion and the subjects whom it cost; `share` of the dearest one's, in percent."""

    id: str
    category: str | None
    text: str | None
    only: int
    unmet: int
    unknown: int
    share: float
    share_only: float


async def show(visit: Visit) -> Response:
    """The log of the person's sites, or of one of them."""
    told = await visit.needed("screening", _path(visit), **_query(visit))
    rows = criteria(told)
    return visit.page(
        "screening_log.html",
        site=visit.query.get("site"),
        refusals=REFUSALS,
        sites=told["sites"],
        total=told["total"],
        costly=[row for row in rows if row.unmet],
        open=[row for row in rows if row.unknown and not row.unmet],
        free=[row for row in rows if not row.unmet and not row.unknown],
    )


async def table(visit: Visit) -> Response:
    """The same numbers as CSV."""
    query = {**_query(visit), "format": "csv"}
    answer = await visit.ask("GET", "screening", _path(visit), query=query)
    if not answer.ok:
        visit.refused(answer)
    name = "-".join(["screening-log", visit.trial, *_query(visit).values()])
    headers = {"content-disposition": f'attachment; filename="{name}.csv"'}
    return Response(answer.content, media_type="text/csv", headers=headers)


def criteria(told: Any) -> list[Row]:
    """The criteria in screening's order, the dearest first, each with its words."""
    words = {one["id"]: one for one in told["criteria"]}
    costs = told["total"]["criteria"]
    most = max((one["unmet"] for one in costs), default=0) or 1
    return [
        Row(
            one["id"],
            words[one["id"]]["category"],
            words[one["id"]]["text"],
            one["only"],
            one["unmet"],
            one["unknown"],
            round(100 * one["unmet"] / most, 1),
            round(100 * one["only"] / most, 1),
        )
        for one in costs
    ]


def _path(visit: Visit) -> str:
    return f"/trials/{visit.trial}/screening-report"


def _query(visit: Visit) -> dict[str, str]:
    """The site that is asked for; a malformed one is for screening to refuse."""
    site = visit.query.get("site")
    return {} if site is None else {"site": site}


PAGES = (
    Page("GET", "/trials/{trial}/screening-log", _READERS, show),
    Page("GET", "/trials/{trial}/screening-log.csv", _READERS, table),
)
