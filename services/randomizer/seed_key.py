"""The key that opens the sealed seeds, from the folder of the service's own keys.

While the key is being changed the file holds the new one and, in a second line, the one before.
"""

import base64
import binascii
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from services.randomizer.seed import KEY_BYTES
from shared.runtime.protocols import Refused

FILE: Final = "seed_key"


def read(folder: Path) -> tuple[bytes, ...]:
    """The keys, each 32 bytes in base64, the one that seals first.

    Raises ``Refused``, whose message never shows them.
    """
    file = folder / FILE
    try:
        lines = file.read_bytes().split() or [b""]
        keys = tuple(base64.b64decode(line, validate=True) for line in lines)
    except OSError as error:
        raise Refused(f"the seed key cannot be read from {file}: {error.strerror}") from None
    except binascii.Error:
        raise Refused(f"the seed key in {file} is not base64") from None
    for key in keys:
        if len(key) != KEY_BYTES:
            raise Refused(f"the seed key in {file} is {len(key)} bytes, not {KEY_BYTES}")
    return keys


def text(keys: Sequence[bytes]) -> str:
    """What the file holds."""
    return "\n".join(base64.b64encode(key).decode() for key in keys)
