"""A trial's secret seed, and the numbers that are derived from it.

The seed is 32 bytes of the operating system's randomness, made once a trial and kept only sealed.
Before the first draw its *commitment* goes into the audit log, so that nobody can change it later
unseen:

    commitment = SHA-256( seed, 32 bytes | trial id, UTF-8 )

Every number that a design uses is a pure function of (seed, stratum, purpose, position), so one
draw can be worked out again without those before it (HMAC as a pseudorandom function: RFC 2104,
FIPS 198-1):

    mac = HMAC-SHA256( key: seed, message: "trialops.draw.v1" | text(stratum) | text(purpose)
                                           | position, 8 bytes | attempt, 4 bytes )
    text(x) = length of x in UTF-8, 4 bytes | x in UTF-8           all integers are big-endian

The first 8 bytes of the mac are an integer x. Below n: x mod n, unless x >= 2**64 - (2**64 mod n),
which would favour small results; then attempt (from 0) goes up by one and x is drawn again.
"""

import hashlib
import hmac
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.contracts.subjects import TrialId

SEED_BYTES: Final = 32
KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
_SEALED_V1: Final = b"\x01"
_DOMAIN: Final = b"trialops.draw.v1"
_SPAN: Final = 1 << 64


class WrongKeyError(Exception):
    """The sealed seed does not open with this key: not its key, or not this trial's seed."""


@dataclass(frozen=True)
class Seed:
    """The opened seed of one trial; never printed, never stored as it is."""

    trial: TrialId
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) != SEED_BYTES:
            raise ValueError(f"a seed is {SEED_BYTES} bytes")

    @cached_property
    def commitment(self) -> str:
        """SHA-256 over the seed's bytes and the trial id, in hexadecimal."""
        return hashlib.sha256(self.secret + self.trial.encode()).hexdigest()

    def seal(self, key: bytes, nonce: bytes) -> bytes:
        """The seed under ``key`` (32 bytes) by AES-256-GCM bound to the trial.

        ``nonce`` is 12 fresh random bytes. Layout: version 1 | nonce | ciphertext and tag.
        """
        if len(nonce) != NONCE_BYTES:
            raise ValueError(f"a nonce is {NONCE_BYTES} bytes")
        return _SEALED_V1 + nonce + _cipher(key).encrypt(nonce, self.secret, self.trial.encode())


def unseal(trial: TrialId, sealed: bytes, key: bytes) -> Seed:
    """The seed that ``Seed.seal`` closed; raises ``WrongKeyError``."""
    nonce, closed = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
    if sealed[:1] != _SEALED_V1 or len(closed) != SEED_BYTES + 16:
        raise WrongKeyError(f"the sealed seed of {trial} is damaged")
    try:
        return Seed(trial, _cipher(key).decrypt(nonce, closed, trial.encode()))
    except InvalidTag:
        raise WrongKeyError(f"the seed key does not open the seed of {trial}") from None


def unseal_any(trial: TrialId, sealed: bytes, keys: Sequence[bytes]) -> Seed:
    """The seed by the first of these keys that opens it; raises ``WrongKeyError``."""
    for key in keys[:-1]:
        with suppress(WrongKeyError):
            return unseal(trial, sealed, key)
    return unseal(trial, sealed, keys[-1])


def _cipher(key: bytes) -> AESGCM:
    if len(key) != KEY_BYTES:
        raise WrongKeyError(f"a seed key is {KEY_BYTES} bytes, this one is {len(key)}")
    return AESGCM(key)


class Stream:
    """The numbers of one stratum for one purpose, each by its position."""

    __slots__ = ("_prefix", "_secret")

    def __init__(self, seed: Seed, stratum: str, purpose: str) -> None:
        self._secret = seed.secret
        self._prefix = _prefix(stratum, purpose)

    def below(self, n: int, position: int) -> int:
        """An integer from 0 to n - 1, each with the same chance; n is 1 to 2**32."""
        if not 1 <= n <= 1 << 32:
            raise ValueError("n is 1 to 2**32")
        unbiased = _SPAN - _SPAN % n
        at = self._prefix + position.to_bytes(8, "big")
        attempt = 0
        while True:
            mac = hmac.digest(self._secret, at + attempt.to_bytes(4, "big"), "sha256")
            number = int.from_bytes(mac[:8], "big")
            if number < unbiased:
                return number % n
            attempt += 1


@lru_cache(maxsize=4096)
def _prefix(stratum: str, purpose: str) -> bytes:
    return _DOMAIN + text(stratum) + text(purpose)


def text(of: str) -> bytes:
    """A text so that no two messages made of several are the same bytes."""
    encoded = of.encode()
    return len(encoded).to_bytes(4, "big") + encoded
