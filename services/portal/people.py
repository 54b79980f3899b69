"""Who may sign in: the people of the embedded run, from a file, with their passwords' hashes."""

import base64
import hashlib
import hmac
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from shared.runtime.security import ALL, Role

# What a password is worth (RFC 7914): 16 MiB and some 40 ms a try. Others in a file are refused,
# so that nobody signs in by a cheap hash.
_N, _R, _P, _BYTES = 16384, 8, 1, 32


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    sub: Annotated[str, Field(min_length=1, max_length=200)]
    name: Annotated[str, Field(min_length=1, max_length=200)]
    role: Role
    trials: tuple[str, ...]
    sites: tuple[str, ...]
    address: str
    password: Annotated[str, Field(pattern=r"^scrypt\$16384\$8\$1\$[^$]+\$[^$]+$", repr=False)]


_ROWS = TypeAdapter(tuple[_Row, ...])


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may sign in, with one role; a trial or site of `*`: all."""

    sub: str
    name: str
    role: Role
    trials: frozenset[str]
    sites: frozenset[str]
    address: str

    def may_see_trial(self, trial: str) -> bool:
        """Whether the trial is in this person's scope."""
        return ALL in self.trials or trial in self.trials

    def may_see_site(self, site: str) -> bool:
        """Whether the site is in this person's scope."""
        return ALL in self.sites or site in self.sites

    @property
    def only_sites(self) -> list[str] | None:
        """The sites in scope, for SQL; None: all."""
        return None if ALL in self.sites else sorted(self.sites)


class People:
    """The people of a file, read again whenever it was replaced. No file: nobody."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._seen: tuple[int, int] | None = None
        self._rows: dict[str, _Row] = {}
        self._nobody = hash_of(os.urandom(16).hex())

    def find(self, sub: str) -> Person | None:
        """The person of this name."""
        row = self._read().get(sub)
        return None if row is None else _person(row)

    def checked(self, sub: str, password: str) -> Person | None:
        """The person whose password this is. It takes as long for a name that nobody has."""
        row = self._read().get(sub)
        right = _matches(password, row.password if row else self._nobody)
        return _person(row) if row and right else None

    @property
    def any(self) -> bool:
        """Whether anybody may sign in."""
        return bool(self._read())

    def _read(self) -> dict[str, _Row]:
        if self._file is None:
            return {}
        try:
            status = self._file.stat()
        except FileNotFoundError:
            return {}
        if (seen := (status.st_mtime_ns, status.st_ino)) != self._seen:
            rows = _ROWS.validate_python(json.loads(self._file.read_text(encoding="utf-8")))
            self._rows, self._seen = {row.sub: row for row in rows}, seen
        return self._rows


def hash_of(password: str) -> str:
    """A new hash of a password, `scrypt$n$r$p$salt$hash`."""
    salt = os.urandom(16)
    parts = (base64.b64encode(part).decode() for part in (salt, _scrypt(password, salt)))
    return "$".join(("scrypt", str(_N), str(_R), str(_P), *parts))


def _matches(password: str, kept: str) -> bool:
    salt, wanted = (base64.b64decode(part) for part in kept.split("$")[4:])
    return hmac.compare_digest(_scrypt(password, salt), wanted)


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=_N, r=_R, p=_P, dklen=_BYTES)


def _person(row: _Row) -> Person:
    return Person(
        row.sub, row.name, row.role, frozenset(row.trials), frozenset(row.sites), row.address
    )
