"""The mailbox keeps what it took: every letter a file, whole, in the order of arrival."""

import asyncio
from collections.abc import AsyncIterator
from email import message_from_bytes
from email.message import EmailMessage
from functools import partial
from pathlib import Path

import aiosmtplib
import pytest

from deploy.embedded.mailbox import LONGEST_LETTER
from deploy.embedded.ports import take
from deploy.embedded.probes import smtp_answers
from deploy.embedded.process import Child
from deploy.embedded.services import mailbox_program
from deploy.embedded.state import State
from tests.waiting import until


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[int]:
    number = take(("mailbox",), tmp_path / "ports.json")["mailbox"]
    child = Child(mailbox_program(State(tmp_path), number))
    try:
        await until(partial(smtp_answers, number), seconds=30)
        yield number
    finally:
        child.stop()


def _letter(*to: str, text: str = "An alert is open.") -> EmailMessage:
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = "t@trialops.example", ", ".join(to), "Größe"
    letter.set_content(text)
    return letter


async def _send(port: int, letter: EmailMessage) -> None:
    await aiosmtplib.send(letter, hostname="127.0.0.1", port=port)


async def test_a_letter_is_a_file_for_each_whom_it_is_for(tmp_path: Path, port: int) -> None:
    await _send(port, _letter("Ada@trialops.example", "eva@trialops.example"))
    await _send(port, _letter("eva@trialops.example", text=".\na dot alone ends nothing"))
    mail = tmp_path / "mail"
    found = sorted(str(path.relative_to(mail)) for path in mail.glob("*/*"))
    assert found == [
        "ada@trialops.example/1.eml",
        "eva@trialops.example/1.eml",
        "eva@trialops.example/2.eml",
    ]
    read = message_from_bytes((mail / found[2]).read_bytes())
    assert read["Return-Path"] == "<t@trialops.example>"
    assert read.get_payload() == ".\r\na dot alone ends nothing\r\n"
    assert {path.stat().st_mode & 0o777 for path in mail.glob("*/*")} == {0o600}


async def test_letters_at_once_have_a_number_each(tmp_path: Path, port: int) -> None:
    letters = [_letter("eva@trialops.example", text=f"{number}") for number in range(20)]
    await asyncio.gather(*(_send(port, letter) for letter in letters))
    kept = [tmp_path / "mail" / "eva@trialops.example" / f"{n}.eml" for n in range(1, 21)]
    assert len({path.read_bytes() for path in kept}) == 20


@pytest.mark.parametrize("address", ["../keys@x", "a/b@x", "a@..", "@x", "a@" + "x" * 260, "-a@x"])
async def test_what_could_be_another_place_is_no_address(
    tmp_path: Path, port: int, address: str
) -> None:
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port) as client:
        await client.mail("t@trialops.example")
        with pytest.raises(aiosmtplib.SMTPRecipientRefused) as refused:
            await client.rcpt(address)
    assert 500 <= refused.value.code < 600
    assert list((tmp_path / "mail").iterdir()) == []


async def test_a_letter_that_is_too_long_is_refused_and_leaves_nothing(
    tmp_path: Path, port: int
) -> None:
    lines = "x" * 70 + "\n"
    long = _letter("eva@trialops.example", text=lines * (LONGEST_LETTER // len(lines) + 1))
    with pytest.raises(aiosmtplib.SMTPResponseException) as refused:
        await _send(port, long)
    assert refused.value.code == 552
    assert list((tmp_path / "mail").glob("*/*")) == []
