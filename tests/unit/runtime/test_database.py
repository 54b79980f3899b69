"""Which faults pass by themselves, and which are the data's own."""

import asyncpg
import pytest

from shared.runtime.database import NotYet, Overtaken, conflicting, passing


@pytest.mark.parametrize(
    "fault",
    [
        asyncpg.InterfaceError("closed"),
        asyncpg.InternalClientError("cannot switch to state"),  # postmaster killed under a reset
        asyncpg.ConnectionDoesNotExistError(),
        asyncpg.AdminShutdownError(),
        asyncpg.DiskFullError(),
        asyncpg.InsufficientPrivilegeError(),
        ConnectionRefusedError(),
        TimeoutError(),
        NotYet(),
    ],
)
def test_a_fault_of_the_server_or_the_network_passes(fault: Exception) -> None:
    assert passing(fault)


@pytest.mark.parametrize(
    "fault", [asyncpg.DataError(), asyncpg.UniqueViolationError(), asyncpg.RaiseError(), KeyError()]
)
def test_a_fault_of_the_data_does_not(fault: Exception) -> None:
    assert not passing(fault)


def test_a_rollback_for_the_sake_of_another_is_tried_again() -> None:
    assert conflicting(asyncpg.SerializationError())
    assert conflicting(asyncpg.DeadlockDetectedError())
    assert conflicting(Overtaken())
