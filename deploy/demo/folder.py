"""A demo's own state folder: fresh each time, and never one that holds something else."""

import json
import os
import shutil
from urllib.parse import urlsplit

from deploy.embedded.database import DATABASE
from deploy.embedded.files import write_private
from deploy.embedded.state import State
from deploy.wrong_use import WrongUse

_MARK = "demo.json"
_LOCK = "supervisor.pid"


def refuse_foreign(state: State) -> None:
    """WrongUse if a platform runs in the folder, or something lies in it that no demo has made."""
    if (pid := state.supervisor()) is not None:
        raise WrongUse(
            f"a platform runs in {state.folder} already (pid {pid}): end it"
            f" (trialops down --state {state.folder}) or name another folder with --state"
        )
    held = {path.name for path in state.folder.iterdir()} if state.folder.exists() else set()
    if held - {_LOCK} and _MARK not in held:
        raise WrongUse(f"{state.folder} holds what no demo has made: name another with --state")


def empty(state: State) -> None:
    """Remove what an earlier demo left; call it with the folder locked."""
    elsewhere = state.folder / "postgres" / "elsewhere"
    if elsewhere.is_symlink():
        shutil.rmtree(elsewhere.resolve(), ignore_errors=True)
    for path in state.folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != _LOCK:
            path.unlink()
    write_private(state.folder / _MARK, json.dumps({"made_by": "trialops demo"}))


async def refuse_used_servers() -> None:
    """WrongUse if the servers that the environment names hold a platform's records."""
    if kafka := os.environ.get("TRIALOPS_KAFKA"):
        await _refuse_used_kafka(kafka)
    if postgres := os.environ.get("TRIALOPS_POSTGRES"):
        await _refuse_used_postgres(postgres)


async def _refuse_used_kafka(bootstrap: str) -> None:
    from aiokafka import AIOKafkaConsumer, TopicPartition
    from aiokafka.errors import KafkaError

    from shared.contracts.topics import TOPICS

    reader = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    try:
        await reader.start()
        present = await reader.topics()
        partitions = [
            TopicPartition(topic.name, number)
            for topic in TOPICS
            if topic.name in present
            for number in range(topic.partitions)
        ]
        ends = await reader.end_offsets(partitions) if partitions else {}
    except (KafkaError, OSError) as fault:
        raise WrongUse(f"TRIALOPS_KAFKA does not answer ({type(fault).__name__})") from None
    finally:
        await reader.stop()
    if any(ends.values()):
        raise WrongUse("TRIALOPS_KAFKA holds records: the demo needs a server of its own")


async def _refuse_used_postgres(server: str) -> None:
    import asyncpg

    try:
        connection = await asyncpg.connect(
            urlsplit(server)._replace(path=f"/{DATABASE}").geturl(), timeout=30
        )
    except asyncpg.InvalidCatalogNameError:
        return  # no platform was ever there
    except (asyncpg.PostgresError, OSError) as fault:
        raise WrongUse(f"TRIALOPS_POSTGRES does not answer ({type(fault).__name__})") from None
    try:
        tables = await connection.fetchval(
            "SELECT count(*) FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
    finally:
        await connection.close()
    if tables:
        raise WrongUse("TRIALOPS_POSTGRES holds records: the demo needs a server of its own")
