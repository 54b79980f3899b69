"""A broker that asks for a login: its rules are the declared ones, passwords are nowhere."""

import datetime
import gc
import ipaddress
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import httpx
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import SaslAuthenticationFailed
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from deploy.embedded import acls, kafka
from deploy.embedded.acls import Acl
from deploy.embedded.kafka_logins import KafkaLogins
from deploy.embedded.keys import Keys
from deploy.embedded.ports import take
from deploy.embedded.probes import kafka_answers
from deploy.embedded.process import Child, Program
from shared.runtime import kafka as runtime_kafka
from shared.runtime.kafka_access import KafkaAccess, refusal
from shared.runtime.topics import declare
from tests.integration.databases import database
from tests.integration.runtime.running import settings_of
from tests.integration.runtime.test_process import environment, ready, running
from tests.issuer import Issuer
from tests.servers import kafka_in, start
from tests.waiting import until, until_true

pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """aiokafka leaves the socket of a refused connection to the collector: let it come here."""
    yield
    gc.collect()


SERVICE = "screening"


@contextmanager
def secured(folder: Path, tls: dict[str, str] | None = None) -> Iterator[tuple[str, KafkaLogins]]:
    """A broker that asks for a login; with `tls`, through TLS alone."""
    logins = KafkaLogins(Keys(folder / "keys"))
    logins.prepare()
    properties = {**logins.properties(), **(tls or {})}
    server = replace(kafka_in(folder), users=logins.users(), properties=properties)

    async def answers() -> bool:
        ca = folder / "ca.pem" if tls else None
        login = replace(logins.admin_access(server.bootstrap), ca=ca)
        return await login.probe() is None

    child = start(server.prepare(), answers)
    try:
        yield server.bootstrap, logins
    finally:
        child.stop()


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, KafkaLogins]]:
    """One for these tests; its rules are not there yet."""
    with secured(tmp_path_factory.mktemp("secured")) as started:
        yield started


def as_service(bootstrap: str, logins: KafkaLogins, service: str = SERVICE) -> KafkaAccess:
    return KafkaAccess(bootstrap, service, logins.password_file(service).read_text())


async def present(access: KafkaAccess) -> frozenset[Acl]:
    admin = AIOKafkaAdminClient(**access.arguments())
    await admin.start()
    try:
        return await acls._present(admin)
    finally:
        await admin.close()


async def test_the_rules_are_these_and_no_others(broker: tuple[str, KafkaLogins]) -> None:
    """Whatever was there before, from an older release or another hand."""
    bootstrap, logins = broker
    admin = logins.admin_access(bootstrap)
    await declare(admin)
    await acls.enforce(admin)
    assert await present(admin) == acls.rules()
    planted = Acl(2, "trialops.screening", 3, "User:portal", "*", 4, 3)
    everybody = Acl(2, "trialops.", 4, "User:*", "*", 2, 3)
    client = AIOKafkaAdminClient(**admin.arguments())
    await client.start()
    try:
        await client._send_to_controller(acls._CreateAcls([planted, everybody]))
        gone = min(acls.rules())
        await client._send_to_controller(acls._DeleteAcls([gone]))
    finally:
        await client.close()
    assert await present(admin) == acls.rules() - {gone} | {planted, everybody}
    await acls.enforce(admin)
    await acls.enforce(admin)
    assert await present(admin) == acls.rules()


async def test_a_service_may_not_set_the_rules(broker: tuple[str, KafkaLogins]) -> None:
    bootstrap, logins = broker
    with pytest.raises(acls.AclError, match="ClusterAuthorization"):
        await acls.enforce(as_service(bootstrap, logins))


async def test_who_has_no_password_stays_outside(broker: tuple[str, KafkaLogins]) -> None:
    bootstrap, logins = broker
    right = as_service(bootstrap, logins)
    assert await right.probe() is None
    for wrong in (replace(right, password="guess"), replace(right, user="nobody")):
        assert isinstance(await wrong.probe(), SaslAuthenticationFailed)
    assert await KafkaAccess(bootstrap).probe() is None  # it may ask who is there, and no more
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=3000)
    with pytest.raises(Exception, match="Unable to bootstrap"):
        await admin.start()
    await admin.close()


def test_no_password_is_on_a_command_line_or_in_a_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A salted one would be as good to a thief; and Kafka's tool prints the keys made of them."""
    ran: list[Program] = []

    def run(program: Program) -> None:
        ran.append(program)
        Child(program).wait(60)

    monkeypatch.setattr(kafka, "run", run)
    logins = KafkaLogins(Keys(tmp_path / "keys"))
    logins.prepare()
    server = replace(kafka_in(tmp_path), users=logins.users(), properties=logins.properties())
    ran.append(server.prepare())
    assert len(ran) == 2
    told = " ".join(word for program in ran for word in program.command)
    log = server.log.read_text() if server.log.exists() else ""
    assert not [one for one in logins.users().values() if one in told or one in log]
    assert "SCRAM" not in told + log
    left = {path.name for path in server.folder.iterdir()}
    assert left == {"logs", "tmp", "server.properties"}
    assert server.folder.stat().st_mode & 0o777 == 0o700


async def test_a_service_with_a_wrong_password_says_so_and_is_not_ready(
    broker: tuple[str, KafkaLogins], postgres: str, tmp_path: Path
) -> None:
    bootstrap, logins = broker
    admin = logins.admin_access(bootstrap)
    await declare(admin)
    await acls.enforce(admin)
    password = tmp_path / "kafka_password"
    password.write_text("guess")
    port = take((SERVICE,), tmp_path / "ports.json")[SERVICE]
    log = tmp_path / "log"
    async with database(postgres, SERVICE) as addresses:
        told = environment(port, bootstrap, addresses.service, Issuer(tmp_path)) | {
            "TRIALOPS_KAFKA_USER": SERVICE,
            "TRIALOPS_KAFKA_PASSWORD_FILE": str(password),
        }
        with running(told, log) as process:
            until_true(lambda: "refuses the login" in log.read_text(), 60, every=0.1)
            lines = [json.loads(line) for line in log.read_text().splitlines()]
            said = [line for line in lines if "refuses the login" in line["message"]]
            assert said[0]["message"] == "Kafka refuses the login of this service"
            assert said[0]["level"] == "warning"
            assert "guess" not in log.read_text()
            url = f"http://127.0.0.1:{port}"
            until_true(lambda: answers(url), 30, every=0.1)
            assert not ready(url)
            assert process.poll() is None
            password.write_text(logins.users()[SERVICE])  # set right, it goes on by itself
            until_true(lambda: ready(url), 60, every=0.1)


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/livez", timeout=3).status_code == 200
    except httpx.HTTPError:
        return False


# ---- TLS


def certificates(folder: Path) -> dict[str, str]:
    """An authority, and a broker that it has signed; the broker's settings for both."""
    day, now = datetime.timedelta(days=1), datetime.datetime.now(datetime.UTC)

    def named(name: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])

    def draft(name: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder(named("authority"), named(name), key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - day)
            .not_valid_after(now + day)
        )

    signer, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = (
        draft("authority", signer)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(signer, hashes.SHA256())
        .public_bytes(Encoding.PEM)
    )
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        draft("broker", key)
        .add_extension(address, critical=False)
        .sign(signer, hashes.SHA256())
        .public_bytes(Encoding.PEM)
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "ca.pem").write_bytes(authority)
    (folder / "broker.pem").write_bytes(secret + certificate + authority)
    ours = "listener.name.client.ssl"
    return {
        "listener.security.protocol.map": "CLIENT:SASL_SSL,CONTROLLER:SASL_PLAINTEXT",
        f"{ours}.keystore.type": "PEM",
        f"{ours}.keystore.location": str(folder / "broker.pem"),
        f"{ours}.truststore.type": "PEM",
        f"{ours}.truststore.location": str(folder / "ca.pem"),
    }


@pytest.fixture
def tls_broker(tmp_path: Path) -> Iterator[tuple[str, KafkaLogins]]:
    """One that takes TLS alone; its authority is `ca.pem`."""
    with secured(tmp_path, certificates(tmp_path)) as started:
        yield started


async def test_with_an_authority_every_connection_is_tls(
    tls_broker: tuple[str, KafkaLogins], tmp_path: Path
) -> None:
    bootstrap, logins = tls_broker
    admin = replace(logins.admin_access(bootstrap), ca=tmp_path / "ca.pem")
    await declare(admin)
    await acls.enforce(admin)
    login = {"kafka_user": SERVICE, "kafka_password_file": logins.password_file(SERVICE)}
    told = partial(settings_of, bootstrap, "postgresql://127.0.0.1:1/nowhere", **login)
    settings = told(kafka_ca=tmp_path / "ca.pem", send_timeout_s=20)
    assert await refusal(settings) is None
    producer = await runtime_kafka.producer(settings, SERVICE)
    await producer.send_and_wait("trialops.screening", b"{}", key=b"k")
    await producer.stop()
    got: list[object] = []

    async def take_in(records: object) -> None:
        got.append(records)

    async def came() -> bool:
        return bool(got)

    consumer = runtime_kafka.broker(settings, SERVICE)
    runtime_kafka.subscribe(consumer, settings, SERVICE, ["trialops.screening"], take_in)
    await consumer.start()
    try:
        await until(came, 30)
    finally:
        await consumer.stop()
    other = tmp_path / "other"
    other.mkdir()
    certificates(other)
    distrustful = told(kafka_ca=other / "ca.pem")
    assert await refusal(distrustful) == "Kafka's certificate is not trusted"
    assert await KafkaAccess.of(told()).probe() is not None
    assert not await kafka_answers(bootstrap)
