"""Tokens: only those of the pinned issuer, for us, in time, by a known key and algorithm."""

import base64
import json
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.runtime.security import BadToken, Role
from tests.issuer import KID, Issuer


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    return Issuer(tmp_path_factory.mktemp("issuer"))


def test_a_good_token_names_its_caller(issuer: Issuer) -> None:
    token = issuer.token("site", "investigator", sub="anna", trials=["T1"], sites=["IT001"])
    caller = issuer.tokens().caller(token, time.time())
    assert (caller.sub, caller.name) == ("anna", "anna")
    assert caller.roles == {Role.SITE, Role.INVESTIGATOR}
    assert caller.may_see_trial("T1")
    assert not caller.may_see_trial("T2")
    assert caller.may_see_site("IT001")
    assert not caller.may_see_site("IT002")
    assert caller.has(Role.AUDITOR, Role.SITE)
    assert not caller.has(Role.AUDITOR)


def test_all_is_a_star_and_nothing_is_nothing(issuer: Issuer) -> None:
    tokens = issuer.tokens()
    everywhere = tokens.caller(issuer.token("site"), time.time())
    assert everywhere.may_see_trial("T9")
    assert everywhere.may_see_site("XX")
    nowhere = tokens.caller(issuer.token("site", trials=None, sites=[]), time.time())
    assert not nowhere.may_see_trial("T9")
    assert not nowhere.may_see_site("XX")


def test_a_role_that_nobody_knows_gives_nothing(issuer: Issuer) -> None:
    caller = issuer.tokens().caller(issuer.token("emperor", "SITE", "auditor"), time.time())
    assert caller.roles == {Role.AUDITOR}


NOW = int(time.time())  # far enough from now for every claim below, however long the run takes


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": NOW - 3600},
        {"exp": None},
        {"exp": "tomorrow"},
        {"iat": None},
        {"iat": NOW + 36_000},
        {"nbf": NOW + 36_000},
        {"iss": "https://another.test"},
        {"iss": None},
        {"aud": "another"},
        {"aud": None},
        {"aud": []},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 201},
        {"sub": "line\nbreak"},
        {"roles": "site"},
        {"roles": {"site": True}},
        {"roles": [1]},
        {"trials": "*"},
        {"sites": "*"},
    ],
)
def test_claims_that_do_not_hold(issuer: Issuer, claims: dict[str, Any]) -> None:
    with pytest.raises(BadToken, match=r"^The token is not valid here\.$"):
        issuer.tokens().caller(issuer.token("site", **claims), time.time())


def unsigned(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def test_algorithms_and_keys_that_are_not_ours(issuer: Issuer) -> None:
    claims = issuer.claims("site")
    stranger = Ed25519PrivateKey.generate()
    good = issuer.token("site")
    public = issuer.public.ljust(64, b"\0")
    bad = {
        "none": unsigned({"alg": "none", "kid": KID}, claims),
        "None": unsigned({"alg": "None", "kid": KID}, claims),
        "the public key as a secret": jwt.encode(
            claims, public, algorithm="HS256", headers={"kid": KID}
        ),
        "another key": jwt.encode(claims, stranger, algorithm="EdDSA", headers={"kid": KID}),
        "an unknown key id": jwt.encode(claims, issuer.key, "EdDSA", headers={"kid": "second"}),
        "no key id": jwt.encode(claims, issuer.key, algorithm="EdDSA"),
        "a key id that is no text": unsigned({"alg": "EdDSA", "kid": ["first"]}, claims),
        "another algorithm's name": unsigned({"alg": "ES256", "kid": KID}, claims, b"x" * 64),
        "a key of its own": unsigned({"alg": "EdDSA", "kid": KID, "jwk": {}}, claims, b"x" * 64),
        "other claims under a good signature": ".".join(
            [good.split(".")[0], unsigned({}, claims | {"sub": "root"}).split(".")[1]]
            + good.split(".")[2:]
        ),
        "no token": "canary",
        "nothing": "",
        "not text": "\ud800.a.b",
        "claims that are no object": ".".join([good.split(".")[0], "W10", good.split(".")[2]]),
    }
    tokens = issuer.tokens()
    for why, token in bad.items():
        try:
            tokens.caller(token, time.time())
        except BadToken as refused:
            assert "canary" not in str(refused)  # noqa: PT017
        else:
            pytest.fail(f"taken: {why}")


def test_a_known_token_ends_all_the_same(issuer: Issuer) -> None:
    tokens, now = issuer.tokens(), int(time.time())
    token = issuer.token("site", exp=now + 60)
    caller = tokens.caller(token, now)
    assert tokens.caller(token, now + 60) == caller
    late = issuer.token("site", exp=now - 3000)
    tokens._known[late] = now - 3000, caller
    with pytest.raises(BadToken):
        tokens.caller(late, now)
    assert late not in tokens._known


def test_what_is_remembered_of_tokens_is_bounded(issuer: Issuer) -> None:
    tokens = issuer.tokens()
    for number in range(1100):
        tokens.caller(issuer.token("site", sub=f"p{number}"), time.time())
    assert len(tokens._known) <= 1024


def test_keys_are_read_from_a_file(issuer: Issuer, tmp_path: Path) -> None:
    other = Issuer(tmp_path)
    with pytest.raises(BadToken):
        issuer.tokens().caller(other.token("site"), time.time())
