"""Keys of an embedded run: drawn at its first start, kept in `DIR/keys`, readable by us alone.

What only one service may read lies in a folder of its own, `DIR/keys/SERVICE`, and no other service
is told of it.
"""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from deploy.embedded.files import keep_secret, write_private

ISSUER = "trialops-embedded"
AUDIENCE = "trialops"


@dataclass(frozen=True)
class Keys:
    """The keys in one folder."""

    folder: Path

    @property
    def jwks_file(self) -> Path:
        return self.folder / "jwks.json"

    @property
    def superuser_password_file(self) -> Path:
        return self.folder / "database_superuser"

    def prepare(self) -> None:
        """Draw what is missing: the token's, the audit log's, the seed's and the contacts' keys."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._take_in("audit", "audit_ed25519.pem")
        self._take_in("randomizer", "seed_key")
        _keep_ed25519(self.of("audit") / "audit_ed25519.pem")
        _keep_bytes(self.of("randomizer") / "seed_key")
        _keep_bytes(self.of("notifier") / "contacts_key")
        public = _keep_ed25519(self.token_file).public_key()
        write_private(self.jwks_file, json.dumps({"keys": [_jwk(public.public_bytes_raw())]}))

    @property
    def exist(self) -> bool:
        return self.jwks_file.exists()

    def of(self, service: str) -> Path:
        """The folder of what this service alone may read."""
        return self.folder / service

    def _take_in(self, service: str, name: str) -> None:
        """Put a key of a state from before services had folders where its service finds it."""
        before = self.folder / name
        if before.is_file():
            self.of(service).mkdir(exist_ok=True, mode=0o700)
            before.rename(self.of(service) / name)

    def database_password(self, service: str) -> str:
        """The password of the service's own database role."""
        return keep_secret(self.folder / f"database_{service}")

    def token_key(self) -> tuple[Ed25519PrivateKey, str]:
        """The key that signs development tokens, and its id in the key set."""
        key = _keep_ed25519(self.token_file)
        return key, _jwk(key.public_key().public_bytes_raw())["kid"]

    @property
    def token_file(self) -> Path:
        """The private key that signs tokens."""
        return self.folder / "token_ed25519.pem"


def _keep_ed25519(path: Path) -> Ed25519PrivateKey:
    if not path.exists():
        drawn = Ed25519PrivateKey.generate()
        pem = drawn.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        write_private(path, pem.decode())
    key = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError(f"{path} holds no Ed25519 key")
    return key


def _keep_bytes(path: Path) -> None:
    """32 random bytes, in base64."""
    if not path.exists():
        write_private(path, base64.b64encode(secrets.token_bytes(32)).decode())


def _jwk(public: bytes) -> dict[str, str]:
    """The key as RFC 8037 has it; its id is the thumbprint of RFC 7638."""
    x = base64.urlsafe_b64encode(public).decode().rstrip("=")
    required = {"crv": "Ed25519", "kty": "OKP", "x": x}
    canonical = json.dumps(required, separators=(",", ":"), sort_keys=True).encode()
    digest = hashlib.sha256(canonical).digest()
    kid = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    return {**required, "kid": kid, "alg": "EdDSA", "use": "sig"}
