"""Spans by OpenTelemetry: the only module that imports it."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span as OtelSpan
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from ouvidor.tracing.base import Kind, Span, Value

KINDS: dict[Kind, SpanKind] = {
    "internal": SpanKind.INTERNAL,
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
}


class OtelTracing:
    """Spans of one tracer provider; the W3C `traceparent` of a request is followed."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("ouvidor")
        self._carried = TraceContextTextMapPropagator()

    @contextmanager
    def span(self, name: str, kind: Kind = "internal", carrier: Mapping[str, str] | None = None) -> Generator[Span]:
        """A span for as long as the block runs; of what is raised in it only the type is told."""
        context = None if carrier is None else self._carried.extract(carrier)
        with self._tracer.start_as_current_span(
            name, context=context, kind=KINDS[kind], record_exception=False, set_status_on_exception=False
        ) as span:
            watched = _Watched(span)
            try:
                yield watched
            except Exception as error:
                if not watched.failed:
                    watched.fail(type(error).__name__)
                raise

    def close(self) -> None:
        """Send what waits, then stop."""
        self._provider.shutdown()


class _Watched:
    def __init__(self, span: OtelSpan) -> None:
        self._span = span
        self.failed = False

    def tell(self, facts: Mapping[str, Value]) -> None:
        """Add these attributes."""
        self._span.set_attributes(facts)

    def rename(self, name: str) -> None:
        """Call it something else."""
        self._span.update_name(name)

    def fail(self, kind: str) -> None:
        """It went wrong."""
        self.failed = True
        self._span.set_attribute("error.type", kind)
        self._span.set_status(StatusCode.ERROR)


def send_to(endpoint: str, version: str) -> OtelTracing:
    """Tracing to the collector at `endpoint`; OpenTelemetry's own variables (headers, sampling, name) are followed."""
    resource = Resource.create({SERVICE_NAME: "ouvidor", SERVICE_VERSION: version})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")))
    return OtelTracing(provider)
