"""Keys of an embedded run: drawn at its first start, kept in `DIR/keys`, readable by us alone."""

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
        """Draw what is missing: the token's, the audit log's and the seed's keys."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _keep_ed25519(self.folder / "audit_ed25519.pem")
        seed = self.folder / "seed_key"
        if not seed.exists():
            write_private(seed, base64.b64encode(secrets.token_bytes(32)).decode())
        public = _keep_ed25519(self._token_file).public_key()
        write_private(self.jwks_file, json.dumps({"keys": [_jwk(public.public_bytes_raw())]}))

    @property
    def exist(self) -> bool:
        return self.jwks_file.exists()

    def database_password(self, service: str) -> str:
        """The password of the service's own database role."""
        return keep_secret(self.folder / f"database_{service}")

    def token_key(self) -> tuple[Ed25519PrivateKey, str]:
        """The key that signs development tokens, and its id in the key set."""
        key = _keep_ed25519(self._token_file)
        return key, _jwk(key.public_key().public_bytes_raw())["kid"]

    @property
    def _token_file(self) -> Path:
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


def _jwk(public: bytes) -> dict[str, str]:
    """The key as RFC 8037 has it; its id is the thumbprint of RFC 7638."""
    x = base64.urlsafe_b64encode(public).decode().rstrip("=")
    required = {"crv": "Ed25519", "kty": "OKP", "x": x}
    canonical = json.dumps(required, separators=(",", ":"), sort_keys=True).encode()
    digest = hashlib.sha256(canonical).digest()
    kid = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    return {**required, "kid": kid, "alg": "EdDSA", "use": "sig"}
