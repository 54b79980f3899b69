"""`/`: the home of the person's role, in the trial last looked at, at first the liveliest."""

from starlette.responses import Response

from services.portal import store, words
from services.portal.visit import EVERYONE, Page, Visit


async def home(visit: Visit) -> Response:
    """Go where the role's work is."""
    if visit.chosen is None:
        return visit.page("no_trial.html")
    found = None
    if visit.session.trial is None:
        async with visit.work.reading() as db:
            found = await store.liveliest(db, [one.id for one in visit.trials])
    path = words.NAVIGATION[visit.person.role][0][1]
    return visit.see(f"/trials/{found or visit.chosen.id}/{path}")


async def trial(visit: Visit) -> Response:
    """The role's home in this trial."""
    path = words.NAVIGATION[visit.person.role][0][1]
    return visit.see(f"/trials/{visit.trial}/{path}")


PAGES = (
    Page("GET", "/", EVERYONE, home),
    Page("GET", "/trials/{trial}", EVERYONE, trial),
)
