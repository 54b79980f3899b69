"""One screening: its verdict with the evidence, the signature, and the allocation as it comes."""

from dataclasses import dataclass, replace
from typing import Any

from starlette.responses import Response

from services.portal import store
from services.portal.client import Answer
from services.portal.dictionary import asked_by
from services.portal.domain import State, Subject, state_of
from services.portal.verdict import Verdict, verdict
from services.portal.visit import INVESTIGATOR, SITE, Page, Visit

#: What is proposed as the meaning of a signature (21 CFR 11.50); the investigator may change it.
MEANING = (
    "I have checked these data against the source documents and confirm that this subject"
    " is eligible."
)


@dataclass(frozen=True)
class Seen:
    """A screening with what belongs beside it."""

    screening: Any
    verdict: Verdict
    stratum: str | None
    subject: Subject
    state: State
    allocation: Any  # None before the draw
    arm: str | None  # with its title, as far as this person may see it
    newest: bool

    @property
    def to_sign(self) -> bool:
        """Whether a signature is possible."""
        return (
            self.newest
            and self.screening["verdict"] == "eligible"
            and not self.screening["signed"]
            and not self.screening["failed"]
        )

    @property
    def may_end(self) -> bool:
        """Whether the site can still end it as a screen failure."""
        return self.newest and self.allocation is None and not self.screening["failed"]

    @property
    def may_begin_again(self) -> bool:
        """Whether the subject can be screened once more."""
        over = self.screening["verdict"] != "eligible" or self.screening["failed"]
        return self.newest and self.allocation is None and (over or self.screening["refused"])


async def show(visit: Visit) -> Response:
    """The screening as it stands."""
    return await _page(visit)


async def sign(visit: Visit) -> Response:
    """The investigator's signature; where it is needed, the draw follows."""
    seen = visit.form["revision"]
    revision = int(seen) if seen.isascii() and seen.isdecimal() and len(seen) < 7 else None
    body = {"meaning": visit.form["meaning"].strip(), "revision": revision}
    return await _post(visit, "signature", body, "signed")


async def fail(visit: Visit) -> Response:
    """The site ends the attempt."""
    body = {"reason": visit.form["reason"].strip(), "code": visit.form["code"] or None}
    return await _post(visit, "failure", body, "screen-failed")


async def found(visit: Visit) -> Seen:
    """The screening in the path, with its subject; a page that says so where there is none."""
    at = f"/trials/{visit.trial}"
    screening = await visit.needed("screening", f"{at}/screenings/{visit.path['id']}")
    name = screening["subject"]
    drawn = await visit.ask("GET", "randomizer", f"{at}/allocations/{name}")
    async with visit.work.reading() as db:
        subject = await store.subject(db, visit.trial, name)
        trial, _ = await store.trial_state(db, visit.trial)
    subject = subject or Subject(visit.trial, name, name.partition("-")[0])
    newest = (subject.attempt or 0) <= screening["attempt"]
    # The read model may be a moment behind what the service itself says.
    said = replace(
        subject,
        attempt=screening["attempt"],
        revision=screening["revision"],
        verdict=screening["verdict"],
        signed=screening["signed"],
        failed=screening["failed"],
        number=drawn.body["number"] if drawn.ok else None,
    )
    protocol = visit.version(screening["protocol_version"])
    needs_signature = protocol.study.requires_signature
    state = state_of(said, needs_signature=needs_signature, paused=trial == "paused")
    decided = verdict(asked_by(protocol), screening)
    stratum = protocol.stratum(decided.stratum) if decided.stratum else None
    return Seen(
        screening,
        decided,
        stratum.title if stratum else None,
        said,
        state,
        drawn.body if drawn.ok else None,
        arm_of(visit, drawn),
        newest,
    )


def arm_of(visit: Visit, drawn: Answer) -> str | None:
    """The arm with its title, where the randomizer tells it to this person."""
    arm = drawn.body.get("arm") if drawn.ok else None
    title = next((one.title for one in visit.protocol.arms if one.id == arm), None)
    return f"{arm}: {title}" if arm and title else arm


async def _post(visit: Visit, verb: str, body: object, told: str) -> Response:
    here = f"/trials/{visit.trial}/screenings/{visit.path['id']}"
    answer = await visit.ask("POST", "screening", f"{here}/{verb}", body, key=visit.form["once"])
    if answer.ok:
        return visit.see(here, told)
    return await _page(visit, verb, answer)


async def _page(visit: Visit, tried: str = "", problem: Answer | None = None) -> Response:
    """The page; of a step that was refused, with why and with what was typed."""
    seen = await found(visit)
    blank = problem is not None and problem.status == 422
    return visit.page(
        "screening.html",
        problem.status if problem else 200,
        seen=seen,
        zone=visit.zone(seen.subject.site),
        tried=tried,
        problem=problem.detail if problem and not blank else None,
        wrong="must not be empty" if blank else None,
        meaning=visit.form["meaning"] or MEANING,
    )


# A page that told what was wrong has the address of what was tried: asked again, it is the page.
PAGES = (
    Page("GET", "/trials/{trial}/screenings/{id}", SITE, show),
    Page("GET", "/trials/{trial}/screenings/{id}/signature", SITE, show),
    Page("GET", "/trials/{trial}/screenings/{id}/failure", SITE, show),
    Page("POST", "/trials/{trial}/screenings/{id}/signature", INVESTIGATOR, sign),
    Page("POST", "/trials/{trial}/screenings/{id}/failure", SITE, fail),
)
