"""`trialops seed`: another key, the custodian's copy, a lost key; the trials draw on."""

import base64
import json
import secrets
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from tests.acceptance.platform import Platform
from tests.acceptance.story import Story

Tiny = Callable[[str], Story]


def test_the_key_is_changed_lost_and_made_good_and_the_trial_draws_on(
    platform: Platform, tiny: Tiny, tmp_path: Path
) -> None:
    story, later = tiny("TWAY"), tiny("TDEAD")
    story.randomize()
    key = platform.folder / "keys" / "randomizer" / "seed_key"
    before = key.read_text()

    rotated = platform.run("seed", "rotate")
    assert rotated.code == 0, rotated.err
    assert "TWAY" in rotated.rows[0]["rotated"]
    assert key.read_text() != before
    assert len(key.read_text().split()) == 1
    assert key.stat().st_mode & 0o077 == 0
    story.randomize()

    custodian = X25519PrivateKey.generate()
    private, public, copy = (tmp_path / name for name in ("private.pem", "public.pem", "copy"))
    pem, bare = serialization.Encoding.PEM, serialization.NoEncryption()
    private.write_bytes(custodian.private_bytes(pem, serialization.PrivateFormat.PKCS8, bare))
    public.write_bytes(
        custodian.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    escrowed = platform.run("seed", "escrow", "--to", str(public), "--out", str(copy))
    assert escrowed.code == 0, escrowed.err
    assert "TWAY" in {one["trial"] for one in json.loads(copy.read_text())["seeds"]}

    key.write_text(base64.b64encode(secrets.token_bytes(32)).decode())  # the old one is lost
    lost = platform.run("seed", "escrow", "--to", str(public), "--out", str(tmp_path / "none"))
    assert (lost.code, len(lost.err.splitlines())) == (1, 1)
    recovered = platform.run("seed", "recover", "--from", str(copy), "--with", str(private))
    assert recovered.code == 0, recovered.err
    assert set(recovered.rows[0]["recovered"]) == set(rotated.rows[0]["rotated"])
    assert platform.run("seed", "rotate").code == 0  # the key opens them all
    story.randomize()
    later.randomize()  # its seed may not have been opened before: the service has the new key, too
    changes = [entry["data"]["change"] for entry in story.logged("SeedCustodyChanged", 4)]
    assert changes == ["rotated", "escrowed", "recovered", "rotated"]

    wrong = platform.run("seed", "escrow", "--to", str(private), "--out", str(copy))
    assert (wrong.code, len(wrong.err.splitlines())) == (2, 1)
