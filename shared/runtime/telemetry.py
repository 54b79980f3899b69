"""Traces and metrics by OpenTelemetry; every name that leaves the process is in this file.

Spans and metrics carry routes, topics and counts; never a key, a subject or a payload.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice

from opentelemetry import context, metrics, trace
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Link, Span, SpanContext, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_SCOPE = "trialops"
_LINKS = 128
_propagator = TraceContextTextMapPropagator()

tracer = trace.get_tracer(_SCOPE)
_meter = metrics.get_meter(_SCOPE)

http_requests = _meter.create_counter(
    "trialops.http.requests", description="HTTP requests by route, method and status"
)
http_duration = _meter.create_histogram(
    "trialops.http.duration", unit="s", description="time to answer an HTTP request by route"
)
records_consumed = _meter.create_counter(
    "trialops.consumer.records", description="Kafka records by what became of them"
)
batch_duration = _meter.create_histogram(
    "trialops.consumer.batch.duration", unit="s", description="one batch's transaction"
)
records_relayed = _meter.create_counter(
    "trialops.relay.records", description="outbox rows that the broker acknowledged"
)
dead_letters = _meter.create_counter(
    "trialops.dead_letters", description="records that became dead letters by topic"
)


def set_up(service: str) -> None:
    """Make this process's spans and metrics those of the service."""
    resource = Resource.create({SERVICE_NAME: f"trialops-{service}"})
    trace.set_tracer_provider(TracerProvider(resource=resource))
    metrics.set_meter_provider(
        MeterProvider(resource=resource, metric_readers=[PrometheusMetricReader()])
    )


def traceparent() -> str | None:
    """The current span as a W3C `traceparent`; None outside a trace."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get("traceparent")


@contextmanager
def request_span(route: str, method: str, parent: str | None) -> Iterator[Span]:
    """The span of one HTTP request, a child of the caller's `traceparent` where there is one."""
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
