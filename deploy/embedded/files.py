"""Small files that a kill -9 leaves either as they were or as they should be."""

import os
import secrets
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Replace a file at once, readable by us alone (0600); its folder is made (0700) if missing."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def keep_secret(path: Path) -> str:
    """The secret of a file, 32 random bytes in URL-safe text drawn when it is first asked for."""
    if not path.exists():
        write_private(path, secrets.token_urlsafe(32))
    return path.read_text()
