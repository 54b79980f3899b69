"""A letter tells how urgent it is and where to look: nothing clinical, whatever the event holds."""

import json
import re
from dataclasses import asdict

import pytest

from services.notifier import answers, letters, seals
from services.notifier.letters import Letter
from services.notifier.rules import NotificationRules
from services.notifier.senders.webhook import signature
from services.notifier.vocabulary import KNOWN
from shared.contracts import versions
from shared.contracts.events import safety
from tests.unit.notifier.made import DAY, NOON, PROTOCOLS, alert

CLINICAL = re.compile(
    "|".join(
        (
            "susar|serious|fatal|death|die[ds]?|life.?threat|hospital|disab|congenital|grade|severe",
            "mild|moderate|outcome|recover|related|expected|arm|regimen|surgery|radiother|DCN|SOC",
            "axitinib|pembrolizumab|placebo|xanomeline|expedited|consent|IT001-0007|adverse|term\\b",
        )
    ),
    re.IGNORECASE,
)


def whole(letter: Letter) -> str:
    """Everything that leaves the platform."""
    data = json.loads(json.dumps(letter.data))
    for one in [data.get("alert", {}), *data.get("alerts", [])]:
        one.pop("event", None)  # the name of a type of event: what API and topics call it
    return f"{letter.subject}\n{letter.text}\n{data}"


def test_no_letter_holds_anything_clinical() -> None:
    for name in KNOWN:
        for severity in ("critical", "high", "info"):
            one = alert(event=name, severity=severity, rule="fatal_susar", due=NOON + DAY)
            for letter in (
                letters.called(one, 2, "https://portal.test"),
                letters.gathered([one, one], NOON, None),
            ):
                assert not CLINICAL.search(whole(letter)), whole(letter)


def test_the_canary_sings() -> None:
    """The search above would find what an event of safety holds."""
    for word in (*safety.AdverseEventReported.model_fields, "death", "expedited_7"):
        if word in ("grade", "serious", "seriousness", "susar", "outcome", "death", "expedited_7"):
            assert CLINICAL.search(word)


def test_what_a_letter_says() -> None:
    one = alert(event="ReportingClockOverdue", due=NOON + DAY)
    letter = letters.called(one, 1, "https://portal.test/")
    assert letter.subject == "[critical] NCT06903312: a reporting clock is overdue"
    for line in (
        "Severity: critical",
        "Trial: NCT06903312",
        "Site: IT001",
        "Due: 2026-11-23T12:00:00Z",
        f"Open it: https://portal.test/alerts/{one.id}",
    ):
        assert line in letter.text.splitlines()
    assert "Open it" not in letters.called(one, 1, None).text


def test_every_event_that_a_rule_names_has_words() -> None:
    for file in versions.load_all(PROTOCOLS).values():
        for rule in NotificationRules.of(file.first).rules:
            for name in rule.on:
                assert name in letters._WORDS, name


@pytest.mark.parametrize(
    ("code", "text", "told"),
    [
        (250, "2.0.0 kept", "250 2.0.0 kept"),
        (550, "<eva@trial.example>: unknown", "550 (address): unknown"),
        (554, "refused: [critical] T1: a reporting clock is overdue", "554"),
        (451, "a\r\nb\x00c", "451 a bc"),
        (451, "x" * 500, "451 " + "x" * answers.LONGEST),
        (550, "see https://mail.test/eva", "550 see (address)"),
        (None, "", "-"),
    ],
)
def test_an_answer_is_fit_for_everybody(code: int | None, text: str, told: str) -> None:
    ours = "[critical] T1: a reporting clock is overdue\nSeverity: critical\n\n"
    assert answers.said("later", code, text, ours).text == told


def test_a_signature_is_that_of_standard_webhooks() -> None:
    """The vector of the specification's own libraries (standardwebhooks, tests)."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    made = signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}')
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_secret_opens_with_its_key_and_address_alone() -> None:
    closed = seals.seal("a secret", "https://a.test", b"k" * 32, b"n" * 12)
    assert "secret" not in closed
    assert seals.unseal(closed, "https://a.test", b"k" * 32) == "a secret"
    for target, key in (("https://b.test", b"k" * 32), ("https://a.test", b"x" * 32)):
        with pytest.raises(seals.WrongKeyError):
            seals.unseal(closed, target, key)


def test_a_letter_can_be_kept() -> None:
    letter = letters.test("T1")
    assert Letter(**json.loads(json.dumps(asdict(letter)))) == letter
