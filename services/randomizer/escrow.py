"""A second copy of a trial's seed, wrapped for a custodian who holds no other key: pure.

ECIES on X25519 (RFC 7748): an ephemeral key for each seed, HKDF-SHA256 (RFC 5869) over the shared
secret with the trial in its info, and AES-256-GCM as the seed is sealed everywhere. Only the
custodian's private key opens it; making it needs the public one alone.
"""

import base64
import hashlib
from typing import Annotated, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from services.randomizer.seed import KEY_BYTES, Seed, WrongKeyError, unseal
from shared.contracts.subjects import TrialId

_INFO = b"trialops.seed-escrow.v1|"
_Base64 = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]{4,400}={0,2}$")]


class EscrowError(ValueError):
    """A file that is no escrow, or no key of a custodian; the message is one line."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Wrapped(_Part):
    """One trial's seed; `ephemeral` and `sealed` are base64."""

    trial: str
    commitment: str
    ephemeral: _Base64
    sealed: _Base64

    @classmethod
    def of(cls, seed: Seed, custodian: X25519PublicKey, nonce: bytes) -> Self:
        """The seed for this custodian; ``nonce`` is 12 fresh random bytes."""
        ephemeral = X25519PrivateKey.generate()
        public = ephemeral.public_key().public_bytes_raw()
        key = _key(ephemeral.exchange(custodian), public, seed.trial)
        return cls(
            trial=seed.trial,
            commitment=seed.commitment,
            ephemeral=base64.b64encode(public).decode(),
            sealed=base64.b64encode(seed.seal(key, nonce)).decode(),
        )

    def open(self, custodian: X25519PrivateKey) -> Seed:
        """The seed; raises ``WrongKeyError`` for another custodian's, or where it was changed."""
        trial, public = TrialId(self.trial), base64.b64decode(self.ephemeral)
        try:
            shared = custodian.exchange(X25519PublicKey.from_public_bytes(public))
            seed = unseal(trial, base64.b64decode(self.sealed), _key(shared, public, trial))
        except (WrongKeyError, InvalidTag, ValueError):
            raise WrongKeyError(f"this custodian's key does not open the seed of {trial}") from None
        if seed.commitment != self.commitment:
            raise WrongKeyError(f"the seed of {trial} is not the one committed to")
        return seed


class Escrow(_Part):
    """The custodian's file; `custodian` is the SHA-256 of the public key."""

    custodian: str
    seeds: tuple[Wrapped, ...]


def read(raw: bytes) -> Escrow:
    """The escrow in a JSON text; raises ``EscrowError``."""
    try:
        return Escrow.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "file"
        raise EscrowError(f"{place}: {first['msg']}") from None


def public_key(pem: bytes) -> X25519PublicKey:
    """The custodian's public key in PEM; raises ``EscrowError``."""
    try:
        key = serialization.load_pem_public_key(pem)
    except ValueError:
        key = None
    if not isinstance(key, X25519PublicKey):
        raise EscrowError("is no X25519 public key in PEM")
    return key


def private_key(pem: bytes) -> X25519PrivateKey:
    """The custodian's private key in PEM without a passphrase; raises ``EscrowError``."""
    try:
        key = serialization.load_pem_private_key(pem, None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, X25519PrivateKey):
        raise EscrowError("is no X25519 private key in PEM without a passphrase")
    return key


def fingerprint(custodian: X25519PublicKey) -> str:
    """The SHA-256 of the public key, in hexadecimal."""
    return hashlib.sha256(custodian.public_bytes_raw()).hexdigest()


def _key(shared: bytes, public: bytes, trial: TrialId) -> bytes:
    info = _INFO + trial.encode()
    return HKDF(hashes.SHA256(), KEY_BYTES, salt=public, info=info).derive(shared)
