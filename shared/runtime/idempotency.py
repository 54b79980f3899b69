"""Idempotency-Key: the same key and bytes give the first answer again, other bytes a conflict.

The key's row is part of the transaction that it guards, so a twin under way waits for the commit,
and an error leaves nothing behind.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from shared.runtime.database import Connection, Overtaken
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

    @property
    def scope(self) -> tuple[str, str, str, str]:
        """Whom and what the key belongs to, the same for all lines of a batch."""
        return self.person, self.method, self.path, self.key

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
    [found] = await claim_all(db, [key])
    if isinstance(found, Problem):
        raise found
    return found


async def claim_all(db: Connection, keys: Sequence[Key]) -> list[Kept | Problem | None]:
    """For each key of one request: None where it is claimed now, else the first answer, or the
    problem of another body under it.
    """
    if not keys:
        return []
    scope = keys[0].scope
    lines = [key.line for key in keys]
    rows = await db.fetch(
        """
        INSERT INTO idempotency (person, method, path, key, line, body)
        SELECT $1, $2, $3, $4, * FROM unnest($5::int[], $6::bytea[])
        ON CONFLICT DO NOTHING RETURNING line
        """,
        *scope,
        lines,
        [key.body for key in keys],
    )
    claimed = {row["line"] for row in rows}
    if len(claimed) == len(lines):
        return [None] * len(lines)
    known = await db.fetch(
        """
        SELECT line, body, status, answer FROM idempotency
        WHERE person = $1 AND method = $2 AND path = $3 AND key = $4 AND line = ANY($5::int[])
        """,
        *scope,
        [line for line in lines if line not in claimed],
    )
    first = {row["line"]: row for row in known}
    return [None if key.line in claimed else _first(key, first.get(key.line)) for key in keys]


def _first(key: Key, row: asyncpg.Record | None) -> Kept | Problem:
    if row is None:
        raise Overtaken
    if row["body"] != key.body:
        return conflict("idempotency-key-reused", "This Idempotency-Key came with another body.")
    return Kept(row["status"], row["answer"])


async def keep(db: Connection, answers: Sequence[tuple[Key, Kept]]) -> None:
    """Keep the first answers of one request, in the transaction that did the work."""
    if answers:
        await db.execute(
            """
            UPDATE idempotency AS i SET status = a.status, answer = a.answer
            FROM unnest($5::int[], $6::smallint[], $7::bytea[]) AS a (line, status, answer)
            WHERE i.person = $1 AND i.method = $2 AND i.path = $3 AND i.key = $4
              AND i.line = a.line
            """,
            *answers[0][0].scope,
            [key.line for key, _ in answers],
            [kept.status for _, kept in answers],
            [kept.answer for _, kept in answers],
        )


async def release(db: Connection, keys: Sequence[Key]) -> None:
    """Give back keys whose lines ended in an error: errors are not kept."""
    if keys:
        await db.execute(
            """
            DELETE FROM idempotency
            WHERE person = $1 AND method = $2 AND path = $3 AND key = $4 AND line = ANY($5::int[])
            """,
            *keys[0].scope,
            [key.line for key in keys],
        )
