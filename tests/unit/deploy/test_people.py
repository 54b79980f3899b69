"""The people of an embedded run: drawn once, known to the portal by hashes alone."""

import base64
import hashlib
import json
from pathlib import Path

import pytest

from deploy.cli import main
from deploy.embedded.jars import CHECKOUT
from deploy.embedded.people import People
from deploy.embedded.sign_ins import sign_ins
from deploy.embedded.state import State
from deploy.tokens import ROLES
from shared.contracts.study import Protocol
from shared.contracts.versions import load_all


@pytest.fixture(scope="module")
def protocols() -> list[Protocol]:
    return [of.last for of in load_all(CHECKOUT / "protocols").values()]


@pytest.fixture
def people(tmp_path: Path, protocols: list[Protocol]) -> People:
    made = State(tmp_path).people
    made.prepare(protocols)
    return made


def test_every_role_is_somebody_but_the_services(people: People) -> None:
    everyone = {person.sub: person for person in people.read()}
    assert {person.role for person in everyone.values()} == set(ROLES) - {"service"}
    assert everyone["site"].sites == everyone["investigator"].sites == ("701", "IT001")
    assert everyone["site-2"].sites == ("702", "IT002")
    assert everyone["safety_officer"].sites == ("*",)


def test_who_was_drawn_stays(people: People, protocols: list[Protocol]) -> None:
    files = (people.file, people.contacts_file)
    before = [file.read_bytes() for file in files], people.read()
    people.prepare(protocols)
    assert ([file.read_bytes() for file in files], people.read()) == before
    assert {file.stat().st_mode & 0o777 for file in people.keys.iterdir()} == {0o600}


def test_the_portal_reads_hashes_of_the_passwords(people: People) -> None:
    known = json.loads(people.file.read_text())
    assert len({person.password for person in people.read()}) == len(known)
    for person, row in zip(people.read(), known, strict=True):
        kind, n, r, p, salt, digest = row.pop("password").split("$")
        given = hashlib.scrypt(
            person.password.encode(),
            salt=base64.b64decode(salt, validate=True),
            n=int(n),
            r=int(r),
            p=int(p),
        )[:32]
        assert (kind, base64.b64encode(given).decode()) == ("scrypt", digest)
        assert row == {
            "sub": person.sub,
            "name": person.name,
            "role": person.role,
            "trials": ["*"],
            "sites": list(person.sites),
            "address": f"{person.sub}@trialops.example",
        }
        assert person.password not in people.file.read_text()
        assert person.password not in repr(person)


def test_a_trial_calls_those_of_its_own_sites(people: People) -> None:
    by_trial = json.loads(people.contacts_file.read_text())
    assert by_trial.keys() == {"*", "CDISCPILOT01", "NCT06903312"}
    pilot = {contact["sub"]: contact for contact in by_trial["CDISCPILOT01"]["contacts"]}
    assert pilot["site"]["sites"] == ["701"] and pilot["site-2"]["sites"] == ["702"]
    assert "sites" not in pilot["safety_officer"] and "auditor" not in pilot
    assert pilot["safety_officer"]["channels"] == [
        {"kind": "mail", "address": "safety_officer@trialops.example"}
    ]
    assert {contact["sub"] for contact in by_trial["*"]["contacts"]} == {
        "safety_officer",
        "trial_manager",
        "statistician",
    }


def test_the_command_tells_how_they_sign_in(
    people: People, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["people", "--state", str(tmp_path)]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["password"] for row in rows] == [person.password for person in people.read()]
    assert rows[0].keys() == {"name", "role", "sub", "password", "address", "trials", "sites"}


def test_a_terminal_is_told_where_the_portal_is_and_how_to_sign_in(
    people: People, tmp_path: Path
) -> None:
    state = State(tmp_path)
    state.write_endpoints({"audit": "http://127.0.0.1:1"}, "", "")
    assert sign_ins(state) == []
    state.write_endpoints({"portal": "http://127.0.0.1:2"}, "", "")
    told = sign_ins(state)
    assert "The portal: http://127.0.0.1:2" in told
    for person, line in zip(people.read(), told[-7:], strict=True):
        assert line.split()[:2] == [person.sub, person.password]
    assert told[-7].endswith("Sara Conti, site, sites 701 IT001")
