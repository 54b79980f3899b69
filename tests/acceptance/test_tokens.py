"""Tokens that do not hold, each refused at every service and recorded."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from deploy.embedded.keys import AUDIENCE, ISSUER, Keys
from deploy.tokens import ROLES
from tests.acceptance.people import Person, kind
from tests.acceptance.platform import Platform
from tests.acceptance.story import PATIENCE_S, Story
from tests.waiting import until_true


def _claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "forger",
        "roles": list(ROLES),
        "trials": ["*"],
        "sites": ["*"],
        "iat": now,
        "exp": now + 600,
    }
    return {name: value for name, value in {**claims, **changes}.items() if value is not None}


def _base64(part: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def _forged(change: Callable[[Ed25519PrivateKey, str], str]) -> Callable[[Keys], str]:
    return lambda keys: change(*keys.token_key())


def _signed(**changes: Any) -> Callable[[Keys], str]:
    """Signed by the right key, with other claims."""

    def make(keys: Keys) -> str:
        key, kid = keys.token_key()
        return jwt.encode(_claims(**changes), key, algorithm="EdDSA", headers={"kid": kid})

    return make


def _hmac_with_the_public_key(key: Ed25519PrivateKey, kid: str) -> str:
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return jwt.encode(_claims(), public, algorithm="HS256", headers={"kid": kid})


def _by_another_key(key: Ed25519PrivateKey, kid: str) -> str:
    other = Ed25519PrivateKey.generate()
    return jwt.encode(_claims(), other, algorithm="EdDSA", headers={"kid": kid})


def _of_an_unknown_key(key: Ed25519PrivateKey, kid: str) -> str:
    return jwt.encode(_claims(), key, algorithm="EdDSA", headers={"kid": "another"})


def _of_no_key(key: Ed25519PrivateKey, kid: str) -> str:
    return jwt.encode(_claims(), key, algorithm="EdDSA")


def _unsigned(key: Ed25519PrivateKey, kid: str) -> str:
    return f"{_base64({'alg': 'none', 'typ': 'JWT', 'kid': kid})}.{_base64(_claims())}."


def _changed_after_signing(key: Ed25519PrivateKey, kid: str) -> str:
    token = jwt.encode(_claims(roles=["auditor"]), key, algorithm="EdDSA", headers={"kid": kid})
    head, _, signature = token.split(".")
    return f"{head}.{_base64(_claims())}.{signature}"


BAD_TOKENS: dict[str, Callable[[Keys], str]] = {
    "garbage": lambda _: "garbage",
    "dots": lambda _: "a.b.c",
    "very long": lambda _: "a" * 60_000,
    "expired": _signed(exp=int(time.time()) - 60),
    "not yet": _signed(nbf=int(time.time()) + 3600),
    "without an end": _signed(exp=None),
    "other issuer": _signed(iss="https://elsewhere.example"),
    "other audience": _signed(aud="another"),
    "without an audience": _signed(aud=None),
    "of nobody": _signed(sub=None),
    "roles no list": _signed(roles="site"),
    "alg none": _forged(_unsigned),
    "hmac with the public key": _forged(_hmac_with_the_public_key),
    "wrong key": _forged(_by_another_key),
    "unknown key id": _forged(_of_an_unknown_key),
    "no key id": _forged(_of_no_key),
    "changed": _forged(_changed_after_signing),
}


@pytest.mark.parametrize("name", BAD_TOKENS)
def test_a_bad_token_is_refused_at_every_service(platform: Platform, name: str) -> None:
    forger = Person(
        platform.http, platform.services, token=BAD_TOKENS[name](Keys(platform.folder / "keys"))
    )
    for service, path in (
        ("screening", "/trials/NCT06903312/screenings"),
        ("randomizer", "/trials/NCT06903312/enrolment"),
        ("audit", "/trials/NCT06903312/entries"),
    ):
        answer = forger.get(service, path)
        assert (answer.status_code, kind(answer)) == (401, "unauthorized"), service


def test_a_good_token_made_the_same_way_is_taken(platform: Platform) -> None:
    keys = Keys(platform.folder / "keys")
    person = Person(platform.http, platform.services, token=_signed()(keys))
    assert person.get("randomizer", "/trials/NCT06903312/enrolment").status_code == 200


def test_a_refused_sign_in_is_recorded(platform: Platform, nct: Story) -> None:
    path = f"/trials/NCT06903312/screenings/{time.time_ns()}"
    Person(platform.http, platform.services, token="garbage").get("screening", path)

    def refusals() -> list[Any]:
        asked = nct.auditor.pages("audit", "/entries", type="trialops.AccessRefused.v1")
        told = [json.loads(item["entry"])["data"] for item in asked]
        return [fact for fact in told if fact["path"] == f"/v1{path}"]

    until_true(lambda: bool(refusals()), PATIENCE_S)
    assert refusals() == [{"person": None, "method": "GET", "path": f"/v1{path}", "status": 401}]
