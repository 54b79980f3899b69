"""Templates to pages: everything escaped, nothing undefined, times as people of a site say them."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from importlib import resources
from urllib.parse import quote
from uuid import uuid4
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from services.portal import words
from services.portal.assets import Assets
from services.portal.domain import left, span
from services.portal.visit import Visit


class Render:
    """Renders the templates of this service."""

    def __init__(self, assets: Assets) -> None:
        folder = resources.files("services.portal") / "templates"
        self._templates = Environment(
            loader=FileSystemLoader(str(folder)),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals.update(
            asset=assets.address,
            words=words,
            nav=nav,
            new_key=lambda: str(uuid4()),
            said=said,
        )
        self._templates.filters.update(
            left=left,
            span=span,
            local=local,
            utc=utc,
            day=day,
            segment=lambda text: quote(str(text), safe=""),
        )

    def __call__(
        self, template: str, status: int = 200, *, visit: Visit | None = None, **context: object
    ) -> Response:
        """A page, or the fragment that a template is."""
        text = self._templates.get_template(template).render(visit=visit, **context)
        return HTMLResponse(text, status)


def local(moment: datetime, zone: ZoneInfo) -> str:
    """`2026-11-22 19:46 CET`: the time at a site, with the name of its zone."""
    there = moment.astimezone(zone)
    return f"{there:%Y-%m-%d %H:%M} {there.tzname()}"


def utc(moment: datetime) -> str:
    """`2026-11-22 18:46:03 UTC`."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def day(moment: datetime | date, zone: ZoneInfo | None = None) -> str:
    """`2026-11-22`; of an instant the day at the site."""
    if isinstance(moment, datetime):
        return f"{moment.astimezone(zone or UTC):%Y-%m-%d}"
    return f"{moment:%Y-%m-%d}"


def nav(visit: Visit) -> Sequence[tuple[str, str, bool]]:
    """The role's pages: label, address, and whether it is the one that is shown."""
    if visit.chosen is None:
        return []
    here = visit.request.url.path
    found = []
    for label, path in words.NAVIGATION[visit.person.role]:
        address = path if path.startswith("/") else f"/trials/{quote(visit.chosen.id)}/{path}"
        found.append((label, address, here == address or here.startswith(f"{address}/")))
    return found


def said(visit: Visit | None) -> str | None:
    """What was just done, for the page's status line."""
    return None if visit is None else words.TOLD.get(visit.query.get("told", ""))
