"""Who may sign in, read from a file."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from services.portal.people import People, hash_of


def write(file: Path, *people: dict[str, Any]) -> People:
    """A file of these people."""
    given = {"name": "N", "role": "site", "trials": ["*"], "sites": ["S1"], "address": "a@b.c"}
    file.write_text(json.dumps([given | person for person in people]))
    return People(file)


def test_the_right_password_and_no_other(tmp_path: Path) -> None:
    people = write(tmp_path / "p.json", {"sub": "anna", "password": hash_of("right horse")})
    found = people.checked("anna", "right horse")
    assert found is not None
    assert (found.sub, found.role, found.only_sites) == ("anna", "site", ["S1"])
    assert found.may_see_site("S1") and not found.may_see_site("S2")
    assert people.checked("anna", "wrong") is None
    assert people.checked("nobody", "right horse") is None


def test_a_name_that_nobody_has_costs_as_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = write(tmp_path / "p.json", {"sub": "anna", "password": hash_of("right")})
    hashed: list[str] = []

    def scrypt(password: str, salt: bytes) -> bytes:
        hashed.append(password)
        return b""

    monkeypatch.setattr("services.portal.people._scrypt", scrypt)
    people.checked("anna", "one")
    people.checked("nobody", "two")
    assert hashed == ["one", "two"]


def test_a_replaced_file_counts_at_once(tmp_path: Path) -> None:
    file = tmp_path / "p.json"
    people = write(file, {"sub": "anna", "password": hash_of("x")})
    assert people.find("anna")
    fresh = tmp_path / "fresh.json"
    write(fresh, {"sub": "bert", "password": hash_of("x")})
    fresh.replace(file)
    assert people.find("anna") is None
    assert people.find("bert")


def test_a_cheap_hash_is_no_password(tmp_path: Path) -> None:
    people = write(tmp_path / "p.json", {"sub": "anna", "password": "scrypt$2$8$1$AA==$AA=="})
    with pytest.raises(ValidationError):
        people.find("anna")


def test_without_a_file_nobody_signs_in(tmp_path: Path) -> None:
    assert not People(None).any
    assert not People(tmp_path / "none.json").any
