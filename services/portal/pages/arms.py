"""Totals by arm, for the statistician alone. Each look is on record."""

from starlette.responses import Response

from services.portal.visit import STATISTICIAN, Page, Visit


async def arms(visit: Visit) -> Response:
    """First what a look means; then, asked for, the totals against what the ratio expects."""
    if visit.query.get("look") != "yes":
        return visit.page("arms.html", tables=None, total=None, at=None)
    path = f"/trials/{visit.trial}/enrolment"
    found = await visit.needed("randomizer", path, by="arm")
    return visit.page(
        "arms.html",
        tables=[_table(visit, name, counts) for name, counts in found["arms"].items()],
        total=found,
        at=visit.now,
    )


def _table(visit: Visit, name: str, counts: dict[str, int]) -> dict[str, object]:
    """A stratum's arms: subjects, ratio, and what the ratio expects of the stratum's total."""
    stratum = visit.protocol.stratum(name)
    ratio = stratum.ratio if stratum else dict.fromkeys(counts, 1)
    titles = {arm.id: arm.title for arm in visit.protocol.arms}
    total, shares = sum(counts.values()), sum(ratio.values()) or 1
    rows = [
        {
            "arm": arm,
            "title": titles.get(arm, arm),
            "subjects": number,
            "ratio": ratio.get(arm, 0),
            "expected": round(total * ratio.get(arm, 0) / shares, 1),
            "difference": round(number - total * ratio.get(arm, 0) / shares, 1),
        }
        for arm, number in counts.items()
    ]
    return {"id": name, "title": stratum.title if stratum else name, "rows": rows, "total": total}


PAGES = (Page("GET", "/trials/{trial}/arms", STATISTICIAN, arms),)
