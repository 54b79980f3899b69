"""A trial screened here: its protocol's versions, and which one decides a form."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple, Self

from services.screening.eligibility import SECTION, Decision, Eligibility
from services.screening.report import Named
from shared.contracts.study import Protocol
from shared.contracts.subjects import SiteId, SubjectId, TrialId, site_of
from shared.contracts.versions import Versions, day_of

Form = Mapping[str, object]


class Decided(NamedTuple):
    """A decision, and the version of the protocol that it goes by."""

    decision: Decision
    protocol_version: str


@dataclass(frozen=True)
class Trial:
    """The versions of a protocol, and the eligibility of each by its name."""

    versions: Versions
    eligibility: Mapping[str, Eligibility]

    @classmethod
    def of(cls, versions: Versions) -> Self:
        """Every version compiled; raises ``ProtocolError``."""
        return cls(versions, {one.version: Eligibility.of(one) for one in versions.every})

    @property
    def id(self) -> TrialId:
        """The trial's id."""
        return self.versions.id

    @property
    def criteria(self) -> list[Named]:
        """Every version's criteria, each by the newest words that it has."""
        found: dict[str, Named] = {}
        for one in reversed(self.versions.every):
            for criterion in self.eligibility[one.version].criteria:
                named = Named(criterion.id, criterion.category, criterion.text)
                found.setdefault(criterion.id, named)
        return list(found.values())

    def in_force(self, site: SiteId, form: Form, today: date) -> Protocol:
        """The version in force at ``site`` on the form's day of consent; unknown: today."""
        if len(self.versions.every) == 1:
            return self.versions.first
        consent = day_of(form.get(self.versions.first.study.consent_field))
        return self.versions.deciding(site, consent, today)

    def decide(self, subject: SubjectId, form: Form, today: date) -> Decided:
        """The verdict on a form, ``today`` being the day at the subject's site; FormErrors."""
        version = self.in_force(site_of(subject), form, today).version
        return Decided(self.eligibility[version].decide(subject, form, today), version)

    def left_out(self, form: Form, today: date, site: SiteId, before: str) -> frozenset[str]:
        """The fields of a form that version ``before`` asked and the one in force does not."""
        asked = _fields(self.versions.of(before)) - _fields(self.in_force(site, form, today))
        return frozenset(asked & form.keys())


def _fields(protocol: Protocol | None) -> frozenset[str]:
    section = protocol.sections[SECTION] if protocol is not None else None
    fields = section.get("fields") if isinstance(section, dict) else None
    return frozenset(fields) if isinstance(fields, dict) else frozenset()
