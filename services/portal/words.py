"""The portal's words, where they are not a template's: short, and the field's own."""

from shared.runtime.security import Role

_PATIENTS = ("Patients", "subjects")
_EVENTS = ("Adverse events", "adverse-events")
_ALERTS = ("Alerts", "alerts")
_LETTERS = ("Letters", "/letters")
_LOG = ("Screening log", "screening-log")

NAVIGATION: dict[Role, tuple[tuple[str, str], ...]] = {
    Role.SITE: (_PATIENTS, _EVENTS, _ALERTS, _LETTERS),
    Role.INVESTIGATOR: (("To sign", "to-sign"), _PATIENTS, _EVENTS, _ALERTS, _LETTERS),
    Role.SAFETY_OFFICER: (("Alerts and clocks", "alerts"), _EVENTS, _LETTERS),
    Role.TRIAL_MANAGER: (
        ("Enrolment", "enrolment"),
        _LOG,
        ("Operations", "operations"),
        _ALERTS,
        _LETTERS,
    ),
    Role.STATISTICIAN: (
        ("By arm", "arms"),
        ("Enrolment", "enrolment"),
        _LOG,
        _ALERTS,
        _LETTERS,
    ),
    Role.AUDITOR: (("Log", "log"), _ALERTS, _LETTERS),
    Role.SERVICE: (),
}
"""The pages of each role; the first is its home. Below a trial, unless it begins with `/`."""

ROLES = {
    Role.SITE: "site",
    Role.INVESTIGATOR: "investigator",
    Role.SAFETY_OFFICER: "safety officer",
    Role.TRIAL_MANAGER: "trial manager",
    Role.STATISTICIAN: "statistician",
    Role.AUDITOR: "auditor",
}

TOLD = {
    "signed-out": "You are signed out.",
    "screened": "The form is kept.",
    "signed": "Signed.",
    "corrected": "The correction is kept, and the verdict decided again.",
    "screen-failed": "Ended as a screen failure.",
    "reported": "The adverse event is reported.",
    "followed-up": "The follow-up is kept.",
    "assessed": "The judgement is kept.",
    "sent": "The report is recorded as sent.",
    "survival": "The survival status is kept.",
    "withdrawn": "The withdrawal is recorded.",
    "acknowledged": "Acknowledged. The calls stop.",
    "paused": "Randomization is paused.",
    "resumed": "Randomization goes on. Those who waited are drawn first.",
    "closed": "Randomization is closed.",
    "site-opened": "The site may enrol.",
    "site-closed": "The site enrols no more.",
    "replayed": "The event was applied, and those that waited behind it.",
    "dropped": "The event is passed over.",
    "contacts": "The contacts are kept.",
    "tested": "A test message is on its way. What comes of it stands beside the contact.",
}
"""What the next page says was done, by the name in its address."""

STEPS = {
    "complete": "Complete the form",
    "sign": "An investigator signs",
    "look": "See why",
    "screen": "Screen",
}

FAILURES = {
    "withdrawal_by_subject": "declined or withdrew consent",
    "physician_decision": "physician's decision",
    "adverse_event": "adverse event",
    "death": "death",
    "lost_to_follow_up": "lost to follow-up",
    "other": "other",
    "not_coded": "not said",
}
"""Why a site ended a screening, in CDISC's words (C66727)."""

CLOCKS = {
    "site_to_sponsor": "Site to sponsor, 24 hours",
    "expedited_7": "Expedited report, 7 days",
    "follow_up_8": "Follow-up report, 8 days",
    "expedited_15": "Expedited report, 15 days",
}

CLOCK_STATES = {
    "running": ("neutral", "running"),
    "overdue": ("bad", "overdue"),
    "met": ("good", "met"),
    "late": ("attention", "late"),
    "cancelled": ("neutral", "cancelled"),
}

SEVERITIES = {
    "critical": ("bad", "critical"),
    "high": ("attention", "high"),
    "info": ("neutral", "info"),
}

TRIAL_STATES = {
    "open": ("good", "open"),
    "paused": ("attention", "paused"),
    "closed": ("neutral", "closed"),
}

EVENTS = {
    "AdverseEventReported": "Adverse event reported",
    "AdverseEventUpdated": "Adverse event changed",
    "ReportUnmatched": "Report for an unknown subject",
    "ReportingClockWarned": "Reporting clock near its end",
    "ReportingClockOverdue": "Reporting clock overdue",
    "ReportingClockStarted": "Reporting clock started",
    "SafetyBoundaryCrossed": "Safety boundary crossed",
    "RandomizationRefused": "Randomization refused",
    "RandomizationPaused": "Randomization paused",
    "RandomizationClosed": "Randomization closed",
    "EnrolmentMilestone": "Enrolment milestone",
    "EligibilityDeviation": "Eligibility deviation",
    "SubjectUnblinded": "Subject unblinded",
    "KeyWaiting": "A subject's events wait at safety",
    "DeadLettered": "An event could not be applied",
    "LogConflictFound": "The log found a conflict",
    "LogGapFound": "The log found a gap",
    "AlertDeliveryFailed": "Nobody could be reached",
}


def event(name: str) -> str:
    """An event's name in words; of one not listed its own name, spaced."""
    spaced = "".join(f" {c.lower()}" if c.isupper() and i else c for i, c in enumerate(name))
    return EVENTS.get(name, spaced)


def plain(value: str | None) -> str:
    """A word of a protocol or form, such as `life_threatening`, as it is said."""
    return "not known" if value is None else value.replace("_", " ")
