"""The seed: sealed, committed, and the numbers derived from it."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.randomizer.seed import Seed, Stream, WrongKeyError, unseal
from shared.contracts.subjects import TrialId

SEED = Seed(TrialId("NCT06903312"), bytes(range(32)))
KEY, NONCE = bytes(32), bytes(12)


def test_the_commitment_is_the_hash_of_seed_and_trial() -> None:
    assert SEED.commitment == hashlib.sha256(bytes(range(32)) + b"NCT06903312").hexdigest()


def test_the_secret_is_in_no_text() -> None:
    assert "secret" not in repr(SEED)
    assert SEED.secret.hex()[:8] not in repr(SEED)


def test_sealing_hides_and_opens_again() -> None:
    sealed = SEED.seal(KEY, NONCE)
    assert SEED.secret not in sealed
    assert unseal(SEED.trial, sealed, KEY) == SEED


@pytest.mark.parametrize(
    ("trial", "key", "change"),
    [
        ("NCT06903312", b"\x01" * 32, -1),
        ("CDISCPILOT01", KEY, -1),
        ("NCT06903312", KEY, 0),
        ("NCT06903312", KEY, 20),
        ("NCT06903312", b"short", -1),
    ],
)
def test_another_key_trial_or_byte_opens_nothing(trial: str, key: bytes, change: int) -> None:
    sealed = bytearray(SEED.seal(KEY, NONCE))
    if change >= 0:
        sealed[change] ^= 1
    with pytest.raises(WrongKeyError) as told:
        unseal(TrialId(trial), bytes(sealed), key)
    assert "\n" not in str(told.value)


def test_the_derivation_never_changes() -> None:
    """Golden numbers: a change here would break the replay of every trial begun before."""
    le4, gt4 = Stream(SEED, "le4", "arm"), Stream(SEED, "gt4", "arm")
    assert [le4.below(6, at) for at in range(12)] == [4, 2, 4, 5, 2, 5, 4, 4, 1, 2, 1, 5]
    assert [gt4.below(1000, at) for at in range(6)] == [212, 728, 518, 570, 787, 696]
    assert Stream(SEED, "le4", "block size").below(1 << 32, 7) == 3736975711


def test_stratum_and_purpose_do_not_run_into_each_other() -> None:
    one, other = Stream(SEED, "ab", "c"), Stream(SEED, "a", "bc")
    assert [one.below(1 << 32, at) for at in range(3)] != [
        other.below(1 << 32, at) for at in range(3)
    ]


@given(n=st.integers(1, 1 << 32), at=st.lists(st.integers(0, 1 << 40), min_size=1, max_size=8))
def test_a_number_depends_on_its_position_alone(n: int, at: list[int]) -> None:
    stream = Stream(SEED, "s", "arm")
    together = [stream.below(n, position) for position in at]
    assert together == [Stream(SEED, "s", "arm").below(n, position) for position in at]
    assert all(0 <= number < n for number in together)


# Critical values of chi-square at 0.001 with n - 1 degrees of freedom (NIST handbook, 1.3.6.7.4).
@pytest.mark.parametrize(("n", "critical"), [(2, 10.828), (3, 13.816), (6, 20.515), (11, 29.588)])
@pytest.mark.parametrize("secret", [bytes(32), bytes(range(32)), b"\xff" * 32])
def test_numbers_are_uniform(n: int, critical: float, secret: bytes) -> None:
    stream, draws = Stream(Seed(SEED.trial, secret), "le4", "arm"), 12_000
    counts = [0] * n
    for at in range(draws):
        counts[stream.below(n, at)] += 1
    assert sum((count - draws / n) ** 2 / (draws / n) for count in counts) < critical


@pytest.mark.parametrize("secret", [bytes(32), bytes(range(32))])
def test_neighbours_are_independent(secret: bytes) -> None:
    """Pairs of neighbours over 3 x 3 cells: 8 degrees of freedom, critical at 0.001: 26.124."""
    stream, pairs = Stream(Seed(SEED.trial, secret), "le4", "arm"), 9_000
    counts = [0] * 9
    for at in range(pairs):
        counts[3 * stream.below(3, 2 * at) + stream.below(3, 2 * at + 1)] += 1
    assert sum((count - pairs / 9) ** 2 / (pairs / 9) for count in counts) < 26.124


def test_what_would_favour_small_numbers_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    macs = iter([b"\xff" * 32, (2**64 - 2).to_bytes(8, "big") + bytes(24)])
    asked: list[bytes] = []

    def digest(_key: bytes, message: bytes, _name: str) -> bytes:
        asked.append(message)
        return next(macs)

    monkeypatch.setattr("services.randomizer.seed.hmac.digest", digest)
    # 2**64 mod 3 is 1: the one highest number is refused, and the next attempt is taken.
    assert Stream(SEED, "s", "arm").below(3, 5) == (2**64 - 2) % 3
    assert [message[-4:] for message in asked] == [bytes(4), b"\0\0\0\1"]
