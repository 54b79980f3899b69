"""The mail server of an embedded run: keeps every letter as a file and sends nothing on.

A letter to `a@b.example` is `FOLDER/a@b.example/N.eml`, N from 1 in the order of arrival, in the
bytes that came, headed by the envelope as RFC 5321 asks. The portal shows a person's own letters.
"""

import argparse
import asyncio
import os
import re
import secrets
import signal
from functools import partial
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from deploy.embedded.ports import LOOPBACK

LONGEST_LETTER = 1 << 20  # bytes
_LONGEST_NAME = 254  # RFC 5321, 4.5.3.1.3
# Of what RFC 5321 allows, all that is a plain file name, too.
_ADDRESS = re.compile(r"[a-z0-9][a-z0-9._+-]*@[a-z0-9][a-z0-9.-]*")
_NUMBERED = re.compile(r"([1-9][0-9]*)\.eml")


class Mailbox:
    """Takes letters for anyone; what was answered with 250 is on the disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def handle_RCPT(  # noqa: N802 the server's name for it
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Refuses what is no address or could not be the name of a folder."""
        name = address.lower()
        if len(name) > _LONGEST_NAME or not _ADDRESS.fullmatch(name) or ".." in name:
            return "553 5.1.3 no address"
        envelope.rcpt_tos.append(name)
        return "250 2.1.5 OK"

    async def handle_DATA(  # noqa: N802 the server's name for it
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Keeps one copy for each address."""
        content = envelope.content
        letter = content if isinstance(content, bytes) else (content or "").encode()
        heading = f"Return-Path: <{envelope.mail_from or ''}>\r\n".encode()
        for address in dict.fromkeys(envelope.rcpt_tos):
            keep(self._folder / address, heading + letter)
        return "250 2.0.0 kept"


def keep(folder: Path, letter: bytes) -> Path:
    """Write a letter as the next of its folder, whole or not at all; returns its path."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = folder / f".{secrets.token_hex(8)}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(letter)
        file.flush()
        os.fsync(file.fileno())
    number = max(numbers(folder), default=0)
    while True:
        number += 1
        path = folder / f"{number}.eml"
        try:
            path.hardlink_to(draft)  # fails where a twin took the number; a rename would not
        except FileExistsError:
            continue
        draft.unlink()
        return path


def numbers(folder: Path) -> list[int]:
    """The numbers of the letters in a folder, in order."""
    found = (_NUMBERED.fullmatch(path.name) for path in folder.iterdir())
    return sorted(int(name[1]) for name in found if name is not None)


async def serve(folder: Path, port: int) -> None:
    """Take letters on loopback until SIGTERM or SIGINT; the folder is there."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    session = partial(
        SMTP,
        Mailbox(folder),
        data_size_limit=LONGEST_LETTER,
        enable_SMTPUTF8=True,
        hostname="mailbox.trialops.example",  # else it asks a name server for our own
        ident="trialops",
        loop=loop,
    )
    server = await loop.create_server(session, LOOPBACK, port)
    async with server:
        await stopped.wait()


def main() -> None:
    """The process that the supervisor keeps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    os.umask(0o077)
    arguments.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    asyncio.run(serve(arguments.folder, arguments.port))


if __name__ == "__main__":
    main()
