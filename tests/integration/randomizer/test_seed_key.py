"""A key that does not open the seeds stops the randomizer: one clear line, and nothing drawn."""

import asyncio
import base64
import os
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from services.randomizer import records, seed_key, store
from services.randomizer.activation import activate
from services.randomizer.plans import Plans
from services.randomizer.rules import Rules
from services.randomizer.seed import Seed
from services.randomizer.trials import Trials
from shared.contracts import versions
from shared.contracts.subjects import TrialId
from shared.runtime.database import NotYet
from shared.runtime.protocols import Refused
from shared.runtime.topics import declare
from tests.acceptance.trials import tiny
from tests.integration.databases import database
from tests.integration.randomizer.test_store import NOW
from tests.integration.runtime.running import know_its_topics, settings_of
from tests.issuer import AUDIENCE, ISSUER, Issuer

CHECKOUT = Path(__file__).parents[3]
RIGHT, WRONG = bytes(32), bytes(31) + b"\x01"
TRIAL = TrialId("TKEY")


def encoded(key: bytes) -> bytes:
    return base64.b64encode(key)


async def test_a_wrong_key_ends_the_process_with_one_line_and_no_draw(
    kafka: str, postgres: str, tmp_path: Path
) -> None:
    protocols, issuer = tmp_path / "protocols", Issuer(tmp_path)
    protocols.mkdir()
    (protocols / "tkey.yaml").write_text(tiny(TRIAL))
    (tmp_path / "seed_key").write_bytes(encoded(WRONG))
    await declare(kafka)
    async with database(postgres, "randomizer") as addresses:
        await know_its_topics(settings_of(kafka, addresses.service), "randomizer")
        await _activated(addresses.owner, protocols)
        told = {
            "TRIALOPS_SERVICE_PORT": "0",
            "TRIALOPS_KAFKA": kafka,
            "TRIALOPS_DATABASE": addresses.service,
            "TRIALOPS_PROTOCOLS": str(protocols),
            "TRIALOPS_KEYS": str(tmp_path),
            "TRIALOPS_ISSUER": ISSUER,
            "TRIALOPS_AUDIENCE": AUDIENCE,
            "TRIALOPS_JWKS_FILE": str(issuer.jwks_file),
        }
        ended = await asyncio.to_thread(
            subprocess.run,
            (sys.executable, "-m", "services.randomizer"),
            cwd=CHECKOUT,
            env=os.environ | told,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert ended.returncode == 1
    stops = [line for line in ended.stderr.splitlines() if not line.startswith("{")]
    assert stops == ["stopped: the seed key does not open the seed of TKEY"]
    assert "Traceback" not in ended.stdout + ended.stderr


async def test_nothing_is_drawn_or_lost_while_the_key_does_not_open_a_seed(
    postgres: str, tmp_path: Path
) -> None:
    """The key was changed, and this machine's file is still the old one."""
    (tmp_path / "tkey.yaml").write_text(tiny(TRIAL))
    keys = [WRONG]
    trials = Trials.of(versions.load_all(tmp_path), lambda: keys)
    async with database(postgres, "randomizer") as addresses:
        await _activated(addresses.owner, tmp_path)
        db = await asyncpg.connect(addresses.owner, server_settings={"search_path": "randomizer"})
        try:
            async with db.transaction():
                book = (await store.load(db, {TRIAL: []}))[TRIAL]
                with pytest.raises(NotYet, match="does not open the seed of TKEY"):
                    await trials.rules(db, book)
                keys[:] = [RIGHT]
                assert (await trials.rules(db, book)).seed.trial == TRIAL
        finally:
            await db.close()


async def _activated(owner: str, protocols: Path) -> None:
    """The trial was begun under the right key."""

    plan = Plans.of(versions.load_all(protocols)[TRIAL]).every[0]
    seed = Seed(TRIAL, bytes(range(32)))
    begun = activate(Rules(plan, seed), None)
    assert begun is not None
    db = await asyncpg.connect(owner, server_settings={"search_path": "randomizer"})
    try:
        async with db.transaction():
            sealed = seed.seal(RIGHT, bytes(12))
            await records.create_trial(db, begun.book.trial, sealed, NOW)
            await records.keep_scheme(db, begun.book.trial, plan.scheme, NOW)
            await store.save(db, [begun], NOW)
    finally:
        await db.close()


def test_the_key_is_read_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "seed_key").write_bytes(encoded(RIGHT) + b"\n")
    assert seed_key.read(tmp_path) == (RIGHT,)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "cannot be read from .*seed_key: No such file"),
        (b"", "is 0 bytes, not 32"),
        (b"not base64!", "is not base64"),
        (encoded(bytes(31)), "is 31 bytes, not 32"),
    ],
)
def test_what_is_no_key_is_told_in_one_line(tmp_path: Path, text: bytes | None, told: str) -> None:
    if text is not None:
        (tmp_path / "seed_key").write_bytes(text)
    with pytest.raises(Refused, match=told) as why:
        seed_key.read(tmp_path)
    assert len(str(why.value).splitlines()) == 1
