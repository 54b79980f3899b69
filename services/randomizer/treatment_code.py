"""The code that stands for the arm of one allocation of a masked trial, wherever it is spoken of.

    mac  = HMAC-SHA256( key: seed, message: "trialops.code.v1" | number, 8 bytes
                                            | text(subject) | text(stratum) | text(arm) )
    code = the first 60 bits of the mac, 5 a sign, in three groups of four

with text(x) as in `seed`. Without the seed it tells nothing of the arm, and no code can be foretold
(HMAC as a pseudorandom function: RFC 2104); with the seed it is worked out again, and says whether
an allocation is the one that was told. Two of a trial are never the same: the database refuses it,
and among 10,000 subjects the chance that it has to is below 1 in 10^10.
"""

import hmac
from typing import Final

from services.randomizer.seed import Seed, text
from shared.contracts.subjects import SubjectId

SIGNS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O or U, which are misread and spell words."""

_DOMAIN: Final = b"trialops.code.v1"
_LENGTH: Final = 12
_GROUP: Final = 4
_BITS: Final = 5


def treatment_code(seed: Seed, number: int, subject: SubjectId, stratum: str, arm: str) -> str:
    """The code of the allocation, such as `7KQ2-M0X9-B4TC`."""
    said = _DOMAIN + number.to_bytes(8, "big") + text(subject) + text(stratum) + text(arm)
    mac = hmac.digest(seed.secret, said, "sha256")
    bits = int.from_bytes(mac[:8], "big") >> 64 - _BITS * _LENGTH
    signs = "".join(SIGNS[bits >> _BITS * at & 31] for at in reversed(range(_LENGTH)))
    return "-".join(signs[at : at + _GROUP] for at in range(0, _LENGTH, _GROUP))
