"""Who may do what on Kafka follows from who writes and hears what; a secured state stays one."""

import json
import re
from pathlib import Path

import pytest

from deploy.cli import main
from deploy.embedded.acls import Acl, rules
from deploy.embedded.kafka_logins import KafkaLogins, admin_access, secured
from deploy.embedded.keys import Keys
from deploy.embedded.state import Endpoints, State
from deploy.interface.__main__ import FOLDER
from deploy.wrong_use import WrongUse
from shared.contracts.topics import SERVICES, TOPICS

_TOPIC, _GROUP, _READ, _WRITE, _LITERAL, _ALLOW = 2, 3, 3, 4, 3, 3  # Kafka's own numbers


def test_who_hears_a_topic_is_who_subscribes_to_it() -> None:
    """The interface's document is made from the subscriptions of the services."""
    operations = json.loads((FOLDER / "asyncapi.json").read_text())["operations"]
    heard = {tuple(name.split(" hears ")) for name in operations if " hears " in name}
    assert {(reader, topic.name) for topic in TOPICS for reader in topic.readers} == heard


def test_a_service_writes_its_topics_reads_what_it_hears_and_has_one_group() -> None:
    found = rules()
    assert {rule.principal for rule in found} == {f"User:{service}" for service in SERVICES}
    assert {(rule.host, rule.permission, rule.pattern) for rule in found} == {
        ("*", _ALLOW, _LITERAL)
    }
    by_kind = {
        kind: {(rule.principal[5:], rule.name) for rule in found if rule_kind(rule) == kind}
        for kind in {rule_kind(rule) for rule in found}
    }
    written = {(topic.writer, topic.name) for topic in TOPICS}
    heard = {(reader, topic.name) for topic in TOPICS for reader in topic.readers}
    assert by_kind == {
        (_TOPIC, _WRITE): written,
        (_TOPIC, _READ): written | heard,
        (_GROUP, _READ): {(service, service) for service in SERVICES},
    }


def rule_kind(rule: Acl) -> tuple[int, int]:
    """What for, and to do what."""
    return rule.resource, rule.operation


def test_a_state_is_secured_when_it_is_made_and_stays_so(tmp_path: Path) -> None:
    state = State(tmp_path)
    assert secured(state, asked=True, outside=False)
    assert not secured(state, asked=False, outside=False)
    KafkaLogins(Keys(state.keys)).prepare()
    (tmp_path / "kafka").mkdir()
    assert secured(state, asked=False, outside=False)
    assert secured(state, asked=True, outside=False)


def test_a_state_that_was_made_open_is_not_secured_later(tmp_path: Path) -> None:
    (tmp_path / "kafka").mkdir()
    with pytest.raises(WrongUse, match="was made without --secure"):
        secured(State(tmp_path), asked=True, outside=False)
    assert not secured(State(tmp_path), asked=False, outside=False)


def test_an_outside_kafka_is_not_ours_to_secure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRIALOPS_KAFKA", "127.0.0.1:1")
    assert main(["up", "--secure", "--state", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert "TRIALOPS_KAFKA" in said.err
    assert not list(tmp_path.iterdir())


def test_passwords_are_drawn_once_and_kept_apart(tmp_path: Path) -> None:
    logins = KafkaLogins(Keys(tmp_path / "keys"))
    assert not logins.exist
    logins.prepare()
    drawn = logins.users()
    logins.prepare()
    assert logins.users() == drawn
    assert drawn.keys() == {*SERVICES, "admin", "broker"}
    assert len(set(drawn.values())) == len(drawn)
    assert all(re.fullmatch(r"[\w-]{43}", password) for password in drawn.values())
    for service in SERVICES:
        file = logins.password_file(service)
        assert file.parent == tmp_path / "keys" / service
        assert file.stat().st_mode & 0o777 == 0o600


def test_the_endpoints_lead_to_the_admins_login(tmp_path: Path) -> None:
    logins = KafkaLogins(Keys(tmp_path / "keys"))
    logins.prepare()
    endpoints = Endpoints(services={}, kafka="127.0.0.1:1", postgres="", state=str(tmp_path))
    assert admin_access(endpoints).arguments()["security_protocol"] == "PLAINTEXT"
    endpoints["kafka_login"] = str(logins.admin_file)
    access = admin_access(endpoints)
    assert (access.bootstrap, access.user) == ("127.0.0.1:1", "admin")
    assert access.arguments()["security_protocol"] == "SASL_PLAINTEXT"
    assert access.password == logins.users()["admin"]
    assert str(access.password) not in repr(access)
