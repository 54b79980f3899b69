"""Every page, one noun a file; a new one is a file and a line here."""

from services.portal.pages import (
    adverse_event,
    alerts,
    arms,
    case,
    cases,
    contacts,
    correction,
    enrolment,
    follow_up,
    home,
    letters,
    log,
    operations,
    screened,
    screening,
    screening_log,
    subject,
    subjects,
    unblinding,
)
from services.portal.visit import Page

PAGES: tuple[Page, ...] = (
    *adverse_event.PAGES,
    *alerts.PAGES,
    *arms.PAGES,
    *case.PAGES,
    *cases.PAGES,
    *contacts.PAGES,
    *correction.PAGES,
    *enrolment.PAGES,
    *follow_up.PAGES,
    *home.PAGES,
    *letters.PAGES,
    *log.PAGES,
    *operations.PAGES,
    *screening.PAGES,  # before `screened`: `new` is no id
    *screened.PAGES,
    *screening_log.PAGES,
    *subject.PAGES,
    *subjects.PAGES,
    *unblinding.PAGES,
)
