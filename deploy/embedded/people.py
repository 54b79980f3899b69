"""The people of an embedded run: one for each role, drawn at its first start, made-up all of them.

Where there is no identity provider, they sign in at the portal with these names and passwords, and
they are whom a trial calls that has named no contacts yet. Passwords are kept in plain text for the
person at the terminal alone, and as hashes for the portal.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from deploy.embedded.files import write_private
from shared.contracts.study import Protocol

_DOMAIN = "trialops.example"
_ALL = ("*",)
_PASSWORD_BYTES = 9
_SALT_BYTES, _HASH_BYTES = 16, 32
_COST, _BLOCK, _LANES = 16384, 8, 1  # of scrypt, RFC 7914: 16 MiB and about 40 ms


@dataclass(frozen=True)
class Person:
    """Who may sign in; `sub` is what is typed as the name."""

    sub: str
    name: str
    role: str
    trials: tuple[str, ...] = _ALL
    sites: tuple[str, ...] = _ALL
    password: str = field(default="", repr=False)

    @property
    def address(self) -> str:
        return f"{self.sub}@{_DOMAIN}"

    def as_json(self) -> dict[str, object]:
        """All of it, with the password."""
        return {**asdict(self), "address": self.address}


def cast(protocols: Iterable[Protocol]) -> list[Person]:
    """Whom a platform with these trials has: each role once, and the coordinator of other sites.

    Coordinator and investigator are of the first site of each trial, the other of the second.
    """
    sites = [[str(site.id) for site in protocol.sites] for protocol in protocols]
    first = tuple(dict.fromkeys(ids[0] for ids in sites))
    second = tuple(dict.fromkeys(ids[1] for ids in sites if len(ids) > 1)) or first
    return [
        Person("site", "Sara Conti", "site", sites=first),
        Person("site-2", "Nina Berg", "site", sites=second),
        Person("investigator", "Marco Riva", "investigator", sites=first),
        Person("safety_officer", "Eva Lind", "safety_officer"),
        Person("trial_manager", "Tom Hale", "trial_manager"),
        Person("statistician", "Ada Voss", "statistician"),
        Person("auditor", "Noor Amin", "auditor"),
    ]


@dataclass(frozen=True)
class People:
    """The people's files: who they are for the portal, whom to call, and the passwords."""

    keys: Path
    contacts_file: Path

    @property
    def file(self) -> Path:
        """What the portal reads."""
        return self.keys / "people.json"

    @property
    def _sign_ins(self) -> Path:
        return self.keys / "sign_ins.json"

    def prepare(self, protocols: Sequence[Protocol]) -> None:
        """Draw them at the first start; they stay who they are."""
        if not self._sign_ins.exists():
            drawn = [
                {**one.as_json(), "password": secrets.token_urlsafe(_PASSWORD_BYTES)}
                for one in cast(protocols)
            ]
            write_private(self._sign_ins, json.dumps(drawn, indent=1))
        everyone = self.read()
        if not self.file.exists():
            hashed = [{**one.as_json(), "password": scrypt(one.password)} for one in everyone]
            write_private(self.file, json.dumps(hashed, indent=1))
        if not self.contacts_file.exists():
            called = contacts(everyone, protocols)
            write_private(self.contacts_file, json.dumps(called, indent=1))

    def read(self) -> list[Person]:
        """Everyone, with the passwords; FileNotFoundError before the first start."""
        rows = json.loads(self._sign_ins.read_text())
        return [
            Person(
                sub=row["sub"],
                name=row["name"],
                role=row["role"],
                trials=tuple(row["trials"]),
                sites=tuple(row["sites"]),
                password=row["password"],
            )
            for row in rows
        ]


def scrypt(password: str) -> str:
    """The password's hash, with its salt and cost, as the portal reads it."""
    salt = secrets.token_bytes(_SALT_BYTES)
    digest = hashlib.scrypt(
        password.encode(), salt=salt, n=_COST, r=_BLOCK, p=_LANES, dklen=_HASH_BYTES
    )
    parts = (base64.b64encode(part).decode() for part in (salt, digest))
    return "$".join(["scrypt", str(_COST), str(_BLOCK), str(_LANES), *parts])


def contacts(everyone: Sequence[Person], protocols: Iterable[Protocol]) -> dict[str, object]:
    """Whom a trial calls until it says otherwise, by trial, all by mail; the auditor is not called.

    `*` is for a trial that comes later; it names nobody who is bound to sites of the others.
    """
    called = [person for person in everyone if person.role != "auditor"]
    unbound = [_contact(person) for person in called if person.sites == _ALL]
    by_trial: dict[str, object] = {"*": {"contacts": unbound}}
    for protocol in protocols:
        ids = {str(site.id) for site in protocol.sites}
        members = [
            _contact(person, [] if person.sites == _ALL else sorted(ids.intersection(person.sites)))
            for person in called
            if person.sites == _ALL or ids.intersection(person.sites)
        ]
        by_trial[protocol.id] = {"contacts": members}
    return by_trial


def _contact(person: Person, sites: Sequence[str] = ()) -> dict[str, object]:
    bound = {"sites": list(sites)} if sites else {}
    return {
        "name": person.name,
        "sub": person.sub,
        "role": person.role,
        **bound,
        "order": 1,
        "channels": [{"kind": "mail", "address": person.address}],
    }
