"""The signed-in person's own token for the other services, signed by the embedded run's issuer."""

import base64
import hashlib
import json
from datetime import timedelta
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from services.portal.people import Person
from shared.runtime.clock import wall

_LIFE = timedelta(minutes=5)
_USED_FOR = timedelta(minutes=1)


class Signer:
    """Signs short-lived tokens; one is used for a minute, so that services verify few."""

    def __init__(self, key_file: Path, issuer: str, audience: str) -> None:
        key = load_pem_private_key(key_file.read_bytes(), password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise TypeError("the token key is no Ed25519 key")
        self._key = key
        self._kid = _thumbprint(key.public_key().public_bytes_raw())
        self._issuer = issuer
        self._audience = audience
        self._signed: dict[Person, tuple[float, str]] = {}

    def token(self, person: Person) -> str:
        """A token that holds for at least four minutes, with this person's role and scope."""
        now = wall()
        until, token = self._signed.get(person, (0.0, ""))
        if now.timestamp() < until:
            return token
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": person.sub,
            "name": person.name,
            "roles": [person.role.value],
            "trials": sorted(person.trials),
            "sites": sorted(person.sites),
            "iat": now,
            "exp": now + _LIFE,
        }
        token = jwt.encode(claims, self._key, algorithm="EdDSA", headers={"kid": self._kid})
        self._signed[person] = ((now + _USED_FOR).timestamp(), token)
        return token


def _thumbprint(public: bytes) -> str:
    """The key's id: its JWK thumbprint (RFC 7638, RFC 8037)."""
    x = base64.urlsafe_b64encode(public).decode().rstrip("=")
    required = json.dumps({"crv": "Ed25519", "kty": "OKP", "x": x}, separators=(",", ":"))
    return base64.urlsafe_b64encode(hashlib.sha256(required.encode()).digest()).decode().rstrip("=")
