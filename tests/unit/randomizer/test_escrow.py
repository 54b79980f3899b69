"""The custodian's copy of a seed: who opens it, and what is no copy."""

import base64

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from services.randomizer.escrow import (
    Escrow,
    EscrowError,
    Wrapped,
    fingerprint,
    private_key,
    public_key,
    read,
)
from services.randomizer.seed import Seed, WrongKeyError, unseal_any
from tests.unit.randomizer.made import SEED, TRIAL

CUSTODIAN = X25519PrivateKey.generate()
NONCE = bytes(12)
PEM, PKCS8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
NO_PHRASE = serialization.NoEncryption()
PUBLIC = serialization.PublicFormat.SubjectPublicKeyInfo


def wrapped(seed: Seed = SEED) -> Wrapped:
    return Wrapped.of(seed, CUSTODIAN.public_key(), NONCE)


def test_the_custodian_opens_the_copy_and_nobody_else() -> None:
    assert wrapped().open(CUSTODIAN) == SEED
    with pytest.raises(WrongKeyError, match=TRIAL):
        wrapped().open(X25519PrivateKey.generate())


def test_the_copy_shows_nothing_and_differs_each_time() -> None:
    one, other = wrapped(), wrapped()
    assert one.sealed != other.sealed
    assert SEED.secret not in base64.b64decode(one.sealed)
    assert (one.trial, one.commitment) == (TRIAL, SEED.commitment)


@pytest.mark.parametrize(
    "change",
    [
        {"trial": "NCT00000002"},
        {"commitment": "0" * 64},
        {"ephemeral": base64.b64encode(bytes(32)).decode()},
        {"ephemeral": base64.b64encode(bytes(31)).decode()},
        {"sealed": base64.b64encode(bytes(61)).decode()},
        {"sealed": base64.b64encode(b"\x01" + bytes(60)).decode()},
    ],
)
def test_a_changed_copy_does_not_open(change: dict[str, str]) -> None:
    with pytest.raises(WrongKeyError):
        wrapped().model_copy(update=change).open(CUSTODIAN)


def test_the_file_is_read_as_it_was_written() -> None:
    kept = Escrow(custodian=fingerprint(CUSTODIAN.public_key()), seeds=(wrapped(),))
    assert read(kept.model_dump_json().encode()) == kept


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b'{"custodian": "x", "seeds": [{}]}'])
def test_what_is_no_escrow_is_told_in_one_line(raw: bytes) -> None:
    with pytest.raises(EscrowError) as why:
        read(raw)
    assert len(str(why.value).splitlines()) == 1


def test_keys_are_read_from_pem() -> None:
    private = CUSTODIAN.private_bytes(PEM, PKCS8, NO_PHRASE)
    public = CUSTODIAN.public_key().public_bytes(PEM, PUBLIC)
    assert private_key(private).private_bytes_raw() == CUSTODIAN.private_bytes_raw()
    assert public_key(public) == CUSTODIAN.public_key()
    other = Ed25519PrivateKey.generate()
    signing = other.private_bytes(PEM, PKCS8, NO_PHRASE)
    sealed = CUSTODIAN.private_bytes(PEM, PKCS8, serialization.BestAvailableEncryption(b"x"))
    for wrong in (b"", b"no key", public, signing, sealed):
        with pytest.raises(EscrowError, match="private key"):
            private_key(wrong)
    for wrong in (b"", private, other.public_key().public_bytes(PEM, PUBLIC)):
        with pytest.raises(EscrowError, match="public key"):
            public_key(wrong)


def test_a_seed_opens_by_any_of_several_keys() -> None:
    old, new = bytes(32), bytes(31) + b"\x01"
    for key in (old, new):
        assert unseal_any(TRIAL, SEED.seal(key, NONCE), (new, old)) == SEED
    with pytest.raises(WrongKeyError):
        unseal_any(TRIAL, SEED.seal(bytes(31) + b"\x02", NONCE), (new, old))
