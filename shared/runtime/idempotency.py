"""Idempotency-Key: the same key and bytes give the first answer again, other bytes a conflict.

The key's row is part of the transaction that it guards, so a twin under way waits for the commit,
and an error leaves nothing behind.
"""

import hashlib
from dataclasses import dataclass

from shared.runtime.database import Connection
from shared.runtime.problems import Problem, conflict, invalid

LONGEST = 255


@dataclass(frozen=True, slots=True)
class Key:
    """A key in its scope; `line` counts the lines of a batch from 1 and is 0 elsewhere."""

    person: str
    method: str
    path: str
    key: str
    body: bytes
    line: int = 0

    @classmethod
    def of(
        cls, text: str | None, person: str, method: str, path: str, body: bytes, line: int = 0
    ) -> "Key | None":
        """The key of a request, None where it has none; a Problem where it is malformed."""
        if text is None:
            return None
        if not 1 <= len(text) <= LONGEST or not text.isprintable() or not text.isascii():
            rule = f"must be 1 to {LONGEST} printable ASCII characters"
            raise invalid([(("header", "Idempotency-Key"), rule)])
        return cls(person, method, path, text, hashlib.sha256(body).digest(), line)


@dataclass(frozen=True, slots=True)
class Kept:
    """The first answer."""

    status: int
    answer: bytes


async def claim(db: Connection, key: Key) -> Kept | None:
    """None: this transaction is the first with the key. Waits for a twin under way."""
    scope = (key.person, key.method, key.path, key.key, key.line)
    status = await db.execute(
        """
        INSERT INTO idempotency (person, method, path, key, line, body)
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING
        """,
        *scope,
        key.body,
    )
    if status.endswith(" 1"):
        return None
    row = await db.fetchrow(
        """
        SELECT body, status, answer FROM idempotency
        WHERE person = $1 AND method = $2 AND path = $3 AND key = $4 AND line = $5
        """,
        *scope,
    )
    if row is None:
        raise Problem(503, "unavailable", "Send the same request again.")
    if row["body"] != key.body:
        raise conflict("idempotency-key-reused", "This Idempotency-Key was used with another body.")
    return Kept(row["status"], row["answer"])


async def keep(db: Connection, key: Key, status: int, answer: bytes) -> None:
    """Keep the first answer, in the transaction that did the work."""
    await db.execute(
        """
        UPDATE idempotency SET status = $6, answer = $7
        WHERE person = $1 AND method = $2 AND path = $3 AND key = $4 AND line = $5
        """,
        key.person,
        key.method,
        key.path,
        key.key,
        key.line,
        status,
        answer,
    )
