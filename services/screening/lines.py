"""A line of forms, ``{"subject", "form"}`` as bytes, decided: what `trialops screen` reads."""

from collections.abc import Callable, Mapping
from datetime import date

from services.screening.form import FormErrors
from services.screening.trial import Trial
from shared.contracts.lines import BadLine, read
from shared.contracts.subjects import SiteId, site_of


def answer(
    trial: Trial, line: bytes | None, today: Callable[[SiteId], date]
) -> Mapping[str, object]:
    """The decision on a line, or ``{"subject", "errors"}``; ``today`` is the day at a site.

    None is a line that is too long.
    """
    try:
        said = read(line)
    except BadLine as error:
        return error.answer()
    try:
        day = today(site_of(said.subject))
        decision, version = trial.decide(said.subject, said.form, day)
    except FormErrors as error:
        return BadLine(said.subject, error.errors).answer()
    return {"subject": said.subject, "protocol_version": version, **decision.answer()}
