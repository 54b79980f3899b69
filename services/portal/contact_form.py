"""A contact as a form shows it and takes it: a line of text for each channel."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from shared.contracts import jsontext

ROLES: Final = (
    "safety_officer",
    "trial_manager",
    "investigator",
    "site",
    "statistician",
    "auditor",
)
FIELDS: Final = {
    "name": "Name",
    "role": "Role",
    "sub": "Sign-in name",
    "sites": "Sites",
    "order": "Order",
    "channels": "Ways to reach them",
    "secret": "Signing secret",
}
_WEB: Final = ("http://", "https://")


def blank() -> dict[str, str]:
    """The texts of a new contact."""
    return {**dict.fromkeys(FIELDS, ""), "role": ROLES[0], "order": "1"}


def written(contact: Mapping[str, Any]) -> dict[str, str]:
    """The texts of a known contact; a secret is never shown."""
    return {
        "name": contact["name"],
        "role": contact["role"],
        "sub": contact["sub"] or "",
        "sites": " ".join(contact["sites"] or ()),
        "order": str(contact["order"]),
        "channels": "\n".join(target(one) for one in contact["channels"]),
        "secret": "",
    }


def target(channel: Mapping[str, Any]) -> str:
    """The address of a channel."""
    return str(channel["address"] if channel["kind"] == "mail" else channel["url"])


def read(texts: Mapping[str, str], known: Sequence[str]) -> dict[str, object]:
    """The contact that was typed, as the notifier takes it.

    A secret goes with the web addresses that are new; ``known`` ones keep theirs.
    """
    order = texts["order"].strip()
    lines = [line.strip() for line in texts["channels"].splitlines() if line.strip()]
    secret = texts["secret"].strip()
    return {
        "name": texts["name"].strip(),
        "role": texts["role"],
        "sub": texts["sub"].strip() or None,
        "sites": texts["sites"].replace(",", " ").upper().split() or None,
        "order": int(order) if order.isascii() and order.isdecimal() else 0,
        "channels": [_channel(line, secret if line not in known else "") for line in lines],
    }


def _channel(line: str, secret: str) -> dict[str, str]:
    if not line.lower().startswith(_WEB):
        return {"kind": "mail", "address": line}
    return {"kind": "webhook", "url": line} | ({"secret": secret} if secret else {})


def kept(contact: Mapping[str, Any]) -> dict[str, object]:
    """A contact as it stands, to be sent back unchanged."""
    return {name: value for name, value in contact.items() if name != "test"}


def digest(contacts: Sequence[Mapping[str, Any]]) -> str:
    """Names a list of contacts: what is replaced is what was looked at."""
    return hashlib.sha256(jsontext.dumps([kept(one) for one in contacts])).hexdigest()[:16]
