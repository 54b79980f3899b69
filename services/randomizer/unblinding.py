"""Unblinding one subject of a masked trial: by its investigator in an emergency, or by a safety
officer for an authority's report.

The arm is in the answer to whoever asked and nowhere else. That it was told, by whom and why is in
the audit log before the answer goes out, and people are called about it.
"""

from datetime import datetime

from services.randomizer import answers, records
from shared.contracts.events.randomization import Purpose, SubjectUnblinded, UnblindingRecorded
from shared.contracts.subjects import SubjectId, TrialId
from shared.runtime.database import Connection
from shared.runtime.outbox import NewEvent
from shared.runtime.problems import Problem, conflict
from shared.runtime.routes import Call
from shared.runtime.security import Caller, Role
from shared.runtime.work import Answer


def purpose(caller: Caller) -> Purpose:
    """An investigator's emergency, though the person may be a safety officer, too."""
    return "emergency" if caller.has(Role.INVESTIGATOR) else "authority_report"


async def unblind(call: Call, db: Connection, now: datetime) -> Answer:
    """Tell the arm of the path's subject; 404 before its draw, 409 where the draw was open."""
    trial, name = TrialId(call.trial), SubjectId(call.path["subject"])
    found = await records.allocation_of(db, trial, name)
    if found is None:
        raise Problem(404, "not-allocated", "The subject has not been randomized.")
    if found.treatment_code is None:
        raise conflict("not-masked", "The arm of this subject was never masked.")
    why = purpose(call.caller)
    unblinded = SubjectUnblinded(
        subject=found.subject,
        site=found.site,
        number=found.number,
        treatment_code=found.treatment_code,
        purpose=why,
    )
    recorded = UnblindingRecorded(
        subject=found.subject, site=found.site, purpose=why, reason=call.body.reason
    )
    told = [
        NewEvent(event, now, trial, found.subject, found.site, call.caller.sub)
        for event in (unblinded, recorded)
    ]
    return Answer(answers.allocation(found, (), by_arm=True), events=told)
