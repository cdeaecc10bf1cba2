"""The HTTP application: routers, errors, what every response carries, and the worker inside."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit
from uuid import uuid4

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ouvidor import __version__
from ouvidor.accounts import api as accounts_api
from ouvidor.accounts import audit_api, auth_api, keys_api, members_api
from ouvidor.agent.phrases import Phrase, phrase
from ouvidor.analysis import read_api as analyses_api
from ouvidor.analysis import runs_api as analysis_runs_api
from ouvidor.compat import analysis as compat_analysis
from ouvidor.compat import auth as compat_auth
from ouvidor.compat import comments as compat_comments
from ouvidor.compat import openai as compat_openai
from ouvidor.compat import openai_errors
from ouvidor.conversations import api as conversations_api
from ouvidor.conversations import desk_api, imports_api
from ouvidor.errors import OuvidorError
from ouvidor.feedback.finding import api as find_api
from ouvidor.feedback.intake import api as intake_api
from ouvidor.feedback.learning import api as learn_api
from ouvidor.feedback.taxonomies import api as taxonomy_api
from ouvidor.knowledge import api as knowledge_api
from ouvidor.logs import REQUEST_ID
from ouvidor.migrations.run import newest_form
from ouvidor.monitoring import api as monitoring_api
from ouvidor.monitoring.metrics import Metrics
from ouvidor.monitoring.watched import Watched
from ouvidor.privacy import api as privacy_api
from ouvidor.problems import as_ouvidor_error, problem_response
from ouvidor.prompts import api as prompts_api
from ouvidor.runtime import Runtime
from ouvidor.settings import LOOPBACK, Settings
from ouvidor.web.pages import add_pages, error_page, wants_page
from ouvidor.worker import work

log = logging.getLogger(__name__)

FORESEEN = (OuvidorError, RequestValidationError, HTTPException)
"""Whatever else is raised is answered outside of `RequestFrame`, which gives responses their request id."""

DESCRIPTION = """
Answers from a company's own knowledge, with their sources; a clarification or a hand-over to a person where there are
none. Send the API key of a project as `Authorization: Bearer ouv_live_…`. Errors are problem documents (RFC 9457).
"""


class BodyTooLarge(OuvidorError):
    """The request is too large; split it."""

    status = 413


class ForeignCharset(OuvidorError):
    """Forms are read as UTF-8; send this one so, without another charset."""

    status = 415


def create_app(rt: Runtime, *, worker_inside: bool = False) -> FastAPI:
    """The application on a runtime that stays open as long as the app does."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        task = asyncio.create_task(work(rt)) if worker_inside else None
        yield
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    app = FastAPI(
        title="Ouvidor",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    app.state.runtime = rt
    app.state.metrics = metrics = Metrics(rt.calls)
    app.state.newest_form = newest_form
    rt.calls.watch(metrics)
    for api in (
        conversations_api,
        desk_api,
        imports_api,
        knowledge_api,
        monitoring_api,
        privacy_api,
        accounts_api,
        auth_api,
        compat_auth,
        compat_openai,
        members_api,
        keys_api,
        audit_api,
        prompts_api,
        analysis_runs_api,
        analyses_api,
        compat_analysis,
        taxonomy_api,
        intake_api,
        learn_api,
        find_api,
        compat_comments,
    ):
        app.include_router(api.router)
    add_pages(app)
    for kind in (*FORESEEN, Exception):
        app.add_exception_handler(kind, _show_error)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=allowed_hosts(rt.settings))
    app.add_middleware(Watched, metrics=metrics, tracing=rt.tracing)
    app.add_middleware(RequestFrame, max_body_bytes=rt.settings.max_body_bytes)
    return app


def allowed_hosts(settings: Settings) -> list[str]:
    """The names a request may call us by, against DNS rebinding: those set, else loopback and the public URL's."""
    if settings.trusted_hosts:
        return list(settings.trusted_hosts)
    public = urlsplit(settings.public_url or "").hostname
    if public is None and not settings.listens_on_loopback:
        return ["*"]
    return [*sorted(LOOPBACK), "[::1]", *([public] if public else [])]


async def _show_error(request: Request, raised: Exception) -> Response:
    """The one place that renders errors: a page for a browser, a problem document for a program, OpenAI's on `/v1`."""
    error = as_ouvidor_error(raised)
    if error.status >= 500:
        log.error("A request failed: %s.", error.code(), exc_info=raised)
    response = await _shown(request, error)
    if not isinstance(raised, FORESEEN):
        response.headers["x-request-id"] = request.state.request_id
    return response


async def _shown(request: Request, error: OuvidorError) -> Response:
    if request.url.path.startswith(openai_errors.PREFIX):
        return openai_errors.error_response(error, request)
    if wants_page(request):
        return await error_page(request, error)
    if request.url.path == "/conversations/completions":
        return problem_response(error, request, customerMessage=_customer_phrase(request))
    return problem_response(error, request)


def _customer_phrase(request: Request) -> str:
    """What to tell the customer: the project's phrase where the project is known."""
    project = getattr(request.state, "project", None)
    if project is not None:
        return phrase(project.phrases, Phrase.ERROR, "en" if project.languages[0] == "en" else "pt")
    return phrase({}, Phrase.ERROR, "pt" if request.headers.get("accept-language", "").startswith("pt") else "en")


class RequestFrame:
    """Gives each request an id, refuses bodies over the limit or of a foreign charset."""

    def __init__(self, app: ASGIApp, max_body_bytes: int) -> None:
        self.app = app
        self.max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request (ASGI)."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        REQUEST_ID.set(request_id)
        seen, foreign = 0, _has_foreign_charset(scope)

        async def counted() -> Message:
            nonlocal seen
            if foreign:
                raise ForeignCharset
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self.max_body_bytes:
                raise BodyTooLarge
            return message

        async def framed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        await self.app(scope, counted, framed)


def _has_foreign_charset(scope: Scope) -> bool:
    """Whether the parts of a form would be read by a codec that the sender names: some make halves of letters."""
    _, told = parse_options_header(Headers(scope=scope).get("content-type", ""))
    return told.get(b"charset", b"utf-8").lower() not in {b"utf-8", b"utf8"} and b"boundary" in told
