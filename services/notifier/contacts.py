"""Who is called: contacts with their channels, and which of them an alert calls, in which order."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from services.notifier.seals import signing_key
from services.notifier.words import Called
from shared.contracts.events.base import Site
from shared.contracts.events.notification import Channel as Kind
from shared.contracts.subjects import TrialId

Text = Annotated[
    str,
    Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*$"),
]
_ID = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
ContactId = Annotated[str, Field(pattern=f"^{_ID}$")]


def well_formed_id(text: str) -> bool:
    """Whether a contact may have this id."""
    return re.fullmatch(_ID, text) is not None


def _mail_address(address: str) -> str:
    # In a letter's header it would be decoded (RFC 2047), into any characters.
    if "=?" in address:
        raise ValueError("holds an encoded word")
    return address


Address = Annotated[
    str,
    Field(max_length=254, pattern=r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]+$"),
    AfterValidator(_mail_address),
]


def _web_address(url: str) -> str:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - it raises where it is no number
    except ValueError:
        raise ValueError("is no address") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("is http:// or https:// and a host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("holds a login")
    return url


Url = Annotated[
    str, Field(max_length=1000, pattern=r"^[\x21-\x7e]+$"), AfterValidator(_web_address)
]


def _signs(secret: str) -> str:
    signing_key(secret)
    return secret


Secret = Annotated[
    str, Field(min_length=16, max_length=200, pattern=r"^[\x21-\x7e]+$"), AfterValidator(_signs)
]


class _Words(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class MailWords(_Words):
    """A mail address."""

    kind: Literal["mail"]
    address: Address


class WebhookWords(_Words):
    """An address that takes signed messages; without a secret the known one stays."""

    kind: Literal["webhook"]
    url: Url
    secret: Secret | None = None


class ContactWords(_Words):
    """One contact as it is given."""

    id: ContactId | None = None
    name: Text
    sub: Text | None = None
    role: Called
    sites: list[Site] | None = None
    order: int = Field(ge=1, le=1000)
    channels: list[Annotated[MailWords | WebhookWords, Field(discriminator="kind")]] = Field(
        min_length=1, max_length=5
    )


class ContactsWords(_Words):
    """The whole list of one trial."""

    contacts: list[ContactWords] = Field(max_length=200)


@dataclass(frozen=True, slots=True)
class Channel:
    """One way to reach a contact. `secret` is closed, and opened only to sign."""

    kind: Kind
    target: str
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody to call. `sites` None: of every site."""

    id: str
    trial: TrialId
    name: str
    sub: str | None
    role: str
    sites: tuple[str, ...] | None
    order: int
    channels: tuple[Channel, ...]


def on_call(
    contacts: Iterable[Contact], roles: Sequence[str], site: str | None
) -> Sequence[Contact]:
    """Whom an alert for these roles calls: by order, then as the roles stand; each person once."""
    found = [
        contact
        for contact in contacts
        if contact.role in roles
        and (site is None or contact.sites is None or site in contact.sites)
    ]
    once: dict[str, Contact] = {}
    for contact in sorted(
        found, key=lambda one: (one.order, roles.index(one.role), one.trial, one.id)
    ):
        once.setdefault(f"sub {contact.sub}" if contact.sub else f"id {contact.id}", contact)
    return list(once.values())
