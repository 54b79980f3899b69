"""What changed in the read model, told to every process of the portal when it is committed."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from shared.runtime.database import Connection

CHANNEL = "trialops_portal"

Kind = Literal["subjects", "cases", "clocks", "alerts", "trial"]
KINDS: tuple[Kind, ...] = ("subjects", "cases", "clocks", "alerts", "trial")


@dataclass(frozen=True, slots=True)
class Change:
    """Something of this kind changed; it only says what to look at again, never what it is.

    `trial` None: of the platform. `site` None: of the whole trial. `roles` None: any.
    """

    kind: Kind
    trial: str | None
    site: str | None
    roles: frozenset[str] | None = None


async def tell(db: Connection, changes: Iterable[Change]) -> None:
    """Tell it at the commit of this transaction, and not if there is none."""
    texts = sorted({_dump(change) for change in changes})
    if texts:
        await db.execute(
            "SELECT pg_notify($1, text) FROM unnest($2::text[]) AS text", CHANNEL, texts
        )


def load(text: str) -> Change:
    """The change that a notification holds."""
    kind, trial, site, roles = json.loads(text)
    return Change(kind, trial, site, None if roles is None else frozenset(roles))


def _dump(change: Change) -> str:
    roles = None if change.roles is None else sorted(change.roles)
    return json.dumps([change.kind, change.trial, change.site, roles])
