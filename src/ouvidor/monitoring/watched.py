"""What is noted of every request: one count, one line, one span; by the route's form, never by what was asked for."""

import logging
import time
from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ouvidor.monitoring.metrics import Metrics
from ouvidor.tracing.base import Span, Tracing

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNMATCHED = "unmatched"
NOT_LOGGED = frozenset({"/healthz", "/readyz", "/metrics", "/static/{digest}/{name}"})
"""Asked for all day long; they are counted, and logged at the level `debug`."""

log = logging.getLogger("ouvidor.requests")


class Watched:
    """Counts, logs and traces requests (ASGI)."""

    def __init__(self, app: ASGIApp, metrics: Metrics, tracing: Tracing) -> None:
        self.app = app
        self.metrics = metrics
        self.tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun, answered = time.perf_counter(), False

        async def watched(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = True
                self._note(scope, message["status"], time.perf_counter() - begun, span)
            await send(message)

        method = _method(scope)
        with self.tracing.span(method, "server", _carrier(scope["headers"])) as span:
            try:
                await self.app(scope, receive, watched)
            except Exception:
                if not answered:
                    self._note(scope, 500, time.perf_counter() - begun, span)
                raise

    def _note(self, scope: Scope, status: int, seconds: float, span: Span) -> None:
        method, route = _method(scope), getattr(scope.get("route"), "path", UNMATCHED)
        self.metrics.note_request(method, route, status, seconds)
        span.rename(f"{method} {route}")
        span.tell({"http.request.method": method, "http.route": route, "http.response.status_code": status})
        if status >= 500:
            span.fail(str(status))
        level = logging.DEBUG if route in NOT_LOGGED else logging.INFO
        if log.isEnabledFor(level):
            facts = {"method": method, "route": route, "status": status, "milliseconds": round(1000 * seconds, 1)}
            log.log(level, "%s %s %d", method, route, status, extra=facts)


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in METHODS else "OTHER"


def _carrier(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in headers if name.startswith(b"trace")}
