"""An issuer of bearer tokens for tests, with one key of its own."""

import base64
import json
import time
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.runtime.security import Tokens

ISSUER = "https://issuer.test"
AUDIENCE = "trialops-test"
KID = "first"


class Issuer:
    """Signs what it is told to; `jwks_file` holds its public key."""

    def __init__(self, folder: Path) -> None:
        self.key = Ed25519PrivateKey.generate()
        self.jwks_file = folder / "jwks.json"
        self.public = self.key.public_key().public_bytes_raw()
        x = base64.urlsafe_b64encode(self.public).decode().rstrip("=")
        jwk = {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": KID, "alg": "EdDSA", "use": "sig"}
        self.jwks_file.write_text(json.dumps({"keys": [jwk]}))

    def tokens(self) -> Tokens:
        """Who verifies them."""
        return Tokens(self.jwks_file, ISSUER, AUDIENCE)

    def claims(self, *roles: str, **others: Any) -> dict[str, Any]:
        """Good claims, with others in their place; None takes one out."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "someone",
            "iat": now,
            "exp": now + 600,
            "roles": list(roles),
            "trials": ["*"],
            "sites": ["*"],
        }
        return {name: value for name, value in (claims | others).items() if value is not None}

    def token(self, *roles: str, **others: Any) -> str:
        """A token over these claims."""
        claims = self.claims(*roles, **others)
        return jwt.encode(claims, self.key, algorithm="EdDSA", headers={"kid": KID})

    def bearer(self, *roles: str, **others: Any) -> dict[str, str]:
        """The header that carries such a token."""
        return {"authorization": f"Bearer {self.token(*roles, **others)}"}
