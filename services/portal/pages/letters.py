"""The person's own letters, of the embedded run's mail server."""

import asyncio

from starlette.responses import Response

from services.portal.mailbox import Mailbox
from services.portal.visit import EVERYONE, Page, Visit


async def letters(visit: Visit) -> Response:
    """The newest first."""
    found = await asyncio.to_thread(_mailbox(visit).newest)
    return visit.page("letters.html", letters=found, anywhere=visit.parts.mailbox is not None)


async def letter(visit: Visit) -> Response:
    """One letter as plain text."""
    number = visit.path["number"]
    known = number.isascii() and number.isdecimal() and len(number) < 10
    found = await asyncio.to_thread(_mailbox(visit).one, int(number)) if known else None
    if found is None:
        visit.problem(404, "There is no such letter, or not for you.")
    return visit.page("letter.html", letter=found)


def _mailbox(visit: Visit) -> Mailbox:
    return Mailbox(visit.parts.mailbox, visit.person.address)


PAGES = (
    Page("GET", "/letters", EVERYONE, letters),
    Page("GET", "/letters/{number}", EVERYONE, letter),
)
