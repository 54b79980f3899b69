"""The pilot's figures of safety: the data's own counts beside those of the services."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from deploy.demo import pilot_filing
from deploy.demo.pilot import TRIAL, moved_partial
from deploy.demo.pilot_act import OFFICER, STATISTICIAN, Played, authorities
from deploy.demo.pilot_figures import broken
from deploy.demo.pilot_tables import subject_of
from deploy.demo.pilot_truth import Truth, changes, count, earliest
from deploy.demo.row import Row, Value
from deploy.demo.stage import Answer, Stage

_STEPS: Final = ("mild", "moderate", "severe")


@dataclass(frozen=True)
class Found:
    """What the services say: the cases with all their versions, the clocks, the allocations."""

    cases: Sequence[Answer]
    histories: Mapping[str, Answer]
    clocks: Sequence[Answer]
    allocations: Mapping[str, Answer]

    def arm(self, case: Answer) -> str:
        """The arm of a case's subject, or that there is none."""
        allocation = self.allocations.get(case["subject"])
        return "none" if allocation is None else str(allocation["arm"])


def truth(played: Played) -> Truth:
    """What the data say; who is refused for their values has no arm here."""
    arms = {one.id: str(one.arm) for one in played.people if one.arm and not broken(one)}
    everyone = {row["USUBJID"]: arms.get(subject_of(row["USUBJID"])) for row in played.tables.dm}
    return Truth(played.tables, {who: arm for who, arm in everyone.items() if arm})


async def figures(stage: Stage, played: Played) -> list[Row]:
    """Every row of the pilot's safety."""
    found, true = await _found(stage), truth(played)
    return [
        *_reported(played, found, true),
        *_judged(found, true),
        *_clocks(stage, played, found, true),
    ]


async def _found(stage: Stage) -> Found:
    doors, at = stage.doors, f"/v1/trials/{TRIAL}"
    cases = await doors.every("safety", f"{at}/adverse-events", OFFICER)
    paths = [f"{at}/adverse-events/{case['case']}" for case in cases]
    histories = await asyncio.gather(*(doors.get("safety", path, OFFICER) for path in paths))
    clocks = await doors.every("safety", f"{at}/clocks", OFFICER)
    drawn = await doors.every("randomizer", f"{at}/allocations", STATISTICIAN, by="arm")
    return Found(
        cases,
        {history["case"]: history for history in histories},
        clocks,
        {one["subject"]: one for one in drawn},
    )


def _row(what: str, expected: Value, found: Value) -> Row:
    return Row(TRIAL, what, expected, found)


def _reported(played: Played, found: Found, true: Truth) -> list[Row]:
    cases = found.cases
    reports = [found.arm(case) for case in cases for _ in range(case["version"])]
    return [
        _row(
            "adverse events, and reports of them",
            {"events": len(true.events), "reports": len(played.tables.ae)},
            {"events": len(cases), "reports": len(reports)},
        ),
        _row("events by arm", true.events_by_arm(), count(map(found.arm, cases))),
        _row("reports by arm", true.reports_by_arm(), count(reports)),
        _row(
            "reports kept as their records are",
            len(played.tables.ae),
            sum(_kept(played, found, named, true) for named in true.events),
        ),
        _row("events that began on treatment", true.on_treatment(), _on_treatment(found)),
    ]


def _kept(played: Played, found: Found, named: tuple[str, str], true: Truth) -> int:
    """How many of an event's records are the versions of its case, field by field."""
    history = found.histories.get(played.cases.get((subject_of(named[0]), named[1]), ""))
    versions = history["versions"] if history is not None else []
    pairs = zip(true.events[named], versions, strict=False)
    return sum(_same(row, version["form"], played.years) for row, version in pairs)


def _same(row: Mapping[str, Any], form: Mapping[str, Any], years: int) -> bool:
    goes_on = row["AEOUT"] == "NOT RECOVERED/NOT RESOLVED"
    ended = None if goes_on or not row["AEENDTC"] else moved_partial(row["AEENDTC"], years)
    related = {"PROBABLE": "related", "POSSIBLE": "related", None: None}
    causality = (form.get("causality") or {}).get("patch")
    return (
        form["term"] == row["AETERM"]
        and form["severity"] == row["AESEV"].lower()
        and form["onset_date"] == moved_partial(row["AESTDTC"], years)
        and form.get("end_date") == ended
        and form["site_aware_at"][:10] == moved_partial(row["AEDTC"], years)
        and form["outcome"]
        == {"R": "recovered", "N": "not_recovered", "F": "fatal"}[row["AEOUT"][0]]
        and causality == related.get(row["AEREL"], "not_related")
    )


def _on_treatment(found: Found) -> int:
    """Events whose onset is not before the day of the draw, which is that of the first dose."""
    begun = 0
    for case in found.cases:
        drawn = found.allocations.get(case["subject"])
        onset = found.histories[case["case"]]["form"]["onset_date"]
        begun += drawn is not None and earliest(onset) >= str(drawn["at"])[:10]
    return begun


def _judged(found: Found, true: Truth) -> list[Row]:
    cases = found.cases
    severities = [
        [_STEPS.index(version["form"]["severity"]) for version in history["versions"]]
        for history in found.histories.values()
    ]
    seriousness = [
        word
        for case in cases
        for word in [*case["seriousness"], *["serious"] * bool(case["serious"])]
    ]
    return [
        _row(
            "events by severity at the last report",
            true.by_severity(),
            count(case["severity"] for case in cases),
        ),
        _row("severity changed by follow-ups", true.severity_changes(), changes(severities)),
        _row(
            "events by outcome at the last report",
            true.by_outcome(),
            count(case["outcome"] for case in cases),
        ),
        _row("serious events by criterion", true.by_seriousness(), count(seriousness)),
        _row(
            "suspected unexpected serious reactions by subject",
            true.suspected_by_subject(),
            count(case["subject"] for case in cases if case["susar"]),
        ),
    ]


def _clocks(stage: Stage, played: Played, found: Found, true: Truth) -> list[Row]:
    to = authorities(stage)
    planned = pilot_filing.suspected(played.tables.ae)
    late = [one for one in planned for _ in to if one.late]
    in_time = [one for one in planned for _ in to if not one.late]
    states = {
        **{f"{kind} late": n for kind, n in count(one.kind for one in late).items()},
        **{f"{kind} met": n for kind, n in count(one.kind for one in in_time).items()},
        **_on_time(true),
    }
    filed = {clock["clock"]: clock for clock in found.clocks if clock["authority"]}
    return [
        _row(
            "reporting clocks started",
            true.clocks(len(to)),
            count(clock["kind"] for clock in found.clocks),
        ),
        _row(
            "how they ended",
            dict(sorted(states.items())),
            count(f"{clock['kind']} {clock['state']}" for clock in found.clocks),
        ),
        _row(
            "filed late with the authority, by subject",
            count(one.subject for one in late),
            count(clock["subject"] for clock in filed.values() if clock["state"] == "late"),
        ),
        _row(
            "days from report to filing",
            count(f"{(one.filed - one.reported).days}" for one in planned for _ in to),
            count(f"{_days(clock)}" for clock in filed.values()),
        ),
    ]


def _on_time(true: Truth) -> dict[str, int]:
    """The sites' own clocks: each reported on the day on which it knew."""
    serious = true.by_seriousness().get("serious", 0)
    return {"site_to_sponsor met": serious} if serious else {}


def _days(clock: Answer) -> int:
    stopped = datetime.fromisoformat(clock["stopped_at"])
    return (stopped.date() - datetime.fromisoformat(clock["day_zero"]).date()).days
