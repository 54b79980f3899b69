"""Who calls: OIDC bearer tokens, roles and scope."""

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import jwt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

ALGORITHMS = ("EdDSA", "ES256", "RS256")
ALL = "*"
_LEEWAY_S = 10
_CACHED = 1024


class Role(StrEnum):
    """What a person or a service may be."""

    SITE = "site"
    INVESTIGATOR = "investigator"
    SAFETY_OFFICER = "safety_officer"
    TRIAL_MANAGER = "trial_manager"
    STATISTICIAN = "statistician"
    AUDITOR = "auditor"
    SERVICE = "service"


class BadToken(ValueError):
    """the token is not one that this platform takes; the message never says why in detail"""


class _Claims(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    sub: str = Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")
    name: str | None = None
    exp: int
    roles: tuple[str, ...] = Field(default=(), strict=False)
    trials: tuple[str, ...] = Field(default=(), strict=False)
    sites: tuple[str, ...] = Field(default=(), strict=False)


@dataclass(frozen=True, slots=True)
class Caller:
    """A person or service by their token."""

    sub: str
    name: str
    roles: frozenset[Role]
    trials: frozenset[str]
    sites: frozenset[str]

    def has(self, *roles: Role) -> bool:
        """Whether the caller has one of these roles."""
        return not self.roles.isdisjoint(roles)

    def may_see_trial(self, trial: str) -> bool:
        """Whether the trial is in the caller's scope."""
        return ALL in self.trials or trial in self.trials

    def may_see_site(self, site: str) -> bool:
        """Whether the site is in the caller's scope."""
        return ALL in self.sites or site in self.sites


class Tokens:
    """Verifies bearer tokens with pinned issuer, audience, algorithms and keys (RFC 8725)."""

    def __init__(self, jwks_file: Path, issuer: str, audience: str) -> None:
        keys = jwt.PyJWKSet.from_dict(json.loads(jwks_file.read_text()))
        self._keys = {key.key_id: key for key in keys.keys}
        self._issuer = issuer
        self._audience = audience
        self._known: dict[str, tuple[int, Caller]] = {}

    def caller(self, token: str, now: float) -> Caller:
        """Who the token speaks for; BadToken where it does not hold. `now`: the wall's, in s."""
        if known := self._known.get(token):
            expires, caller = known
            if now < expires + _LEEWAY_S:
                return caller
            del self._known[token]
        claims = self._verified(token)
        caller = Caller(
            sub=claims.sub,
            name=claims.name or claims.sub,
            roles=frozenset(Role(role) for role in claims.roles if role in set(Role)),
            trials=frozenset(claims.trials),
            sites=frozenset(claims.sites),
        )
        if len(self._known) >= _CACHED:
            self._known.clear()
        self._known[token] = claims.exp, caller
        return caller

    def _verified(self, token: str) -> _Claims:
        try:
            key = self._keys[jwt.get_unverified_header(token)["kid"]]
            payload = jwt.decode(
                token,
                key,
                algorithms=list(ALGORITHMS),
                issuer=self._issuer,
                audience=self._audience,
                leeway=_LEEWAY_S,
                options={"require": ["exp", "iat", "iss", "aud", "sub"]},
            )
            return _Claims.model_validate(payload)
        except (jwt.PyJWTError, ValidationError, KeyError, ValueError) as why:
            raise BadToken("The token is not valid here.") from why
