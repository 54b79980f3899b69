"""The screening form: asked as the protocol's data dictionary has it, the verdict beside it."""

from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from services.portal import reading
from services.portal.client import Answer
from services.portal.dictionary import asked_by
from services.portal.questions import Dictionary
from services.portal.reading import Read
from services.portal.sheet import Sheet, faults
from services.portal.typed import Loc, Typed
from services.portal.verdict import Verdict, verdict
from services.portal.visit import SITE, Page, Visit
from shared.contracts.study import Protocol, Site
from shared.contracts.subjects import SiteId, well_formed_subject
from shared.contracts.versions import day_of

#: Stands for the number while none is typed: a verdict hangs on the site alone.
_ANY = "000"


@dataclass(frozen=True)
class Typing:
    """One form as it was typed, for one subject."""

    version: str
    dictionary: Dictionary
    sites: list[Site]
    site: str
    number: str
    typed: Typed
    read: Read

    @property
    def subject(self) -> str:
        """Whom it is about."""
        return f"{self.site}-{self.number}"

    @property
    def errors(self) -> list[tuple[Loc, str]]:
        """What cannot be read."""
        found = list(self.read.errors)
        if not any(site.id == self.site for site in self.sites):
            found.insert(0, (("site",), "choose the site"))
        elif not well_formed_subject(self.subject):
            found.insert(0, (("number",), "must be 3 to 6 digits"))
        return found


async def blank(visit: Visit) -> Response:
    """An empty form; for a subject that is known, its number stands in it."""
    typing = _typing(visit, visit.query.get("subject", ""), Typed())
    checked = await _check(visit, typing)
    return _form(visit, typing, checked, [] if checked.ok else list(checked.errors))


async def check(visit: Visit) -> Response:
    """The verdict on what stands in the form so far; nothing is kept.

    The fragment for a script that asks while somebody types, else the whole page.
    """
    typing = _typed(visit)
    checked = await _check(visit, typing)
    errors = [*typing.read.errors, *checked.errors]
    if visit.request.headers.get("hx-request"):
        return visit.page("verdict_panel.html", **_beside(visit, typing, checked, errors))
    return _form(visit, typing, checked, errors)


async def submit(visit: Visit) -> Response:
    """Keep the form, or show it again with what is wrong in it."""
    typing = _typed(visit)
    if typing.errors:
        checked = await _check(visit, typing)
        return _form(visit, typing, checked, [*typing.errors, *checked.errors], 422)
    body = {"subject": typing.subject, "form": typing.read.form}
    path = f"/trials/{visit.trial}/screenings"
    answer = await visit.ask("POST", "screening", path, body, key=visit.form["once"])
    if answer.ok:
        return visit.see(f"/trials/{visit.trial}/screenings/{answer.body['id']}", "screened")
    checked = answer if answer.status == 422 else await _check(visit, typing)
    problem = None if answer.status == 422 and answer.errors else answer
    return _form(visit, typing, checked, list(answer.errors), answer.status, problem)


def typed_of(visit: Visit) -> Typed:
    """All inputs of the form that was sent."""
    return Typed((name, text) for name in visit.form for text in visit.form.every(name))


def _typed(visit: Visit) -> Typing:
    subject = f"{visit.form['site']}-{visit.form['number'].strip()}"
    return _typing(visit, subject, typed_of(visit))


def _typing(visit: Visit, subject: str, typed: Typed) -> Typing:
    sites = [site for site in visit.protocol.sites if visit.may_see_site(site.id)]
    site, _, number = subject.partition("-")
    if len(sites) == 1:
        site = site or sites[0].id
    version = _deciding(visit, site, typed)
    dictionary = asked_by(version)
    typed = reading.compacted(dictionary, typed)
    read = reading.read(dictionary, typed)
    return Typing(version.version, dictionary, sites, site, number, typed, read)


def _deciding(visit: Visit, site: str, typed: Typed) -> Protocol:
    """The version that will decide what was typed so far, so that its questions are asked."""
    if len(visit.versions.every) == 1:
        return visit.protocol
    field = visit.protocol.study.consent_field
    said = reading.read(asked_by(visit.protocol), typed).form.get(field)
    consent = day_of(said)
    known = SiteId(site)
    return visit.versions.deciding(known, consent, visit.versions.today(known, visit.now))


async def _check(visit: Visit, typing: Typing) -> Answer:
    """The verdict on what can be read; of a site not chosen yet as at the first one."""
    known = [site.id for site in typing.sites]
    if not known:
        visit.problem(403, "No site of this trial is yours.")
    site = typing.site if typing.site in known else known[0]
    subject = typing.subject if well_formed_subject(typing.subject) else f"{site}-{_ANY}"
    body = {"subject": subject, "form": typing.read.form}
    return await visit.ask("POST", "screening", f"/trials/{visit.trial}/screenings/check", body)


def _form(
    visit: Visit,
    typing: Typing,
    checked: Answer,
    errors: list[tuple[Loc, str]],
    status: int = 200,
    problem: Answer | None = None,
) -> Response:
    beside = _beside(visit, typing, checked, errors)
    return visit.page("screening_form.html", status, typing=typing, problem=problem, **beside)


def _beside(
    visit: Visit, typing: Typing, checked: Answer, errors: list[tuple[Loc, str]]
) -> dict[str, Any]:
    """The form with its faults, and the verdict; none where a value breaks a rule."""
    decided: Verdict | None = verdict(typing.dictionary, checked.body) if checked.ok else None
    found = faults(typing.dictionary, dict.fromkeys(errors))
    return {
        "sheet": Sheet(typing.dictionary, typing.typed, found),
        "verdict": decided,
        "down": None if checked.ok or checked.status == 422 else checked.detail,
        "unknown": len(typing.read.unknown),
        "unsaid": len(typing.read.unsaid),
        "stratum": _stratum(visit, typing.version, decided),
        "by_version": typing.version if len(visit.versions.every) > 1 else None,
    }


def _stratum(visit: Visit, version: str, decided: Verdict | None) -> str | None:
    found = visit.version(version).stratum(decided.stratum) if decided and decided.stratum else None
    return found.title if found else None


PAGES = (
    Page("GET", "/trials/{trial}/screenings/new", SITE, blank),
    Page("POST", "/trials/{trial}/screenings/new", SITE, submit),
    Page("POST", "/trials/{trial}/screenings/check", SITE, check),
)
