"""Webhook secrets: what they sign with, and how they are kept.

At rest: AES-256-GCM, bound to their address, under a key outside the database.
"""

import base64
import binascii
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES: Final = 12
_PREFIX: Final = "whsec_"
_SEALED_V1: Final = b"\x01"


class WrongKeyError(Exception):
    """a secret does not open with this key and for this address"""


def seal(secret: str, target: str, key: bytes, nonce: bytes) -> str:
    """The secret closed, in hexadecimal: version 1, nonce, ciphertext and tag.

    ``key`` has 32 bytes, ``nonce`` 12 fresh random ones.
    """
    closed = AESGCM(key).encrypt(nonce, secret.encode(), target.encode())
    return (_SEALED_V1 + nonce + closed).hex()


def unseal(sealed: str, target: str, key: bytes) -> str:
    """The secret that ``seal`` closed; raises ``WrongKeyError``."""
    raw = bytes.fromhex(sealed)
    nonce, closed = raw[1 : 1 + NONCE_BYTES], raw[1 + NONCE_BYTES :]
    try:
        return AESGCM(key).decrypt(nonce, closed, target.encode()).decode()
    except InvalidTag:
        raise WrongKeyError("a webhook's secret does not open with this key") from None


def signing_key(secret: str) -> bytes:
    """The bytes that a secret stands for; ValueError where base64 is meant and is none."""
    if not secret.startswith(_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error as why:
        raise ValueError("is not base64 after whsec_") from why
