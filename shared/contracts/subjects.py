"""Trials, sites and subjects: the ids that every service shares.

A site id is 2 to 8 of ``A-Z0-9``; a subject is ``SITE-NUMBER`` with a number of 3 to 6 digits,
unique in its trial. A subject is a pseudonym: allowed in keys, headers and the audit log, never
in logs.
"""

import re
from typing import NewType, TypeGuard

TrialId = NewType("TrialId", str)
SiteId = NewType("SiteId", str)
SubjectId = NewType("SubjectId", str)

TRIAL_PATTERN = r"[A-Za-z0-9][A-Za-z0-9_.-]{1,39}"
SITE_PATTERN = r"[A-Z0-9]{2,8}"
SUBJECT_PATTERN = r"[A-Z0-9]{2,8}-[0-9]{3,6}"

_site = re.compile(SITE_PATTERN).fullmatch
_subject = re.compile(SUBJECT_PATTERN).fullmatch


def well_formed_site(text: object) -> TypeGuard[SiteId]:
    """Whether ``text`` may name a site; says nothing about its being in a protocol."""
    return isinstance(text, str) and _site(text) is not None


def well_formed_subject(text: object) -> TypeGuard[SubjectId]:
    """Whether ``text`` is ``SITE-NUMBER``, as in ``IT001-0007``."""
    return isinstance(text, str) and _subject(text) is not None


def site_of(subject: SubjectId) -> SiteId:
    """The site of a well-formed subject."""
    return SiteId(subject.partition("-")[0])
