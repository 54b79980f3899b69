"""Free ports of this machine's loopback, remembered so that a restart keeps them."""

import json
import secrets
import socket
from pathlib import Path

from deploy.embedded.files import write_private

LOOPBACK = "127.0.0.1"

# Below the range from which the kernel takes ports for outgoing connections: nothing borrows one
# while its owner is being restarted.
_FIRST, _LAST = 20_000, 31_999


def is_free(port: int) -> bool:
    """True if nobody listens on the port; connections that linger from before do not count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def take(names: tuple[str, ...], memory: Path) -> dict[str, int]:
    """A port for each name: the one remembered in the file `memory` if free, else a new one."""
    known: dict[str, int] = json.loads(memory.read_text()) if memory.exists() else {}
    ports = {name: known[name] for name in names if name in known and is_free(known[name])}
    for name in names:
        if name not in ports:
            ports[name] = _new_port(taken={*known.values(), *ports.values()})
    write_private(memory, json.dumps(known | ports, indent=1))
    return ports


def _new_port(taken: set[int]) -> int:
    for _ in range(1_000):
        port = _FIRST + secrets.randbelow(_LAST - _FIRST + 1)
        if port not in taken and is_free(port):
            return port
    raise RuntimeError(f"no free port between {_FIRST} and {_LAST}")
