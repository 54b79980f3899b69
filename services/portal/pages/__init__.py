"""Every page, one noun a file; a new one is a file and a line here."""

from services.portal.pages import (
    adverse_event,
    alerts,
    arms,
    case,
    cases,
    correction,
    enrolment,
    follow_up,
    home,
    letters,
    log,
    operations,
    screened,
    screening,
    subject,
    subjects,
)
from services.portal.visit import Page

PAGES: tuple[Page, ...] = (
    *adverse_event.PAGES,
    *alerts.PAGES,
    *arms.PAGES,
    *case.PAGES,
    *cases.PAGES,
    *correction.PAGES,
    *enrolment.PAGES,
    *follow_up.PAGES,
    *home.PAGES,
    *letters.PAGES,
    *log.PAGES,
    *operations.PAGES,
    *screening.PAGES,  # before `screened`: `new` is no id
    *screened.PAGES,
    *subject.PAGES,
    *subjects.PAGES,
)
