"""Where a webhook may go: to no address inside a network, but of hosts that a setting names.

Contacts are written by people of a trial, who have no business with what else answers where the
service runs. The name is looked up once, and what was checked is what is connected to: another
answer a moment later (DNS rebinding) leads nowhere.
"""

import asyncio
import socket
from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

_UNICAST: Final = IPv6Network("2000::/3")
_NAT64: Final = IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address as a network without it has


class InsideError(Exception):
    """the address is inside a network"""


async def addresses(host: str, port: int, allowed: Collection[str]) -> list[str]:
    """The addresses of a host, the best first.

    Raises InsideError where one is inside and the host is not ``allowed``; OSError where there are
    none.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    there = list(dict.fromkeys(str(address[0]) for *_, address in found))
    named = {name.strip("[]").lower() for name in allowed}
    if host not in named and not all(map(outside, there)):
        raise InsideError
    return there


def outside(address: str) -> bool:
    """Whether it is of the public internet: not of this machine or link, private, shared, reserved
    or multicast, nor such an IPv4 address in IPv6's clothes.
    """
    found = ip_address(address)
    if isinstance(found, IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if found in _NAT64:
            inner = IPv4Address(int(found) & 0xFFFF_FFFF)
        if inner is None:
            return found in _UNICAST and found.is_global
        found = inner
    return found.is_global and not found.is_multicast
