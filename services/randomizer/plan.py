"""How a trial is to be randomized, as one version of its protocol file says."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from services.randomizer.designs.design import DesignError
from services.randomizer.scheme import Scheme
from shared.contracts.study import Protocol
from shared.contracts.subjects import SiteId, TrialId


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

    @classmethod
    def of(cls, protocol: Protocol) -> Self:
        """The plan of a protocol; raises ``ProtocolError`` with file, line and reason."""
        if "randomization" not in protocol.sections:
            raise protocol.fault((), "has no randomization section")
        if protocol.study.masking != "none":
            raise protocol.fault(("study", "masking"), "this randomizer cannot mask an arm yet")
        shares = {stratum.id: stratum.ratio for stratum in protocol.strata}
        try:
            scheme = Scheme.of(protocol.sections["randomization"], shares)
        except DesignError as fault:
            raise protocol.fault(("randomization", *fault.path), str(fault)) from None
        sites = {site.id: site.open_at_activation for site in protocol.sites}
        for site in (*scheme.design.caps.sites, *scheme.design.caps.site_strata):
            if SiteId(site) not in sites:
                raise protocol.fault(("randomization", "caps"), f"{site} is no site listed")
        return cls(
            trial=protocol.id,
            protocol_version=protocol.study.version,
            protocol_sha256=protocol.sha256,
            requires_signature=protocol.study.requires_signature,
            scheme=scheme,
            sites=sites,
        )

    @property
    def target(self) -> int | None:
        """How many are randomized in all; None: no cap."""
        return self.scheme.design.target
