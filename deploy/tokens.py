"""Development tokens: what an OIDC provider would issue, signed with the embedded run's own key."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt

from deploy.embedded.keys import AUDIENCE, ISSUER, Keys
from deploy.embedded.state import State

ROLES = (
    "site",
    "investigator",
    "safety_officer",
    "trial_manager",
    "statistician",
    "auditor",
    "service",
)
_LIFE = timedelta(hours=12)
_ALL = ("*",)


@dataclass(frozen=True)
class Bearer:
    """Whom a token is for; no trial or no site named means all."""

    role: str
    trials: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    name: str | None = None

    @property
    def sub(self) -> str:
        return self.name or self.role


def sign(state: Path, role: str, name: str | None = None) -> str:
    """A token of the embedded run in the folder, for all trials and sites."""
    token, _ = issue(Keys(State(state).keys), Bearer(role, name=name))
    return token


def issue(keys: Keys, bearer: Bearer) -> tuple[str, datetime]:
    """A signed token and when it expires, by the wall's clock: 12 hours from now."""
    issued = datetime.now(UTC)
    expires = (issued + _LIFE).replace(microsecond=0)
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": bearer.sub,
        "name": bearer.sub,
        "roles": [bearer.role],
        "trials": list(bearer.trials or _ALL),
        "sites": list(bearer.sites or _ALL),
        "iat": issued,
        "exp": expires,
    }
    key, kid = keys.token_key()
    return jwt.encode(claims, key, algorithm="EdDSA", headers={"kid": kid}), expires
