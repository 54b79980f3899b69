"""What the audit log must hold of the pilot's safety: so many entries of each type, letters too."""

import email
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from deploy.demo import pilot_filing
from deploy.demo.pilot import TRIAL
from deploy.demo.pilot_act import Played, authorities
from deploy.demo.pilot_safety_figures import truth
from deploy.demo.pilot_truth import count
from deploy.demo.row import Row
from deploy.demo.stage import Stage
from deploy.tokens import Bearer
from shared.contracts import jsontext

_AUDITOR: Final = Bearer("auditor")


async def figures(stage: Stage, played: Played) -> list[Row]:
    """Entries of the types that the pilot's records make, deaths and withdrawals among them."""
    expected = _expected(stage, played)
    found = {name: await entries(stage, f"/trials/{TRIAL}", name) for name in expected}
    ends = [entry["data"] for entry in found["SurvivalReported"]]
    left = [entry["data"] for entry in found["SubjectWithdrawn"]]
    true = truth(played)
    return [
        Row(
            TRIAL,
            "deaths",
            {
                one.id: one.died.replace(year=one.died.year + played.years).isoformat()
                for one in played.people
                if one.died is not None
            },
            {end["subject"]: end["date"] for end in ends if end["status"] == "dead"},
        ),
        Row(
            TRIAL,
            "alive at the end",
            true.alive(),
            sum(end["status"] == "alive" for end in ends),
        ),
        Row(TRIAL, "withdrawn from", true.withdrawals(), count(one["from"] for one in left)),
        Row(
            TRIAL,
            "entries of the log by type",
            expected,
            {name: len(of_type) for name, of_type in found.items()},
        ),
    ]


def _expected(stage: Stage, played: Played) -> dict[str, int]:
    true, to = truth(played), len(authorities(stage))
    planned = pilot_filing.suspected(played.tables.ae)
    late = sum(one.late for one in planned) * to
    clocks = sum(true.clocks(to).values())
    ended = true.alive() + true.deaths()
    withdrawn = sum(true.withdrawals().values())
    return {
        "AdverseEventReported": len(true.events),
        "AdverseEventSubmitted": len(true.events),
        "AdverseEventFollowedUp": len(played.tables.ae) - len(true.events),
        "ReportingClockStarted": clocks,
        "ReportingClockStopped": clocks,
        # Half of each was left when it was filed, of the late ones nothing.
        "ReportingClockWarned": len(planned) * to + late,
        "ReportingClockOverdue": late,
        "ReportingClockCancelled": 0,
        "ReportSubmitted": len(planned) * to,
        "ReportUnmatched": 0,
        "SurvivalReported": ended,
        "SurvivalRecorded": ended,
        "SubjectWithdrawn": withdrawn,
        "WithdrawalRecorded": withdrawn,
    }


async def entries(stage: Stage, of: str, name: str) -> list[Mapping[str, Any]]:
    """The entries of one type; `of` is `/trials/T`, or nothing for facts of no trial."""
    ce_type = f"trialops.{name}.v1"
    items = await stage.doors.every("audit", f"/v1{of}/entries", _AUDITOR, type=ce_type)
    found = (jsontext.loads(item["entry"]) for item in items)
    return [entry for entry in found if isinstance(entry, dict)]


async def letters(stage: Stage) -> Row:
    """The letters of all trials: those that were taken by the mail server, as the log has them.

    Read when nothing else will be sent. What was sent twice, as it may be where the sender was
    killed before it could note the answer, is the same letter.
    """
    delivered = [
        entry["data"]
        for of in (*(f"/trials/{trial}" for trial in sorted(stage.protocols)), "")
        for entry in await entries(stage, of, "AlertDelivered")
    ]
    by_mail = {one["delivery"] for one in delivered if one["channel"] == "mail"}
    return Row("letters", "taken by the mail server", len(by_mail), len(kept(stage.state.mail)))


def kept(mailbox: Path) -> set[tuple[str, str]]:
    """Every letter of the mailbox, by its address and Message-ID."""
    return set(_letters(mailbox))


def _letters(mailbox: Path) -> Iterable[tuple[str, str]]:
    for path in sorted(mailbox.glob("*/[0-9]*.eml")):
        letter = email.message_from_bytes(path.read_bytes())
        yield path.parent.name, str(letter["Message-ID"])
