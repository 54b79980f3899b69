"""A real mail server and a real webhook receiver that answer as a test tells them to."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial

import uvicorn
from aiosmtpd.smtp import SMTP, Envelope, Session
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

DROP, HANG, SLOW = "drop", "hang", "250 at last"


@dataclass
class Mail:
    """Takes letters for anyone, but for what `answers` says to an address, one a letter."""

    port: int = 0
    letters: list[EmailMessage] = field(default_factory=list)
    answers: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    asked: int = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def to(self, person: str) -> list[EmailMessage]:
        """The letters to `person@trial.example`, in the order in which they came."""
        return [letter for letter in self.letters if letter["To"] == f"{person}@trial.example"]

    async def handle_DATA(  # noqa: N802 the server's name for it
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        self.asked += 1
        scripted = self.answers[envelope.rcpt_tos[0].partition("@")[0]]
        answer = scripted.pop(0) if scripted else "250 2.0.0 kept"
        if answer == DROP:
            transport = server.transport
            assert isinstance(transport, asyncio.Transport)
            transport.abort()
            return "421 gone"
        if answer in (HANG, SLOW):
            await asyncio.sleep(60 if answer == HANG else 0.3)
        if answer.startswith("250"):
            raw = envelope.content or b""
            content = raw if isinstance(raw, bytes) else raw.encode()
            self.letters.append(message_from_bytes(content, policy=policy.default))
        return answer


@asynccontextmanager
async def mail_server() -> AsyncIterator[Mail]:
    """A mail server on a port of its own."""
    mail = Mail()
    loop = asyncio.get_running_loop()
    session = partial(SMTP, mail, hostname="mail.test", loop=loop, enable_SMTPUTF8=True)
    server = await loop.create_server(session, "127.0.0.1", 0)
    mail.port = server.sockets[0].getsockname()[1]
    try:
        yield mail
    finally:
        server.close()


@dataclass
class Taken:
    """One request as it came."""

    headers: dict[str, str]
    body: bytes


@dataclass
class Hook:
    """Takes what is posted; `answers` are statuses or what else to do, one a request."""

    port: int = 0
    taken: list[Taken] = field(default_factory=list)
    answers: list[int | str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def take(self, request: Request) -> Response:
        self.taken.append(Taken(dict(request.headers), await request.body()))
        answer = self.answers.pop(0) if self.answers else 204
        if answer == HANG:
            await asyncio.sleep(60)
        status = answer if isinstance(answer, int) else 500
        headers = {"location": "/elsewhere"} if 300 <= status < 400 else {}
        return Response(b"x" * 100_000 if status == 200 else b"", status, headers)


@asynccontextmanager
async def hook_server() -> AsyncIterator[Hook]:
    """A receiver on a port of its own."""
    hook = Hook()
    app = Starlette(routes=[Route("/{path:path}", hook.take, methods=["POST", "GET"])])
    config = uvicorn.Config(
        app, port=0, log_config=None, lifespan="off", timeout_graceful_shutdown=0
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve())
    while not server.started:
        await asyncio.sleep(0.01)
    hook.port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield hook
    finally:
        server.should_exit = True
        with suppress(asyncio.CancelledError):
            await task
