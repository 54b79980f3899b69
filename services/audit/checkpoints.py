"""The checkpoints that were signed, and whether a new one is due. INSERT and SELECT only.

Each function runs in its caller's transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shared.runtime.database import Connection


@dataclass(frozen=True, slots=True)
class Published:
    """A signed checkpoint as it was served."""

    size: int
    root: bytes
    note: str
    signed_at: datetime


async def add(db: Connection, at: int, root_hash: bytes, note: str, signed_at: datetime) -> None:
    """Keeps a signed checkpoint; it is served once this transaction has committed."""
    await db.execute(
        "insert into checkpoint (size, root, note, signed_at) values ($1, $2, $3, $4)",
        at,
        root_hash,
        note,
        signed_at,
    )


async def latest(db: Connection) -> Published | None:
    """The newest checkpoint of the largest size; None before the first was signed."""
    row = await db.fetchrow(
        """
        select size, root, note, signed_at from checkpoint
        order by size desc, signed_at desc limit 1
        """
    )
    return Published(**dict(row)) if row else None


async def grown_by_facts(db: Connection, but: str, since: Published | None) -> bool:
    """Whether there are entries of any other type than `but` after a checkpoint."""
    return bool(
        await db.fetchval(
            """
            select exists (select from entry
                           where "index" >= $1 and type is distinct from $2)
            """,
            since.size if since else 0,
            but,
        )
    )
