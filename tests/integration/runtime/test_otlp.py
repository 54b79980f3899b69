"""Telemetry leaves a service's process for a collector, and never in the way of its work."""

import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

import httpx
import pytest

from deploy.embedded.ports import take
from shared.contracts.events.randomization import PatientRandomized
from shared.runtime.topics import declare
from tests.integration.databases import database
from tests.integration.runtime.collector import collecting
from tests.integration.runtime.records import sent
from tests.integration.runtime.running import know_its_topics, on_topic, produce, settings_of
from tests.integration.runtime.test_process import environment, ready, running
from tests.issuer import Issuer
from tests.waiting import until, until_true

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
NEVER = "600000"
TRIAL, SUBJECT, PERSON = "NCT06903312", "IT001-7351", "nurse-7351"
SCREENINGS = f"/v1/trials/{TRIAL}/screenings"


@dataclass
class Process:
    """The screening service as a process."""

    process: "Popen[bytes]"
    http: httpx.Client
    log: Path

    def screen(self, traceparent: str | None = None) -> httpx.Response:
        """Screen the subject, or try to."""
        headers = {"traceparent": traceparent} if traceparent else {}
        body = {"subject": SUBJECT, "form": {"age": 61}}
        return self.http.post(SCREENINGS, json=body, headers=headers)

    def seconds_to_end(self) -> float:
        """Ask it to end; how long it takes."""
        asked = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(20) == 0, self.log.read_text()
        return time.monotonic() - asked


@asynccontextmanager
async def screening(
    kafka: str, postgres: str, folder: Path, told: dict[str, str]
) -> AsyncIterator[Process]:
    await declare(kafka)
    port = take(("screening",), folder / "ports.json")["screening"]
    url = f"http://127.0.0.1:{port}"
    issuer = Issuer(folder)
    log = folder / "log"
    async with database(postgres, "screening") as addresses:
        await know_its_topics(settings_of(kafka, addresses.service), "screening")
        ours = environment(port, kafka, addresses.service, issuer)
        signed = issuer.bearer("site", sub=PERSON)
        with (
            running(ours | told, log) as process,
            httpx.Client(base_url=url, headers=signed, timeout=20) as http,
        ):
            until_true(lambda: ready(url), 60, every=0.1)
            yield Process(process, http, log)


async def announced(kafka: str) -> dict[str, str]:
    """The headers of the event that says what became of the subject."""
    found: list[dict[str, str]] = []

    async def said() -> bool:
        found.extend(
            {name: value.decode() for name, value in record.headers}
            for record in await on_topic(kafka, "trialops.screening")
            if record.key == f"{TRIAL}:{SUBJECT}".encode()
        )
        return bool(found)

    await until(said, 20)
    return found[0]


async def test_a_write_and_the_batch_that_follows_are_told_to_the_collector(
    kafka: str, postgres: str, tmp_path: Path
) -> None:
    """The metrics while the service runs, the spans when it ends: nothing waits for the timer."""
    with collecting() as collector:
        told = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_METRIC_EXPORT_INTERVAL": "100",
            "OTEL_BSP_SCHEDULE_DELAY": NEVER,
        }
        async with screening(kafka, postgres, tmp_path, told) as service:
            kept = service.screen(f"00-{TRACE}-{PARENT}-01")
            assert kept.status_code == 201
            for name in (kept.json()["id"], SUBJECT):
                service.http.get(f"{SCREENINGS}/{name}")
            event = await announced(kafka)
            drawn = PatientRandomized(
                subject=SUBJECT,
                site=SUBJECT[:5],
                stratum="le4",
                number=1,
                arm="MTA",
                protocol_version="1",
            )
            record = sent(1, SUBJECT, data=drawn, trial=TRIAL)
            trace = event["ce_traceparent"].encode()
            await produce(kafka, record.topic, [record.with_header("ce_traceparent", trace)])
            until_true(lambda: "trialops.consumer.batch.duration" in collector.metric_names(), 20)
            assert collector.traces == []
            assert service.seconds_to_end() < 8
            log = service.log.read_text()
    assert "telemetry" not in log
    [request] = [s for s in collector.spans() if s.trace_id.hex() == TRACE]
    assert request.name == f"POST {SCREENINGS.replace(TRIAL, '{trial}')}"
    assert request.parent_span_id.hex() == PARENT
    [batch] = [s for s in collector.spans() if s.name == "process screening"]
    assert batch.trace_id != request.trace_id
    assert [(link.trace_id, link.span_id) for link in batch.links] == [
        (request.trace_id, request.span_id)
    ]
    assert {
        "trialops.http.requests",
        "trialops.http.duration",
        "trialops.consumer.records",
        "trialops.relay.records",
    } <= collector.metric_names()
    for duration in ("trialops.http.duration", "trialops.consumer.batch.duration"):
        [bounds] = collector.bounds(duration)
        assert bounds[0] < 0.01 < 1 < bounds[-1], "a request's time lies between them, in seconds"
    assert collector.services() == {"trialops-screening"}
    everything = b"\0".join(collector.raw)
    screening_id = kept.json()["id"]
    for word in (SUBJECT, "7351", "IT001", TRIAL, PERSON, screening_id, event["ce_id"], "MTA"):
        assert word.encode() not in everything, word


async def test_what_the_caller_does_not_trace_is_not_traced(
    kafka: str, postgres: str, tmp_path: Path
) -> None:
    with collecting() as collector:
        told = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{collector.url}/v1/traces"}
        async with screening(kafka, postgres, tmp_path, told) as service:
            service.screen(f"00-{TRACE}-{PARENT}-00")
            service.http.get(SCREENINGS)
            service.seconds_to_end()
    names = [span.name for span in collector.spans() if span.kind == span.SPAN_KIND_SERVER]
    assert names == [f"GET {SCREENINGS.replace(TRIAL, '{trial}')}"]
    assert collector.metrics == []


@contextmanager
def nobody() -> Iterator[str]:
    """An address where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@contextmanager
def silent() -> Iterator[str]:
    """A collector that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.mark.parametrize("away", [nobody, silent])
async def test_a_collector_out_of_reach_is_told_of_once_and_holds_nothing_up(
    kafka: str, postgres: str, tmp_path: Path, away: Callable[[], AbstractContextManager[str]]
) -> None:
    with away() as url:
        told = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": url,
            "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
            "OTEL_METRIC_EXPORT_INTERVAL": "50",
            "OTEL_BSP_SCHEDULE_DELAY": "50",
        }
        async with screening(kafka, postgres, tmp_path, told) as service:
            statuses = {service.screen().status_code for _ in range(50)}
            assert statuses <= {201, 409}

            def complained() -> bool:
                service.screen()
                return "telemetry does not reach its collector" in service.log.read_text()

            until_true(complained, 20, every=0.1)
            for _ in range(20):
                began = time.monotonic()
                assert service.screen().status_code < 500
                assert time.monotonic() - began < 1
            assert service.seconds_to_end() < 8
            log = service.log.read_text()
    assert log.count("telemetry does not reach its collector") == 1
    assert not [line for line in log.splitlines() if "opentelemetry" in line or "urllib3" in line]
