"""Who can open the seeds: the key changed, a copy for the custodian, seeds taken back from it.

All of it is done by the database's owner, for the service's own role may not change a sealed seed.
Each change is a fact of the log, in the transaction that makes it.
"""

import os
from collections.abc import Sequence
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from services.randomizer.escrow import Escrow, Wrapped, fingerprint
from services.randomizer.seed import NONCE_BYTES, Seed, WrongKeyError, unseal_any
from shared.contracts.events.randomization import SeedChange, SeedCustodyChanged
from shared.contracts.subjects import TrialId
from shared.runtime import outbox
from shared.runtime.database import Connection
from shared.runtime.outbox import NewEvent

SEALED = "SELECT trial, sealed_seed, commitment FROM trial ORDER BY trial FOR UPDATE"
SEAL = "UPDATE trial SET sealed_seed = $2 WHERE trial = $1"


async def rotate(
    db: Connection, keys: Sequence[bytes], key: bytes, actor: str, now: datetime
) -> list[TrialId]:
    """Seal every seed under ``key``; ``keys`` open them as they are. Raises ``WrongKeyError``."""
    async with db.transaction():
        seeds = await _open(db, keys)
        for seed in seeds:
            await _seal(db, seed, key)
        told = [_told(seed.trial, "rotated", actor, now) for seed in seeds]
        await outbox.add(db, "randomizer", told)
    return [seed.trial for seed in seeds]


async def escrow(
    db: Connection, keys: Sequence[bytes], custodian: X25519PublicKey, actor: str, now: datetime
) -> Escrow:
    """A copy of every seed that only the custodian can open."""
    async with db.transaction():
        seeds = await _open(db, keys)
        wrapped = tuple(Wrapped.of(seed, custodian, os.urandom(NONCE_BYTES)) for seed in seeds)
        told = [_told(seed.trial, "escrowed", actor, now) for seed in seeds]
        await outbox.add(db, "randomizer", told)
    return Escrow(custodian=fingerprint(custodian), seeds=wrapped)


async def recover(
    db: Connection,
    kept: Escrow,
    custodian: X25519PrivateKey,
    key: bytes,
    actor: str,
    now: datetime,
) -> list[TrialId]:
    """Seal the custodian's copies under ``key``: whatever sealed them before is needed no more.

    Raises ``WrongKeyError`` where one is not the seed that its trial is committed to; nothing is
    changed then. Seeds that the copies do not hold stay as they are.
    """
    taken: list[TrialId] = []
    async with db.transaction():
        known = {row["trial"]: row["commitment"] for row in await db.fetch(SEALED)}
        for one in kept.seeds:
            seed = one.open(custodian)
            if seed.trial not in known:
                continue
            if known[seed.trial] != seed.commitment:
                raise WrongKeyError(f"the seed of {seed.trial} is not the one committed to")
            await _seal(db, seed, key)
            taken.append(seed.trial)
        told = [_told(trial, "recovered", actor, now) for trial in taken]
        await outbox.add(db, "randomizer", told)
    return taken


async def _open(db: Connection, keys: Sequence[bytes]) -> list[Seed]:
    found: list[Seed] = []
    for trial, sealed, commitment in await db.fetch(SEALED):
        seed = unseal_any(TrialId(trial), sealed, keys)
        if seed.commitment != commitment:
            raise WrongKeyError(f"the seed of {trial} is not the one committed to")
        found.append(seed)
    return found


async def _seal(db: Connection, seed: Seed, key: bytes) -> None:
    await db.execute(SEAL, seed.trial, seed.seal(key, os.urandom(NONCE_BYTES)))


def _told(trial: TrialId, change: SeedChange, actor: str, now: datetime) -> NewEvent:
    return NewEvent(SeedCustodyChanged(change=change), now, trial=trial, actor=actor)
