"""A person's letters, whatever stands in them."""

from email.message import EmailMessage
from pathlib import Path

import pytest

from services.portal.mailbox import Mailbox


def put(folder: Path, address: str, number: int, raw: bytes) -> None:
    (folder / address).mkdir(exist_ok=True)
    (folder / address / f"{number}.eml").write_bytes(raw)


def letter(subject: str, text: str) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "t@x.example", "a@x.example", subject
    message["Date"] = "Sun, 22 Nov 2026 19:46:00 +0000"
    message.set_content(text)
    return message.as_bytes()


def test_the_newest_first_and_none_of_others(tmp_path: Path) -> None:
    for number in (1, 2, 10):
        put(tmp_path, "a@x.example", number, letter(f"number {number}", "text ü"))
    put(tmp_path, "b@x.example", 1, letter("not yours", "text"))
    found = Mailbox(tmp_path, "a@x.example").newest()
    assert [one.number for one in found] == [10, 2, 1]
    assert found[0].subject == "number 10"
    assert found[0].text == "text ü\n"
    assert found[0].at is not None and found[0].at.hour == 19


@pytest.mark.parametrize("address", ["", "..", "../b@x.example", ".hidden", "/etc"])
def test_an_address_is_no_path(tmp_path: Path, address: str) -> None:
    (tmp_path / "mail").mkdir()
    put(tmp_path, "b@x.example", 1, letter("not yours", "text"))
    assert Mailbox(tmp_path / "mail", address).newest() == []


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe\x00",
        b"Date: never\nSubject: =?x?x?\n\ntext",
        b"Content-Type: text/plain; charset=none\n\ntext",
        b"Content-Type: multipart/mixed; boundary=b\n\n--b\n",
    ],
)
def test_what_cannot_be_read_is_shown_as_far_as_it_can(tmp_path: Path, raw: bytes) -> None:
    put(tmp_path, "a@x.example", 1, raw)
    found = Mailbox(tmp_path, "a@x.example").one(1)
    assert found is not None
    assert isinstance(found.text, str)


def test_no_folder_is_no_letters() -> None:
    assert Mailbox(None, "a@x.example").newest() == []
    assert Mailbox(None, "a@x.example").one(1) is None
