"""The page read a second time: what `classify` must answer, written apart from the code.

It works on the raw line, by sets and by counting days one by one, and knows no protocol file.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any

DRUGS = {
    "axitinib_pembrolizumab": {"axitinib", "pembrolizumab"},
    "cabozantinib_nivolumab": {"cabozantinib", "nivolumab"},
    "lenvatinib_pembrolizumab": {"lenvatinib", "pembrolizumab"},
    "nivolumab_after_ipilimumab_nivolumab": {"nivolumab", "ipilimumab"},
}
LOCAL = {"DCN": {"surgery"}, "RT": {"radiotherapy"}, "SOC": set[str]()}
#: Version, first day, component, terms in lower case; None: no reference safety information.
Information = list[tuple[date, dict[str, set[str]]]]


def components(arm: str, regimen: str | None) -> set[str]:
    drugs = DRUGS[regimen] if regimen else set().union(*DRUGS.values())
    return LOCAL[arm] | drugs


def _every_day(onset: str) -> list[date]:
    day = date(int(onset[:4]), 1, 1)
    found = []
    while day.year == int(onset[:4]):
        if day.isoformat().startswith(onset):
            found.append(day)
        day += timedelta(days=1)
    return found


def _expected(line: Any, component: str, information: Information) -> bool:
    said = ((line.get("assessment") or {}).get("expected") or {}).get(component)
    if said is not None:
        return bool(said)
    form = line["form"]
    term = (form.get("ctcae_term") or form["term"]).lower()
    onset = form.get("onset_date")
    if onset is None:
        lists = [listed for _, listed in information]
    else:
        lists = []
        for day in _every_day(onset):
            begun = [listed for since, listed in information if since <= day]
            lists.append(begun[-1] if begun else {})
    return bool(lists) and all(term in listed.get(component, set()) for listed in lists)


def _related(line: Any, component: str, authority: str) -> bool:
    investigator = (line["form"].get("causality") or {}).get(component)
    sponsor = ((line.get("assessment") or {}).get("causality") or {}).get(component)
    if not investigator and not sponsor:
        return True
    if authority == "FDA-312.32":
        return (sponsor or investigator) == "related"
    return "related" in (investigator, sponsor)


def _day_after(text: str, days: int) -> str:
    """The start of the day after so many days, each taken one by one."""
    day = datetime.fromisoformat(text).astimezone(UTC).date()
    for _ in range(days + 1):
        day = day + timedelta(days=1)
    return f"{day.isoformat()}T00:00:00Z"


def answer(line: Any, authorities: list[str], information: Information) -> Any:
    """Everything of the answer but `why`; lists of components as sets, clocks sorted."""
    form = line["form"]
    had = components(line["arm"], line.get("regimen"))
    serious = len(form["seriousness"]) > 0
    unexpected = {name for name in had if not _expected(line, name, information)}
    by: dict[str, Any] = {}
    clocks: list[tuple[str, str | None, str, str]] = []
    if serious:
        knew = datetime.fromisoformat(form["site_aware_at"]).astimezone(UTC)
        due = (knew + timedelta(seconds=86400)).strftime("%Y-%m-%dT%H:%M:%SZ")
        clocks.append(("site_to_sponsor", None, knew.date().isoformat(), due))
    for name in authorities:
        related = {one for one in had if _related(line, one, name)}
        susar = serious and bool(related & unexpected)
        by[name] = {"susar": susar, "related": related, "unexpected": unexpected}
        if susar:
            aware = form["sponsor_aware_at"]
            fast = {"death", "life_threatening"} & set(form["seriousness"])
            zero = datetime.fromisoformat(aware).astimezone(UTC).date().isoformat()
            kind = "expedited_7" if fast else "expedited_15"
            clocks.append((kind, name, zero, _day_after(aware, 7 if fast else 15)))
    return {
        "subject": line["subject"],
        "serious": serious,
        "susar": any(one["susar"] for one in by.values()),
        "authorities": by,
        "clocks": sorted(clocks, key=str),
    }
