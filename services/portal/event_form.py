"""The adverse event form as a browser asks it: its questions, and what was typed into them.

Safety has the rules of the form (ICH E2A, E2B(R3), CTCAE); what is asked here is the same in every
trial but for the scale of severity and the components that an event can be related to.
"""

from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

from services.portal import reading, sitetime, writing
from services.portal.labels import label
from services.portal.questions import Asked, Choice, Criterion, Dictionary, Group
from services.portal.reading import Read
from services.portal.typed import Typed

SERIOUSNESS = (
    Choice("death", "death"),
    Choice("life_threatening", "life-threatening"),
    Choice("hospitalisation", "hospital, or a longer stay there"),
    Choice("disability", "lasting or significant disability"),
    Choice("congenital_anomaly", "congenital anomaly or birth defect"),
    Choice("other_medically_important", "other medically important event"),
)
OUTCOMES = (
    Choice("recovered", "recovered"),
    Choice("recovering", "recovering"),
    Choice("not_recovered", "not recovered"),
    Choice("recovered_with_sequelae", "recovered with sequelae"),
    Choice("fatal", "fatal"),
    Choice("unknown", "unknown to the site"),
)
_GRADES = tuple(
    Choice(str(grade), f"{grade} {words}")
    for grade, words in enumerate(
        ("mild", "moderate", "severe", "life-threatening", "death"), start=1
    )
)
_STEPS = tuple(Choice(word, word) for word in ("mild", "moderate", "severe"))
_CAUSALITY = (Choice("related", "related"), Choice("not_related", "not related"))
_ACTIONS = tuple(
    Choice(word, label(word).lower())
    for word in ("none", "dose_reduced", "interrupted", "withdrawn", "not_applicable")
)
_PARTIAL = "a day, 2026-03-01, or as much of it as is known, 2026-03 or 2026"


def dictionary(scale: str, components: Sequence[str], *, judges: bool) -> Dictionary:
    """The questions. ``scale`` is the protocol's; ``judges``: whether causality is asked, which
    an investigator judges.
    """
    parts = tuple(Criterion(name, "", label(name)) for name in components)
    by_component = [Asked("action_taken", "map", "Action taken", choices=_ACTIONS, keys=parts)]
    if judges:
        by_component.insert(
            0,
            Asked(
                "causality",
                "map",
                "Related to the treatment (investigator)",
                note="what nobody has judged counts as related",
                choices=_CAUSALITY,
                keys=parts,
                unknown="Not yet judged",
            ),
        )
    groups = [
        Group("event", "What happened", (*_EVENT, _severity(scale))),
        Group("seriousness", "Seriousness", (_SERIOUS,)),
        Group("course", "Course", _COURSE),
    ]
    if components:
        groups.append(Group("components", "Treatment", tuple(by_component)))
    return Dictionary(tuple(groups), ())


def _severity(scale: str) -> Asked:
    if scale == "ctcae":
        return Asked("grade", "choice", "CTCAE grade", choices=_GRADES)
    return Asked("severity", "choice", "Severity", choices=_STEPS)


_EVENT = (
    Asked(
        "term",
        "line",
        "What happened, in the site's words",
        note="1 to 200 characters; no names, no birth dates",
        unknown=None,
    ),
    Asked("ctcae_term", "line", "CTCAE term", note="where one fits", unknown=None),
    Asked(
        "site_aware_at",
        "moment",
        "When the site first knew",
        note="the 24 hours to report a serious event run from here",
        unknown=None,
    ),
)
_SERIOUS = Asked(
    "seriousness",
    "ticks",
    "The event meant",
    note="tick all that apply",
    choices=SERIOUSNESS,
    unknown=None,
)
_COURSE = (
    Asked("onset_date", "part", "Onset", note=_PARTIAL),
    Asked("end_date", "part", "End", note=_PARTIAL, unknown="Ongoing, or not known"),
    Asked("outcome", "choice", "Outcome", choices=OUTCOMES, unknown="Not asked yet"),
)


def read(asked: Dictionary, typed: Typed, zone: ZoneInfo, old: Mapping[str, object]) -> Read:
    """The form that was typed at a site. A time that was not touched stays as it is in ``old``,
    to the second.
    """
    found = reading.read(asked, typed)
    if isinstance(grade := found.form.get("grade"), str) and grade.isdecimal():
        found.form["grade"] = int(grade)
    aware_at = found.form.get("site_aware_at")
    if isinstance(aware_at, str):
        before = old.get("site_aware_at")
        if isinstance(before, str) and sitetime.local(before, zone) == aware_at:
            found.form["site_aware_at"] = before
        else:
            try:
                found.form["site_aware_at"] = sitetime.instant(aware_at, zone)
            except sitetime.NoSuchTime as why:
                del found.form["site_aware_at"]
                found.errors.append((("site_aware_at",), str(why)))
    return found


def written(asked: Dictionary, form: Mapping[str, object], zone: ZoneInfo) -> Typed:
    """What would have to be typed for this form."""
    made = dict(form)
    if isinstance(aware_at := made.get("site_aware_at"), str):
        made["site_aware_at"] = sitetime.local(aware_at, zone)
    return writing.written(asked, made)
