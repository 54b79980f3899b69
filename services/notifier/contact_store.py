"""What the notifier remembers of contacts: each trial's list, and what the last tests gave."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from services.notifier.contacts import Channel, Contact
from shared.contracts.subjects import TrialId
from shared.runtime.database import Connection


@dataclass(frozen=True, slots=True)
class LastTest:
    """What came of calling a contact as a test; `reached` None: under way."""

    at: datetime
    reached: bool | None
    answer: str | None


async def contacts(db: Connection, trial: TrialId | None) -> list[Contact]:
    """The contacts of a trial; None: of all trials."""
    rows = await db.fetch(
        'SELECT * FROM contact WHERE $1::text IS NULL OR trial = $1 ORDER BY "order", trial, id',
        trial,
    )
    return [_contact(row) for row in rows]


async def one(db: Connection, contact: str) -> Contact | None:
    """A contact by its id."""
    row = await db.fetchrow("SELECT * FROM contact WHERE id = $1", contact)
    return _contact(row) if row else None


async def owners(db: Connection, ids: Sequence[str]) -> dict[str, str]:
    """The trials that have contacts of these ids."""
    rows = await db.fetch("SELECT id, trial FROM contact WHERE id = ANY($1::text[])", ids)
    return {row["id"]: row["trial"] for row in rows}


async def ever_set(db: Connection, trial: TrialId) -> bool:
    """Whether the trial was given contacts once."""
    return bool(
        await db.fetchval("SELECT EXISTS (SELECT FROM contact_list WHERE trial = $1)", trial)
    )


async def replace(
    db: Connection, trial: TrialId, contacts: Sequence[Contact], now: datetime
) -> list[str]:
    """Put a list in the place of the trial's; returns the ids that are gone."""
    gone = await db.fetch(
        "DELETE FROM contact WHERE trial = $1 AND id <> ALL($2::text[]) RETURNING id",
        trial,
        [contact.id for contact in contacts],
    )
    await db.executemany(
        """
        INSERT INTO contact (id, trial, name, sub, role, sites, "order", channels)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name, sub = EXCLUDED.sub,
            role = EXCLUDED.role, sites = EXCLUDED.sites, "order" = EXCLUDED."order",
            channels = EXCLUDED.channels
        """,
        [
            (
                contact.id,
                contact.trial,
                contact.name,
                contact.sub,
                contact.role,
                contact.sites,
                contact.order,
                json.dumps([asdict(channel) for channel in contact.channels]),
            )
            for contact in contacts
        ],
    )
    await db.execute(
        "INSERT INTO contact_list (trial, set_at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        trial,
        now,
    )
    return [row["id"] for row in gone]


async def begin_test(db: Connection, contact: str, test: UUID, now: datetime) -> None:
    """A test of the contact is under way."""
    await db.execute(
        "UPDATE contact SET test = $2, test_at = $3, test_reached = NULL, test_answer = NULL"
        " WHERE id = $1",
        contact,
        test,
        now,
    )


async def end_test(db: Connection, contact: str, test: UUID, *, reached: bool, answer: str) -> None:
    """What came of it, unless a later test has begun."""
    await db.execute(
        "UPDATE contact SET test_reached = $3, test_answer = $4 WHERE id = $1 AND test = $2",
        contact,
        test,
        reached,
        answer,
    )


async def last_tests(db: Connection, trial: TrialId) -> dict[str, LastTest]:
    """What the last test of each contact gave."""
    rows = await db.fetch(
        "SELECT id, test_at, test_reached, test_answer FROM contact"
        " WHERE trial = $1 AND test_at IS NOT NULL",
        trial,
    )
    return {
        row["id"]: LastTest(row["test_at"], row["test_reached"], row["test_answer"]) for row in rows
    }


def _contact(row: asyncpg.Record) -> Contact:
    return Contact(
        id=row["id"],
        trial=row["trial"],
        name=row["name"],
        sub=row["sub"],
        role=row["role"],
        sites=None if row["sites"] is None else tuple(row["sites"]),
        order=row["order"],
        channels=tuple(Channel(**one) for one in json.loads(row["channels"])),
    )
