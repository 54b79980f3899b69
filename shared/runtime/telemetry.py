"""Traces and metrics by OpenTelemetry; every name that leaves the process is in this file.

Spans and metrics carry routes, topics and counts; never a key, a subject or a payload.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from itertools import islice
from threading import Thread
from typing import Literal
from uuid import uuid4

from opentelemetry import context, metrics, trace
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader
from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import Link, Span, SpanContext, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_SCOPE = "trialops"
_LINKS = 128
_FLUSH_S = 1.5
_propagator = TraceContextTextMapPropagator()
_ids = RandomIdGenerator()

tracer = trace.get_tracer(_SCOPE)
_meter = metrics.get_meter(_SCOPE)

http_requests = _meter.create_counter(
    "trialops.http.requests", description="HTTP requests by route, method and status"
)
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
"""Bounds of durations, those that OpenTelemetry's conventions ask for HTTP servers."""

http_duration = _meter.create_histogram(
    "trialops.http.duration",
    unit="s",
    description="time to answer an HTTP request by route",
    explicit_bucket_boundaries_advisory=_SECONDS,
)
records_consumed = _meter.create_counter(
    "trialops.consumer.records", description="Kafka records by what became of them"
)
batch_duration = _meter.create_histogram(
    "trialops.consumer.batch.duration",
    unit="s",
    description="one batch's transaction",
    explicit_bucket_boundaries_advisory=_SECONDS,
)
records_relayed = _meter.create_counter(
    "trialops.relay.records", description="outbox rows that the broker acknowledged"
)
dead_letters = _meter.create_counter(
    "trialops.dead_letters", description="records that became dead letters by topic"
)


def set_up(service: str) -> None:
    """Make this process's spans and metrics those of the service; both go out where asked for.

    Where spans go nowhere none is made, and a caller's trace goes on as it came.
    """
    resource = Resource.create(
        {SERVICE_NAME: f"trialops-{service}", SERVICE_INSTANCE_ID: str(uuid4())}
    )
    readers: list[MetricReader] = [PrometheusMetricReader()]
    if _goes_out("TRACES"):
        from shared.runtime import otlp  # late: 9 MB for whoever has no collector

        # The sampler is the SDK's own: what the caller's trace says, and all of what begins here.
        tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
        tracers.add_span_processor(otlp.span_processor())
        trace.set_tracer_provider(tracers)
    if _goes_out("METRICS"):
        from shared.runtime import otlp

        readers.append(otlp.metric_reader())
    metrics.set_meter_provider(
        MeterProvider(resource=resource, metric_readers=readers, shutdown_on_exit=False)
    )


def _goes_out(signal: Literal["TRACES", "METRICS"]) -> bool:
    """Whether the environment names a collector for this."""
    names = ("OTEL_EXPORTER_OTLP_ENDPOINT", f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")
    return any(os.environ.get(name) for name in names)


def shut_down(patience_s: float = _FLUSH_S) -> None:
    """Send what is left, for a moment and no longer, whatever the collector does."""
    closing = [
        Thread(target=_close, args=(provider.shutdown,), daemon=True)
        for provider in (trace.get_tracer_provider(), metrics.get_meter_provider())
        if isinstance(provider, TracerProvider | MeterProvider)
    ]
    deadline = time.monotonic() + min(patience_s, _FLUSH_S)
    for thread in closing:
        thread.start()
    for thread in closing:
        thread.join(max(0, deadline - time.monotonic()))


def _close(shutdown: Callable[[], None]) -> None:
    with suppress(Exception):  # what could not be sent is lost; the process ends all the same
        shutdown()


def traceparent() -> str | None:
    """The current span as a W3C `traceparent`; None outside a trace."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get("traceparent")


def new_trace() -> str:
    """A `traceparent` for what happens outside a trace, not sampled."""
    return f"00-{_ids.generate_trace_id():032x}-{_ids.generate_span_id():016x}-00"


def request_span(route: str, method: str, parent: str | None) -> AbstractContextManager[Span]:
    """The span of one HTTP request, a child of the caller's `traceparent` where there is one.

    Where none is made and no trace goes on, nothing is put into the context either.
    """
    if parent is None and not isinstance(trace.get_tracer_provider(), TracerProvider):
        return nullcontext(trace.INVALID_SPAN)
    return _request_span(route, method, parent)


@contextmanager
def _request_span(route: str, method: str, parent: str | None) -> Iterator[Span]:
    above = _propagator.extract({"traceparent": parent}) if parent else context.Context()
    with tracer.start_as_current_span(
        f"{method} {route}",
        context=above,
        kind=SpanKind.SERVER,
        attributes={"http.request.method": method, "http.route": route},
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        yield span


@contextmanager
def batch_span(consumer: str, count: int, parents: Iterable[str | None]) -> Iterator[Span]:
    """The span of one Kafka batch, linked to the traces of its records."""
    traces = islice(dict.fromkeys(parent for parent in parents if parent), _LINKS)
    links = [Link(found) for parent in traces if (found := _parse(parent)).is_valid]
    with tracer.start_as_current_span(
        f"process {consumer}",
        context=context.Context(),
        kind=SpanKind.CONSUMER,
        links=links,
        attributes={
            "messaging.consumer.group.name": consumer,
            "messaging.batch.message_count": count,
        },
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        yield span


def _parse(parent: str) -> SpanContext:
    """The span context of a `traceparent`, an invalid one where it cannot be read."""
    carrier = {"traceparent": parent}
    above = _propagator.extract(carrier, context.Context())
    return trace.get_current_span(above).get_span_context()
