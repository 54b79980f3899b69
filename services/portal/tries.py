"""Failed sign-ins of late: whoever guesses is stopped, and nobody else with them."""

import hashlib
from datetime import timedelta
from ipaddress import IPv6Address, IPv6Network, ip_address

from shared.runtime.clock import wall
from shared.runtime.database import Connection

_WINDOW = timedelta(minutes=15)
_OF_A_NAME = 10
_OF_AN_ADDRESS = 300


def place(address: str) -> str:
    """What counts as one address: of IPv6 the network of 64 bits, which one machine has."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or IPv6Network((found, 64), strict=False))
    return str(found)


async def may_try(db: Connection, name: str, address: str) -> bool:
    """Whether a sign-in is looked at: not after 10 failures of its name from its address, or 300 of
    any names from there, in a quarter of an hour.

    Nothing bounds the failures of all addresses together but the time that each one takes: a bound
    that strangers reach is a door that they close.
    """
    allowed = _allowed(name, address)
    rows = await db.fetch(
        "SELECT name, count FROM sign_in_failure WHERE name = ANY($1) AND since > $2",
        list(allowed),
        wall() - _WINDOW,
    )
    return all(row["count"] < allowed[row["name"]] for row in rows)


async def failed(db: Connection, name: str, address: str) -> None:
    """Count a failure. Those of past windows go, so that no more are kept than can be looked at in
    a quarter of an hour.
    """
    now = wall()
    await db.execute("DELETE FROM sign_in_failure WHERE since <= $1", now - _WINDOW)
    await db.execute(
        """
        INSERT INTO sign_in_failure AS f (name, since, count)
        SELECT name, $2, 1 FROM unnest($1::bytea[]) AS name
        ON CONFLICT (name) DO UPDATE SET count = f.count + 1
        """,
        sorted(_allowed(name, address)),
        now,
    )


def _allowed(name: str, address: str) -> dict[bytes, int]:
    """What a try counts under, by hash, and how often that may fail."""
    there = place(address)
    return {_hash(there): _OF_AN_ADDRESS, _hash(f"{there}\n{name}"): _OF_A_NAME}


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
