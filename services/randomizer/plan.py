"""How a trial is to be randomized, as one version of its protocol file says."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Self

from services.randomizer.designs.design import DesignError
from services.randomizer.designs.minimisation import SITE, STRATUM
from services.randomizer.scheme import Scheme
from shared.contracts.study import Protocol
from shared.contracts.subjects import SiteId, TrialId
from shared.contracts.versions import begins

_FOR_EVER: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Plan:
    """What the randomizer takes from one version of a protocol file."""

    trial: TrialId
    protocol_version: str
    protocol_sha256: str
    requires_signature: bool
    scheme: Scheme
    sites: Mapping[SiteId, bool]
    """The sites, and whether each is open from the activation on."""

    since: datetime = _FOR_EVER
    """From when it is in force; the first version was for ever."""

    approved_by: str | None = None
    """Who approved this version."""

    masked: bool = False
    """Whether a treatment code stands for the arm of what this version draws."""

    @classmethod
    def of(cls, protocol: Protocol) -> Self:
        """The plan of a protocol; raises ``ProtocolError`` with file, line and reason."""
        if "randomization" not in protocol.sections:
            raise protocol.fault((), "has no randomization section")
        shares = {stratum.id: stratum.ratio for stratum in protocol.strata}
        try:
            scheme = Scheme.of(protocol.sections["randomization"], shares)
        except DesignError as fault:
            raise protocol.fault(("randomization", *fault.path), str(fault)) from None
        for path, name in scheme.design.factor_places().items():
            if name not in (SITE, STRATUM, *_carry(protocol)):
                raise protocol.fault(
                    ("randomization", *path),
                    f"{name} is neither site, stratum nor a field that eligibility.carry lists",
                )
        sites = {site.id: site.open_at_activation for site in protocol.sites}
        caps = scheme.design.caps
        for name, of in (("sites", caps.sites), ("site_strata", caps.site_strata)):
            for site in of:
                if SiteId(site) not in sites:
                    path = ("randomization", "caps", name, site)
                    raise protocol.fault(path, "is no site of the protocol")
        return cls(
            trial=protocol.id,
            protocol_version=protocol.study.version,
            protocol_sha256=protocol.sha256,
            requires_signature=protocol.study.requires_signature,
            scheme=scheme,
            sites=sites,
            since=_FOR_EVER if protocol.amendment is None else begins(protocol),
            approved_by=protocol.study.approved_by,
            masked=protocol.study.masking == "double",
        )

    @property
    def target(self) -> int | None:
        """How many are randomized in all; None: no cap."""
        return self.scheme.design.target


def _carry(protocol: Protocol) -> list[object]:
    """The fields that a screening brings; what is wrong there is for screening to tell."""
    eligibility = protocol.sections.get("eligibility")
    carry = eligibility.get("carry") if isinstance(eligibility, dict) else None
    return carry if isinstance(carry, list) else []
