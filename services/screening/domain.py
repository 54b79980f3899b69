"""The life of a screening: submitted, signed, corrected, failed; drawn or refused by the
randomizer.

Pure: a state and a fact in, the new state out, or a ``Conflict`` where the rules forbid it. A
subject has attempts, counted from 1; an attempt has revisions, counted from 1: a correction makes
a new one, unsigned, a signature makes none. Who may enter is decided by ``eligibility``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, NamedTuple
from uuid import UUID

from services.screening.criteria import Outcome
from services.screening.eligibility import Decision, Eligibility, Verdict
from services.screening.form import FormErrors
from services.screening.report import Failure
from shared.contracts.subjects import SiteId, SubjectId, TrialId, site_of

__all__ = [
    "Change",
    "Conflict",
    "Decision",
    "Eligibility",
    "Failure",
    "FormErrors",
    "Outcome",
    "Screening",
    "Verdict",
    "changed",
    "correct",
    "fail",
    "merged",
    "refuse",
    "sign",
    "submit",
]

ALREADY_RANDOMIZED: Final = "already-randomized"
SCREENING_OPEN: Final = "screening-open"
NOT_NEWEST: Final = "not-newest-attempt"
NOT_SEEN: Final = "not-newest-revision"
NOT_ELIGIBLE: Final = "not-eligible"
ALREADY_SIGNED: Final = "already-signed"
SCREENING_FAILED: Final = "screening-failed"

CONSENT_WITHDRAWN: Final = "consent_withdrawn"


class Conflict(Exception):
    """What the rules forbid now; ``type`` is stable and ends a problem's type, ``detail`` says
    why.
    """

    def __init__(self, type_: str, detail: str) -> None:
        super().__init__(detail)
        self.type = type_
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Screening:
    """One attempt of a subject, in its newest revision."""

    id: UUID
    trial: TrialId
    subject: SubjectId
    attempt: int
    revision: int
    verdict: Verdict
    stratum: str | None
    signed: bool = False
    failed: bool = False  # the site ended it as a screen failure
    refused: bool = False  # the randomizer refused the subject on this attempt
    randomized: bool = False  # the subject has an allocation, which nothing here changes
    failure: Failure | None = None  # why it failed, where the site gave a code
    refusal: str | None = None  # why it was refused, in the randomizer's words

    @property
    def site(self) -> SiteId:
        """The site that screens."""
        return site_of(self.subject)

    @property
    def open(self) -> bool:
        """Whether this attempt can still lead to a draw, so that no other may begin."""
        return self.verdict == "eligible" and not self.failed and not self.refused


class Change(NamedTuple):
    """One field of a correction; None is unknown."""

    field: str
    old: object
    new: object


def submit(
    newest: Screening | None,
    decision: Decision,
    screening: UUID,
    trial: TrialId,
    subject: SubjectId,
) -> Screening:
    """The subject's next attempt, with a new id.

    Only where the newest one is not eligible, has failed or was refused, and the subject has not
    been randomized; else ``Conflict`` ``screening-open`` or ``already-randomized``.
    """
    if newest is not None:
        if newest.randomized:
            raise Conflict(ALREADY_RANDOMIZED, "the subject has been randomized")
        if newest.open:
            raise Conflict(SCREENING_OPEN, "the subject has a screening that is eligible")
    return Screening(
        id=screening,
        trial=trial,
        subject=subject,
        attempt=1 if newest is None else newest.attempt + 1,
        revision=1,
        verdict=decision.verdict,
        stratum=decision.stratum,
    )


def sign(screening: Screening, newest: Screening, seen: int | None = None) -> Screening:
    """The investigator's signature under the newest attempt as it stands.

    ``Conflict`` unless it is the newest attempt, eligible, not failed and not yet signed, and in
    the revision that was seen, where the investigator says which that was.
    """
    _newest(screening, newest)
    if seen is not None and seen != screening.revision:
        raise Conflict(NOT_SEEN, f"it has been corrected and is at revision {screening.revision}")
    if screening.failed:
        raise Conflict(SCREENING_FAILED, "the screening was ended as a screen failure")
    if screening.verdict != "eligible":
        raise Conflict(NOT_ELIGIBLE, f"the subject is {screening.verdict}")
    if screening.signed:
        raise Conflict(ALREADY_SIGNED, "this revision has been signed")
    return replace(screening, signed=True)


def correct(screening: Screening, decision: Decision) -> Screening:
    """The next revision, decided on the corrected form and unsigned. Always taken.

    Refused before, the subject is considered anew by it; but no value brings a consent back.
    """
    stays = screening.refused and screening.refusal == CONSENT_WITHDRAWN
    return replace(
        screening,
        revision=screening.revision + 1,
        verdict=decision.verdict,
        stratum=decision.stratum,
        signed=False,
        refused=stays,
        refusal=screening.refusal if stays else None,
    )


def fail(screening: Screening, newest: Screening, code: Failure | None = None) -> Screening:
    """The site ends the newest attempt as a screen failure; `code` is its reason as a word.

    ``Conflict`` where the subject has been randomized, the attempt has failed already or is not the
    newest.
    """
    _newest(screening, newest)
    if screening.randomized:
        raise Conflict(ALREADY_RANDOMIZED, "the subject has been randomized")
    if screening.failed:
        raise Conflict(SCREENING_FAILED, "the screening was ended as a screen failure")
    return replace(screening, failed=True, failure=code)


def refuse(newest: Screening, attempt: int, revision: int, reason: str) -> Screening:
    """The randomizer has refused the subject on a revision; a newer one it will consider.

    A consent taken back it tells once an attempt: that holds for all of its revisions.
    """
    stands = newest.attempt == attempt and (
        newest.revision == revision or reason == CONSENT_WITHDRAWN
    )
    return replace(newest, refused=True, refusal=reason) if stands else newest


def merged(form: Mapping[str, object], changes: Mapping[str, object]) -> dict[str, object]:
    """The form with the changes in it; a null stays, so that deciding still sees its name."""
    return {**form, **changes}


def changed(form: Mapping[str, object], changes: Mapping[str, object]) -> tuple[Change, ...]:
    """Old and new value of each field that a correction names."""
    return tuple(Change(field, form.get(field), new) for field, new in changes.items())


def _newest(screening: Screening, newest: Screening) -> None:
    if screening.id != newest.id:
        raise Conflict(NOT_NEWEST, f"attempt {newest.attempt} of the subject is newer")
