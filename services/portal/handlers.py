"""Events in: the read model follows what the other services say. It says nothing itself."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.portal import alert_records, case_records, feed, records
from services.portal.alert_records import AlertState
from services.portal.feed import Change, Kind
from shared.contracts.events import notification, randomization, safety, screening
from shared.runtime.database import Connection
from shared.runtime.outbox import NewEvent
from shared.runtime.record import Received
from shared.runtime.subscription import Subscription

Told = list[NewEvent]
"""What a handler says: nothing, ever."""

OfTrial = randomization.RandomizationPaused | randomization.RandomizationResumed
OfSite = randomization.SiteOpened | randomization.SiteClosed
Judged = safety.AdverseEventReported | safety.AdverseEventUpdated
Clock = (
    safety.ReportingClockStarted
    | safety.ReportingClockOverdue
    | safety.ReportingClockStopped
    | safety.ReportingClockCancelled
)
Alert = (
    notification.AlertRaised
    | notification.AlertDelivered
    | notification.AlertEscalated
    | notification.AlertAcknowledged
    | notification.AlertSettled
    | notification.AlertLapsed
)


def subscriptions() -> list[Subscription]:
    """The topics that the portal hears, each event with its handler."""
    return [
        Subscription(
            "trialops.screening",
            {
                screening.PatientScreened: on_patient_screened,
                screening.ScreeningFailed: on_screening_failed,
            },
        ),
        Subscription(
            "trialops.randomization",
            {
                randomization.PatientRandomized: on_patient_randomized,
                randomization.RandomizationRefused: on_randomization_refused,
                randomization.RandomizationWaiting: on_randomization_waiting,
                randomization.EligibilityDeviation: on_eligibility_deviation,
                randomization.RandomizationPaused: on_trial_state,
                randomization.RandomizationResumed: on_trial_state,
                randomization.RandomizationClosed: on_randomization_closed,
                randomization.SiteOpened: on_site,
                randomization.SiteClosed: on_site,
            },
        ),
        Subscription(
            "trialops.safety",
            {
                safety.AdverseEventReported: on_adverse_event,
                safety.AdverseEventUpdated: on_adverse_event,
                safety.ReportUnmatched: on_report_unmatched,
                safety.ReportingClockStarted: on_clock,
                safety.ReportingClockOverdue: on_clock,
                safety.ReportingClockStopped: on_clock,
                safety.ReportingClockCancelled: on_clock,
                safety.SurvivalReported: on_survival_reported,
                safety.SubjectWithdrawn: on_subject_withdrawn,
            },
        ),
        Subscription(
            "trialops.notification",
            {
                notification.AlertRaised: on_alert_raised,
                notification.AlertDelivered: on_alert_changed,
                notification.AlertEscalated: on_alert_changed,
                notification.AlertAcknowledged: on_alert_changed,
                notification.AlertSettled: on_alert_changed,
                notification.AlertLapsed: on_alert_changed,
            },
        ),
    ]


# ---- screening -----------------------------------------------------------------------------------


async def on_patient_screened(
    db: Connection, now: datetime, batch: Sequence[Received[screening.PatientScreened]]
) -> Told:
    """The newest revision of the newest attempt."""
    await records.screened(db, batch)
    return await _changed(db, "subjects", batch)


async def on_screening_failed(
    db: Connection, now: datetime, batch: Sequence[Received[screening.ScreeningFailed]]
) -> Told:
    """The site ended the attempt."""
    await records.failed(db, batch)
    return await _changed(db, "subjects", batch)


# ---- randomization -------------------------------------------------------------------------------


async def on_patient_randomized(
    db: Connection, now: datetime, batch: Sequence[Received[randomization.PatientRandomized]]
) -> Told:
    """The draw's number and day; the arm is left out."""
    await records.randomized(db, batch)
    return await _changed(db, "subjects", batch)


async def on_randomization_refused(
    db: Connection, now: datetime, batch: Sequence[Received[randomization.RandomizationRefused]]
) -> Told:
    """Refused on one revision, and why."""
    await records.refused(db, batch)
    return await _changed(db, "subjects", batch)


async def on_randomization_waiting(
    db: Connection, now: datetime, batch: Sequence[Received[randomization.RandomizationWaiting]]
) -> Told:
    """Eligible, and waits."""
    await records.waiting(db, batch)
    return await _changed(db, "subjects", batch)


async def on_eligibility_deviation(
    db: Connection, now: datetime, batch: Sequence[Received[randomization.EligibilityDeviation]]
) -> Told:
    """Randomized, and by a later correction otherwise than at the draw."""
    await records.deviated(db, batch)
    return await _changed(db, "subjects", batch)


async def on_trial_state(db: Connection, now: datetime, batch: Sequence[Received[OfTrial]]) -> Told:
    """Paused or resumed."""
    for received in batch:
        paused = isinstance(received.data, randomization.RandomizationPaused)
        await records.trial_is(db, received.envelope.trial, "paused" if paused else "open", None)
    return await _changed(db, "trial", batch)


async def on_randomization_closed(
    db: Connection, now: datetime, batch: Sequence[Received[randomization.RandomizationClosed]]
) -> Told:
    """Ended, and by what."""
    for received in batch:
        await records.trial_is(db, received.envelope.trial, "closed", received.data.cause)
    return await _changed(db, "trial", batch)


async def on_site(db: Connection, now: datetime, batch: Sequence[Received[OfSite]]) -> Told:
    """A site may enrol, or no more."""
    for received in batch:
        opened = isinstance(received.data, randomization.SiteOpened)
        await records.site_is(db, received.envelope.trial, received.data.site, opened)
    return await _changed(db, "trial", batch)


# ---- safety --------------------------------------------------------------------------------------


async def on_adverse_event(
    db: Connection, now: datetime, batch: Sequence[Received[Judged]]
) -> Told:
    """A case as it stands."""
    await case_records.judged(db, batch)
    return await _changed(db, "cases", batch)


async def on_report_unmatched(
    db: Connection, now: datetime, batch: Sequence[Received[safety.ReportUnmatched]]
) -> Told:
    """No event has named the report's subject for a day."""
    await case_records.unmatched(db, batch)
    return await _changed(db, "cases", batch)


async def on_clock(db: Connection, now: datetime, batch: Sequence[Received[Clock]]) -> Told:
    """A reporting clock as it stands."""
    await case_records.clocks(db, [(received, _state(received.data)) for received in batch])
    return await _changed(db, "clocks", batch)


def _state(clock: Clock) -> str:
    match clock:
        case safety.ReportingClockStarted():
            return "running"
        case safety.ReportingClockOverdue():
            return "overdue"
        case safety.ReportingClockStopped():
            return clock.state
        case safety.ReportingClockCancelled():
            return "cancelled"


async def on_survival_reported(
    db: Connection, now: datetime, batch: Sequence[Received[safety.SurvivalReported]]
) -> Told:
    """A death; that a subject lives changes nothing here."""
    await records.died(db, [received for received in batch if received.data.status == "dead"])
    return await _changed(db, "subjects", batch)


async def on_subject_withdrawn(
    db: Connection, now: datetime, batch: Sequence[Received[safety.SubjectWithdrawn]]
) -> Told:
    """A consent taken back, or a treatment left."""
    await records.withdrawn(db, batch)
    return await _changed(db, "subjects", batch)


# ---- notification --------------------------------------------------------------------------------


async def on_alert_raised(
    db: Connection, now: datetime, batch: Sequence[Received[notification.AlertRaised]]
) -> Told:
    """A cause calls for people."""
    await alert_records.raised(db, batch)
    return await _alerts_changed(db, batch)


async def on_alert_changed(db: Connection, now: datetime, batch: Sequence[Received[Alert]]) -> Told:
    """Delivered, escalated, acknowledged, settled or lapsed."""
    await alert_records.alerts_are(
        db, [(received.data.alert, _alert_state(received)) for received in batch]
    )
    return await _alerts_changed(db, batch)


def _alert_state(received: Received[Alert]) -> AlertState:
    at, data = received.envelope.time, received.data
    match data:
        case notification.AlertAcknowledged():
            state = "settled" if data.settled else "acknowledged"
            return AlertState(at, state=state, person=data.person)
        case notification.AlertSettled():
            return AlertState(at, state="settled")
        case notification.AlertLapsed():
            return AlertState(at, state="open", lapsed=True)
        case notification.AlertEscalated():
            return AlertState(at, step=data.step, unreached=data.contact is None)
        case notification.AlertDelivered():
            return AlertState(at, delivered=True)
        case notification.AlertRaised():
            return AlertState(at)


async def _alerts_changed(db: Connection, batch: Sequence[Received[Alert]]) -> Told:
    await feed.tell(db, [Change("alerts", one.envelope.trial, one.envelope.site) for one in batch])
    return []


async def _changed(db: Connection, kind: Kind, batch: Sequence[Received[Any]]) -> Told:
    await feed.tell(db, [Change(kind, one.envelope.trial, one.envelope.site) for one in batch])
    return []
