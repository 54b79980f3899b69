"""The parts of the portal that every page stands on; `app.py` puts them together."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from services.portal.client import Services
from services.portal.people import People
from shared.contracts.subjects import TrialId
from shared.contracts.versions import Versions
from shared.runtime.work import Work

if TYPE_CHECKING:
    from services.portal.render import Render


@dataclass(frozen=True)
class Parts:
    """What pages need."""

    work: Work
    protocols: Mapping[TrialId, Versions]
    people: People
    services: Services
    render: "Render" = field(repr=False)
    mailbox: Path | None
    public_url: str | None
