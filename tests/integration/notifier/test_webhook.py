"""Where webhooks go: by the name, to addresses outside the network or that a setting allows."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from services.notifier.answers import Answer
from services.notifier.letters import Letter
from services.notifier.senders import webhook
from services.notifier.senders.message import Message
from tests.integration.notifier.servers import Hook, hook_server
from tests.integration.runtime.running import settings_of

REFUSED = Answer("never", "the address is inside the network, which no setting allows")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    """A receiver on 127.0.0.1."""
    async with hook_server() as running:
        yield running


async def sent(target: str, *inside: str) -> Answer:
    """What comes of a message to this address where these hosts are allowed."""
    letter = Letter("a subject", "a text", {"a": 1})
    message = Message(uuid4(), target, letter, (), NOON, "a-secret-of-the-hook")
    given: dict[str, Any] = {"webhooks_inside": inside, "delivery_timeout_s": 5}
    return await webhook.send(settings_of("nowhere:1", "nowhere", **given), message)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "LOCALHOST", "0", "2130706433", "0x7f.1", "127.1",
        "[::ffff:127.0.0.1]", "[::1]", "127.0.0.2",
    ],
)  # fmt: skip
async def test_no_webhook_goes_inside_the_network(hook: Hook, host: str) -> None:
    assert await sent(f"http://{host}:{hook.port}/hook") == REFUSED
    assert await sent(f"http://{host}:{hook.port}/hook", "elsewhere.example", "") == REFUSED
    assert hook.taken == []


@pytest.mark.parametrize(
    ("host", "named"),
    [("127.0.0.1", "127.0.0.1"), ("localhost", "localhost"), ("localhost", "LocalHost")],
)
async def test_to_a_host_that_a_setting_names_it_goes(hook: Hook, host: str, named: str) -> None:
    assert await sent(f"http://{host}:{hook.port}/hook?a=b", named) == Answer(
        "delivered", "204 No Content"
    )
    [taken] = hook.taken
    assert taken.headers["host"] == f"{host}:{hook.port}"


async def test_a_name_that_nobody_has_may_come_to_be() -> None:
    assert (await sent("http://nobody.invalid/hook")).outcome == "later"


async def test_a_receiver_is_called_and_certified_by_its_name(tmp_path: Path) -> None:
    called: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_certificate(tmp_path / "server.pem"))
    context.sni_callback = lambda _socket, name, _context: called.append(name)
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, ssl=context)
    async with server:
        port = server.sockets[0].getsockname()[1]
        # Nobody vouches for this certificate, so nothing is sent.
        answer = await sent(f"https://localhost:{port}/hook", "localhost")
    assert (answer, called) == (Answer("later", "ConnectError"), ["localhost"])


def _certificate(file: Path) -> Path:
    """A key and a certificate for localhost, signed by itself."""
    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    today = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .sign(key, None)
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(pem + certificate.public_bytes(Encoding.PEM))
    return file
