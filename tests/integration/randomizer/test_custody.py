"""The seeds' key changed, kept in escrow and lost, on PostgreSQL: the seed stays the same."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from services.randomizer import custody, records
from services.randomizer.escrow import Escrow, Wrapped
from services.randomizer.seed import Seed, WrongKeyError, unseal
from shared.runtime.database import Connection
from tests.integration.databases import database
from tests.integration.randomizer.test_store import KEY, NOW, begin
from tests.unit.randomizer.made import SEED, TRIAL, rules

NEW = bytes(31) + b"\x01"
CUSTODIAN = X25519PrivateKey.generate()


@dataclass
class Kept:
    """The trial's seed as its owner and as the service's own role reach it."""

    owner: Connection
    service: Connection

    async def opened_by(self, key: bytes) -> Seed:
        return unseal(TRIAL, await records.sealed_seed(self.owner, TRIAL) or b"", key)

    async def told(self) -> list[tuple[str, str]]:
        """Change and actor of all that the log will hear."""
        rows = await self.owner.fetch("SELECT topic, headers, value FROM outbox ORDER BY id")
        assert {row["topic"] for row in rows} <= {"trialops.randomizer.record"}
        return [
            (json.loads(row["value"])["change"], json.loads(row["headers"])["ce_actor"])
            for row in rows
        ]


@pytest.fixture
async def kept(postgres: str) -> AsyncIterator[Kept]:
    schema = {"search_path": "randomizer"}
    async with database(postgres, "randomizer") as addresses:
        owner = await asyncpg.connect(addresses.owner, server_settings=schema)
        service = await asyncpg.connect(addresses.service, server_settings=schema)
        await begin(service, rules())
        yield Kept(owner, service)
        await owner.close()
        await service.close()


async def test_another_key_opens_the_same_seed_and_the_old_one_no_more(kept: Kept) -> None:
    assert await custody.rotate(kept.owner, (NEW, KEY), NEW, "ada", NOW) == [TRIAL]
    assert await kept.opened_by(NEW) == SEED
    with pytest.raises(WrongKeyError):
        await kept.opened_by(KEY)
    assert await kept.told() == [("rotated", "ada")]
    # Interrupted before the old key was forgotten, it is done again.
    assert await custody.rotate(kept.owner, (bytes(32), NEW), bytes(32), "ada", NOW) == [TRIAL]


async def test_keys_that_open_nothing_change_nothing(kept: Kept) -> None:
    with pytest.raises(WrongKeyError):
        await custody.rotate(kept.owner, (NEW,), NEW, "ada", NOW)
    assert await kept.opened_by(KEY) == SEED
    assert await kept.told() == []


async def test_the_services_own_role_cannot_change_a_key(kept: Kept) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await custody.rotate(kept.service, (NEW, KEY), NEW, "randomizer", NOW)


async def test_a_lost_key_is_made_good_from_the_custodians_copy(kept: Kept) -> None:
    public = CUSTODIAN.public_key()
    copy = await custody.escrow(kept.owner, (KEY,), public, "ada", NOW)
    assert [one.trial for one in copy.seeds] == [TRIAL]
    taken = await custody.recover(kept.owner, copy, CUSTODIAN, NEW, "bob", NOW)
    assert taken == [TRIAL]
    assert await kept.opened_by(NEW) == SEED
    assert await kept.told() == [("escrowed", "ada"), ("recovered", "bob")]


async def test_a_copy_of_another_seed_is_refused_and_changes_nothing(kept: Kept) -> None:
    other = Wrapped.of(Seed(TRIAL, bytes(32)), CUSTODIAN.public_key(), bytes(12))
    with pytest.raises(WrongKeyError, match="not the one committed to"):
        await custody.recover(
            kept.owner, Escrow(custodian="", seeds=(other,)), CUSTODIAN, NEW, "bob", NOW
        )
    assert await kept.opened_by(KEY) == SEED
    assert await kept.told() == []
