"""PostgreSQL: the pool, and which of its errors pass by themselves."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

import asyncpg

from shared.runtime import logs
from shared.runtime.settings import Settings

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Connection = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
    Pool = asyncpg.Pool[asyncpg.Record]
else:
    Connection = asyncpg.Connection
    Pool = asyncpg.Pool

T = TypeVar("T")

_log = logs.logger("database")

_FAULTS_OF_DATA = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,  # a value longer than an index can hold
    asyncpg.RaiseError,
)
_LOST_CONNECTION = (
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what is left of a statement when its server is gone
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    OSError,
    TimeoutError,
)


def passing(fault: BaseException) -> bool:
    """Whether a fault is the database's or the network's, so that a retry may help.

    Every PostgreSQL error passes but those which the data itself causes; so does NotYet.
    """
    if isinstance(fault, NotYet):
        return True
    if isinstance(fault, asyncpg.exceptions.ClientConfigurationError):
        return False
    if isinstance(fault, _LOST_CONNECTION):
        return not isinstance(fault, asyncpg.DataError)
    return isinstance(fault, asyncpg.PostgresError) and not isinstance(fault, _FAULTS_OF_DATA)


def conflicting(fault: BaseException) -> bool:
    """Whether a transaction was rolled back for the sake of another: nothing of it was kept."""
    return isinstance(fault, asyncpg.SerializationError | asyncpg.DeadlockDetectedError | Overtaken)


class NotYet(Exception):
    """this process cannot decide now, and nothing is wrong with the data; it comes again"""


class Overtaken(Exception):
    """another transaction took what this one had read; it is rolled back and tried again"""


@asynccontextmanager
async def pool(settings: Settings, service: str) -> AsyncIterator[Pool]:
    """A pool of the service's own role whose search path is the service's schema."""
    async with asyncpg.create_pool(
        settings.database,
        min_size=1,
        max_size=settings.pool_size,
        command_timeout=settings.statement_timeout_s,
        reset=_as_it_is,
        server_settings={
            "search_path": service,
            "application_name": f"trialops-{service}",
            "timezone": "UTC",
            "idle_in_transaction_session_timeout": "60000",
        },
    ) as opened:
        yield opened


async def _as_it_is(_: Connection) -> None:
    """Nothing here changes a session, so none is worth a round trip when it goes back to the pool.

    asyncpg rolls back by itself what is still in a transaction.
    """


def pauses(settings: Settings) -> Callable[[int], float]:
    """Seconds to wait before try n (from 0): doubling, bounded, with full jitter."""

    def pause(attempt: int) -> float:
        longest = min(settings.retry_longest_s, settings.retry_first_s * 2 ** min(attempt, 30))
        return random.uniform(longest / 2, longest)  # noqa: S311 - jitter, not a secret

    return pause


async def retried(
    work: Callable[[], Awaitable[T]],
    settings: Settings,
    retriable: Callable[[BaseException], bool],
) -> T:
    """The result of `work`, tried again with backoff while its fault is retriable.

    The last fault is raised after `settings.retries` retries.
    """
    pause = pauses(settings)
    for attempt in range(settings.retries + 1):
        try:
            return await work()
        except Exception as fault:
            if attempt == settings.retries or not retriable(fault):
                raise
            logs.warn(_log, "tried again after a passing fault", fault, attempt=attempt + 1)
            await asyncio.sleep(pause(attempt))
    raise AssertionError("unreachable")
