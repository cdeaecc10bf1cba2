"""Spans, for whoever watches with OpenTelemetry; where nobody does, they cost nothing."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Literal, Protocol

Kind = Literal["internal", "server", "client"]
Value = str | bool | int | float | Sequence[str]


class Span(Protocol):
    """A stretch of work that is being watched."""

    def tell(self, facts: Mapping[str, Value]) -> None:
        """Add these attributes."""
        ...

    def rename(self, name: str) -> None:
        """Call it something else, now that it is known what it is."""
        ...

    def fail(self, kind: str) -> None:
        """It went wrong; `kind` is a short word for how, never a message."""
        ...


class Tracing(Protocol):
    """Opens spans; one within another belongs to it."""

    def span(
        self, name: str, kind: Kind = "internal", carrier: Mapping[str, str] | None = None
    ) -> AbstractContextManager[Span]:
        """A span for as long as the block runs; `carrier` are the headers of whoever asked for the work."""
        ...

    def close(self) -> None:
        """Send what waits to be sent."""
        ...


class _Unwatched:
    def tell(self, facts: Mapping[str, Value]) -> None:
        """Nothing."""

    def rename(self, name: str) -> None:
        """Nothing."""

    def fail(self, kind: str) -> None:
        """Nothing."""


UNWATCHED = _Unwatched()


class NoTracing:
    """Nobody watches."""

    @contextmanager
    def span(
        self,
        name: str,  # noqa: ARG002 - the protocol's
        kind: Kind = "internal",  # noqa: ARG002
        carrier: Mapping[str, str] | None = None,  # noqa: ARG002
    ) -> Generator[Span]:
        """A span that keeps nothing."""
        yield UNWATCHED

    def close(self) -> None:
        """Nothing waits."""


def open_tracing(endpoint: str | None, version: str) -> Tracing:
    """Tracing to the collector behind `endpoint` (OTLP over HTTP); none without one, or without the extra installed."""
    if endpoint is None:
        return NoTracing()
    try:
        from ouvidor.tracing.otel import send_to  # noqa: PLC0415 - the extra `opentelemetry` may not be installed
    except ImportError:
        return NoTracing()
    return send_to(endpoint, version)
