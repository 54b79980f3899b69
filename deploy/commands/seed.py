"""`trialops seed`: another key for the sealed seeds, and the custodian's copy of them."""

import argparse
import asyncio
import getpass
import json
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.commands import Subparsers
from deploy.wrong_use import WrongUse

if TYPE_CHECKING:
    from datetime import datetime

    from shared.runtime.database import Connection

Task = Callable[["Connection", str, "datetime"], Coroutine[Any, Any, object]]


def add(subparsers: Subparsers) -> None:
    """Registers the command and its verbs."""
    parser = subparsers.add_parser("seed", help="the seeds' key: change it, keep a copy in escrow")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    rotate = verbs.add_parser("rotate", help="seal every seed under a new key")
    rotate.set_defaults(run=_rotate)
    escrow = verbs.add_parser("escrow", help="write a copy that only the custodian can open")
    escrow.add_argument("--to", required=True, type=Path, metavar="PEM", help="public key, X25519")
    escrow.add_argument("--out", required=True, type=Path, metavar="FILE")
    escrow.set_defaults(run=_escrow)
    recover = verbs.add_parser("recover", help="take the seeds back from the custodian's copy")
    recover.add_argument("--from", required=True, type=Path, metavar="FILE", dest="kept")
    recover.add_argument("--with", required=True, type=Path, metavar="PEM", dest="pem")
    recover.set_defaults(run=_recover)
    for verb in (rotate, escrow, recover):
        verb.add_argument("--database", metavar="URL", help="as its owner; default: embedded")
        verb.add_argument("--keys", type=Path, metavar="DIR", help="the randomizer's key folder")


def _rotate(arguments: argparse.Namespace) -> int:
    """At every moment the file holds a key for each seed, whatever is interrupted."""
    from deploy.embedded.files import write_private
    from services.randomizer import custody, seed_key
    from services.randomizer.seed import KEY_BYTES

    folder = _keys(arguments)
    keys = _read_keys(folder)
    new = os.urandom(KEY_BYTES)
    write_private(folder / seed_key.FILE, seed_key.text((new, *keys)))

    async def change(db: "Connection", actor: str, now: "datetime") -> object:
        return {"rotated": await custody.rotate(db, (new, *keys), new, actor, now)}

    code = _run(arguments, change)
    if code == 0:
        write_private(folder / seed_key.FILE, seed_key.text((new,)))
    return code


def _escrow(arguments: argparse.Namespace) -> int:
    from services.randomizer import custody
    from services.randomizer.escrow import EscrowError, public_key

    keys = _read_keys(_keys(arguments))
    try:
        custodian = public_key(_bytes(arguments.to))
    except EscrowError as fault:
        raise WrongUse(f"{arguments.to}: {fault}") from None

    async def copy(db: "Connection", actor: str, now: "datetime") -> object:
        _write(arguments.out, "")  # before the log says that there is a copy
        kept = await custody.escrow(db, keys, custodian, actor, now)
        _write(arguments.out, kept.model_dump_json(indent=1) + "\n")
        return {"escrowed": [one.trial for one in kept.seeds], "custodian": kept.custodian}

    return _run(arguments, copy)


def _recover(arguments: argparse.Namespace) -> int:
    from services.randomizer import custody
    from services.randomizer.escrow import EscrowError, private_key, read

    keys = _read_keys(_keys(arguments))
    try:
        custodian = private_key(_bytes(arguments.pem))
    except EscrowError as fault:
        raise WrongUse(f"{arguments.pem}: {fault}") from None
    try:
        kept = read(_bytes(arguments.kept))
    except EscrowError as fault:
        raise WrongUse(f"{arguments.kept}: {fault}") from None

    async def take(db: "Connection", actor: str, now: "datetime") -> object:
        return {"recovered": await custody.recover(db, kept, custodian, keys[0], actor, now)}

    return _run(arguments, take)


def _run(arguments: argparse.Namespace, task: Task) -> int:
    """One task on the database; exit 1 where a key does not open a seed."""
    import asyncpg

    from services.randomizer.seed import WrongKeyError

    async def on_database() -> object:
        settings = {"search_path": "randomizer"}
        db = await asyncpg.connect(_database(arguments), server_settings=settings)
        try:
            return await task(db, f"owner:{getpass.getuser()}", _now(arguments))
        finally:
            await db.close()

    try:
        print(json.dumps(asyncio.run(on_database())))
    except WrongKeyError as fault:
        sys.stderr.write(f"trialops seed: {fault}\n")
        return 1
    except (OSError, asyncpg.PostgresError) as error:
        raise WrongUse(f"the database does not answer: {type(error).__name__}") from None
    return 0


def _database(arguments: argparse.Namespace) -> str:
    from deploy.embedded.state import State

    given: str | None = arguments.database
    return given or State(arguments.state).read_endpoints()["postgres"]


def _now(arguments: argparse.Namespace) -> "datetime":
    from deploy.embedded.state import State
    from shared.runtime.clock import PlatformClock

    file = State(arguments.state).clock
    return PlatformClock(file if file.exists() else None).now()


def _keys(arguments: argparse.Namespace) -> Path:
    from deploy.embedded.keys import Keys
    from deploy.embedded.state import State

    given: Path | None = arguments.keys
    return given or Keys(State(arguments.state).keys).of("randomizer")


def _read_keys(folder: Path) -> tuple[bytes, ...]:
    from services.randomizer import seed_key
    from shared.runtime.protocols import Refused

    try:
        return seed_key.read(folder)
    except Refused as fault:
        raise WrongUse(str(fault)) from None


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise WrongUse(f"cannot read {file}: {error.strerror}") from None


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise WrongUse(f"cannot write {file}: {error.strerror}") from None
