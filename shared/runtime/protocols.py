"""The protocol files that a service has worked with: another one under a version stops it.

What was decided by a version must be found in its file for ever. So each service remembers the
hash of every file at first sight, in its own database, and does not start where a file differs from
it, or where the file of a version that has come into force is gone.
"""

from collections.abc import Iterable
from datetime import datetime
from functools import partial

from shared.contracts.study import Protocol
from shared.contracts.versions import Versions, begins
from shared.runtime.database import Connection
from shared.runtime.work import Work


class Refused(Exception):
    """A service that must not work; the message is one line that says why."""


async def hold(work: Work, trials: Iterable[Versions]) -> None:
    """Remember the files that are new, and raise ``Refused`` where a known one is another."""
    every = list(trials)
    if every:
        await work.transact(partial(_hold, every))


async def _hold(every: list[Versions], db: Connection, now: datetime) -> None:
    files = [file for versions in every for file in versions.every]
    await db.execute(
        """
        INSERT INTO protocol_version (trial, version, sha256, begins, seen_at)
        SELECT *, $5 FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[])
        ON CONFLICT DO NOTHING
        """,
        [file.id for file in files],
        [file.version for file in files],
        [file.sha256 for file in files],
        [None if file.amendment is None else begins(file) for file in files],
        now,
    )
    rows = await db.fetch(
        """
        SELECT trial, version, sha256, begins FROM protocol_version WHERE trial = ANY($1::text[])
        ORDER BY trial, begins NULLS FIRST, version
        """,
        [versions.id for versions in every],
    )
    here = {(file.id, file.version): file for file in files}
    for trial, version, sha256, since in rows:
        file = here.get((trial, version))
        if file is not None:
            _check(file, sha256)
        elif since is None or since <= now:
            raise Refused(f"version {version} of {trial} is in force, and its file is gone")


def _check(file: Protocol, sha256: str) -> None:
    if file.sha256 != sha256:
        raise Refused(
            f"{file.file}: version {file.version} of {file.id} was another file, with SHA-256"
            f" {sha256}: a change needs a version of its own"
        )
