"""Whom a trial calls: the list in the order of calling, one contact at a time to change, tests."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from starlette.responses import Response

from services.portal import contact_form
from services.portal.client import Answer
from services.portal.visit import TRIAL_MANAGER, Page, Visit

_NEW = "-"  # no contact's id: those begin with a letter or a digit
_CHANGED = "Somebody has changed the contacts meanwhile. Look at the list and begin again."


async def listing(visit: Visit) -> Response:
    """The contacts with what their last test gave."""
    return visit.page("contacts.html", contacts=await _contacts(visit), wrong=None)


async def ask(visit: Visit) -> Response:
    """One contact, or an empty form."""
    contacts = await _contacts(visit)
    contact = _named(visit, contacts)
    texts = contact_form.written(contact) if contact else contact_form.blank()
    return _form(visit, contacts, texts)


async def keep(visit: Visit) -> Response:
    """Put the contact into the list, or take it out of it."""
    contacts = await _contacts(visit)
    contact = _named(visit, contacts)
    texts = {name: visit.form[name] for name in contact_form.FIELDS}
    if visit.form["seen"] != contact_form.digest(contacts):
        return _form(visit, contacts, texts, problem=_CHANGED, status=409)
    every = [contact_form.kept(one) for one in contacts]
    at = len(every) if contact is None else contacts.index(contact)
    if visit.form["do"] == "remove":
        del every[at : at + 1]
    else:
        known = [contact_form.target(one) for one in contact["channels"]] if contact else []
        made = contact_form.read(texts, known)
        every[at : at + 1] = [{"id": contact["id"], **made} if contact else made]
    path = f"/trials/{visit.trial}/contacts"
    answer = await visit.ask("PUT", "notifier", path, {"contacts": every})
    if answer.ok:
        return visit.see(path, "contacts")
    return _form(visit, contacts, texts, answer, at, status=answer.status)


async def test(visit: Visit) -> Response:
    """Try whether the contact can be reached."""
    contacts = await _contacts(visit)
    contact = _named(visit, contacts)
    if contact is None:
        visit.problem(404, "There is no such contact.")
    name = quote(contact["id"], safe="")
    answer = await visit.ask("POST", "notifier", f"/contacts/{name}/test", key=visit.form["once"])
    if not answer.ok:
        return visit.page(
            "contacts.html", answer.status, contacts=await _contacts(visit), wrong=answer.detail
        )
    return visit.see(f"/trials/{visit.trial}/contacts", "tested")


async def _contacts(visit: Visit) -> list[Any]:
    answer = await visit.needed("notifier", f"/trials/{visit.trial}/contacts")
    return list(answer["items"])


def _named(visit: Visit, contacts: Sequence[Any]) -> Any:
    """The contact of the path; None for a new one."""
    wanted = visit.path["contact"]
    found = next((one for one in contacts if one["id"] == wanted), None)
    if found is None and wanted != _NEW:
        visit.problem(404, "There is no such contact. Somebody may have taken it out.")
    return found


def _form(
    visit: Visit,
    contacts: Sequence[Any],
    texts: Mapping[str, str],
    answer: Answer | None = None,
    at: int = 0,
    *,
    problem: str | None = None,
    status: int = 200,
) -> Response:
    """The form; of a list that was refused with what is wrong in this contact."""
    wrong: dict[str, str] = {}
    for loc, said in answer.errors if answer else ():
        if loc[:2] == ("contacts", at) and len(loc) > 2 and str(loc[2]) in contact_form.FIELDS:
            field = "secret" if loc[-1] == "secret" else str(loc[2])
            wrong.setdefault(field, said)
    if answer is not None and not wrong:
        problem = answer.detail
    return visit.page(
        "contact.html",
        status,
        contact=_named(visit, contacts),
        texts=texts,
        wrong=wrong,
        problem=problem,
        seen=contact_form.digest(contacts),
        roles=contact_form.ROLES,
        fields=contact_form.FIELDS,
    )


_LIST = "/trials/{trial}/contacts"
PAGES = (
    Page("GET", _LIST, TRIAL_MANAGER, listing),
    Page("GET", f"{_LIST}/{{contact}}", TRIAL_MANAGER, ask),
    Page("POST", f"{_LIST}/{{contact}}", TRIAL_MANAGER, keep),
    Page("GET", f"{_LIST}/{{contact}}/test", TRIAL_MANAGER, ask),
    Page("POST", f"{_LIST}/{{contact}}/test", TRIAL_MANAGER, test),
)
