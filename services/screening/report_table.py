"""The screening log as CSV (RFC 4180): one number a line, so that any program can turn it round.

`site` is `all` for the sum; `of` names the verdict, the reason, the box of the flow, or the
criterion, whose words stand in `text`.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Final

from services.screening.report import Report

HEADER: Final = ("trial", "site", "measure", "of", "count", "text")
_EVERY: Final = "all"
_PARTS: Final = {
    "verdicts": "verdict",
    "failures": "failure",
    "refusals": "refusal",
    "consort": "consort",
}


def table(trial: str, report: Report) -> str:
    """The lines, header first: the sum, then each site."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(HEADER)
    texts = {one.id: one.text or "" for one in report.every_criterion}
    for site in (None, *report.every_site):
        counts = report.total() if site is None else report.of(site)
        for measure, of, count in _numbers(counts):
            text = texts[of] if measure in ("unmet", "unknown", "only") else ""
            writer.writerow((trial, site or _EVERY, measure, of, count, text))
    return out.getvalue()


def _numbers(counts: Mapping[str, object]) -> Iterator[tuple[str, str, object]]:
    for name, value in counts.items():
        match value:
            case dict():
                yield from ((_PARTS[name], str(of), count) for of, count in value.items())
            case list():
                for one in value:
                    yield from ((m, one["id"], one[m]) for m in ("unmet", "unknown", "only"))
            case _:
                yield name, "", value
