"""A language-model server that misbehaves, and what the customer, the store and the caller get: one table.

Each row goes through `POST /conversations/completions` against a real local server, once for each value of
`OUVIDOR_LLM_WHEN_DOWN`.
"""

import asyncio
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass

import httpx
import pytest
from conftest import MovedClock, client_of
from factories import HOTEL, Tenant, add_sections, build_tenant
from llm_server import (
    BAD_JSON,
    EMPTY,
    MODEL,
    VENDOR_TEXT,
    WRONG_SCHEMA,
    Answer,
    Asked,
    CutStream,
    ErrorInStream,
    Hang,
    HangInStream,
    LlmServer,
    NotHttp,
    RefusesSchema,
    Reset,
    SlowDrip,
    Status,
    fenced,
    huge,
    truncated,
)
from sqlalchemy import select

from ouvidor.agent.phrases import DEFAULTS, Phrase
from ouvidor.agent.reply import Draft
from ouvidor.conversations.models import Message, Turn
from ouvidor.db import Database
from ouvidor.engines.base import FaultKind
from ouvidor.engines.degrading import DegradingEngine
from ouvidor.engines.embeddings import Embedder
from ouvidor.engines.llm import LlmEngine
from ouvidor.monitoring.models import EngineCall
from ouvidor.runtime import DatabaseAddress, Runtime, open_runtime
from ouvidor.settings import Settings

pytestmark = pytest.mark.anyio

ASKED = "What time is breakfast?"
SAID = "Breakfast is served from 6:30 to 10:00, on Sundays until 11:00."
BY_RULE = "Breakfast is served from 6:30 to 10:00, on Sundays until 11:00."
BY_MODEL = "Breakfast is from 6:30 to 10:00, and until 11:00 on Sundays."
TRANSFER = DEFAULTS[Phrase.TRANSFER]["en"]
ERROR = DEFAULTS[Phrase.ERROR]["en"]


def good(asked: Asked) -> Draft:
    """What a good model says: it cites the section that it was shown."""
    number = next(n for n in range(10) if f'"number": {n}, "title": "What time is breakfast?"' in asked.said("user"))
    return Draft(kind="answer", text=BY_MODEL, cited=[number], confidence=0.9, language="en")


def good_but_fenced(asked: Asked) -> Answer:
    return fenced(good(asked))


@dataclass(frozen=True)
class Case:
    """What the server does (nothing: nobody listens), the fault it is (None: none), and how often it is asked."""

    name: str
    answers: tuple[Answer, ...]
    fault: FaultKind | None
    attempts: int


DRAFT = Draft(kind="answer", text="It is at", cited=[0])
CASES = (
    Case("answers", (good,), None, 1),
    Case("429 once", (Status(429, headers={"Retry-After": "0"}), good), None, 2),
    Case("429 for ever", (Status(429),), "rate_limited", 3),
    Case("429 until after the deadline", (Status(429, headers={"Retry-After": "60"}),), "rate_limited", 1),
    Case("500 once", (Status(500), good), None, 2),
    Case("500 for ever", (Status(500),), "server_error", 3),
    Case("503 with an endless page", (Status(503, body=VENDOR_TEXT * 100_000),), "server_error", 3),
    Case("hangs", (Hang(),), "timeout", 3),
    Case("hangs once", (Hang(), good), None, 2),
    Case("falls silent", (HangInStream(),), "timeout", 1),
    Case("drips", (SlowDrip(0.05),), "timeout", 3),
    Case("cut stream", (CutStream(),), "connection", 3),
    Case("cut stream once", (CutStream(), good), None, 2),
    Case("an error in the stream", (ErrorInStream(),), "server_error", 3),
    Case("bad JSON", (BAD_JSON,), "bad_output", 2),
    Case("bad JSON once", (BAD_JSON, good), None, 2),
    Case("wrong schema", (WRONG_SCHEMA,), "bad_output", 2),
    Case("wrong schema once", (WRONG_SCHEMA, good), None, 2),
    Case("fenced", (good_but_fenced,), None, 1),
    Case("talks", (VENDOR_TEXT,), "bad_output", 2),
    Case("truncated", (truncated(DRAFT),), "bad_output", 2),
    Case("truncated once", (truncated(DRAFT), good), None, 2),
    Case("empty", (EMPTY,), "bad_output", 2),
    Case("10 MB", (huge(10),), "too_large", 1),
    Case("reset", (Reset(),), "connection", 3),
    Case("reset once", (Reset(), good), None, 2),
    Case("no HTTP", (NotHttp(),), "connection", 3),
    Case("refuses json_schema", (RefusesSchema(good),), None, 2),
    Case("refuses json_schema with 500", (RefusesSchema(good, code=500),), None, 3),
    Case("refuses all formats", (RefusesSchema(good_but_fenced, ("json_schema", "json_object")),), None, 3),
    Case("refuses everything", (Status(400),), "refused", 3),
    Case("key refused", (Status(401),), "misconfigured", 1),
    Case("no such model", (Status(404),), "misconfigured", 1),
    Case("connection refused", (), "connection", 3),
)


@pytest.fixture
def upstream() -> Generator[LlmServer]:
    with LlmServer() as running:
        yield running


@pytest.fixture
def settings(settings: Settings, upstream: LlmServer) -> Settings:
    changed = {"llm_base_url": upstream.url, "llm_model": "m-1", "llm_deadline_seconds": 1.5}
    return settings.model_copy(update=changed)


@dataclass(frozen=True)
class Asking:
    """A running product in front of the server."""

    rt: Runtime
    http: httpx.AsyncClient
    tenant: Tenant

    async def ask(self, text: str = ASKED) -> httpx.Response:
        body = {
            "helpdeskId": 7,
            "projectName": self.tenant.project.name,
            "messages": [{"role": "USER", "content": text}],
        }
        return await self.http.post("/conversations/completions", json=body, headers=self.tenant.headers)

    async def turn(self) -> Turn:
        async with self.rt.db.read() as session:
            return (await session.execute(select(Turn))).scalar_one()

    async def said(self) -> list[str]:
        async with self.rt.db.read() as session:
            query = select(Message.content).where(Message.role == "AGENT").order_by(Message.position)
            return list((await session.execute(query)).scalars())

    async def call(self) -> EngineCall:
        await self.rt.calls.flush()
        async with self.rt.db.read() as session:
            return (await session.execute(select(EngineCall).where(EngineCall.task == "reply"))).scalar_one()


@pytest.fixture(params=["local", "handover", "error"])
async def asking(
    anyio_backend: str,  # noqa: ARG001 - async fixtures need it
    request: pytest.FixtureRequest,
    settings: Settings,
    database: DatabaseAddress,
    clock: MovedClock,
    embedder: Embedder,
) -> AsyncGenerator[Asking]:
    chosen = settings.model_copy(update={"llm_when_down": request.param})
    db = Database(database.url, pool_size=2)
    llm = LlmEngine(chosen, db, chance=lambda: 0.0)
    engine = DegradingEngine(llm) if chosen.llm_when_down == "local" else llm
    async with (
        open_runtime(chosen, database, engine=engine, embedder=embedder, clock=clock) as rt,
        client_of(rt) as http,
    ):
        tenant = await build_tenant(rt, "seaside", languages=["en", "pt"])
        await add_sections(rt, tenant.project, HOTEL)
        yield Asking(rt, http, tenant)
    await llm.close()
    await db.close()


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
async def test_whatever_the_server_does(upstream: LlmServer, asking: Asking, case: Case) -> None:
    if not case.answers:
        upstream.close()
    *first, last = case.answers or (Hang(),)
    upstream.next(*first)
    upstream.always(last)
    async with asyncio.timeout(20):
        response = await asking.ask()
    assert VENDOR_TEXT not in response.text
    assert len(upstream.requests) == (case.attempts if case.answers else 0)
    turn, said, call = await asking.turn(), await asking.said(), await asking.call()
    seen = (response, turn, said)
    if case.fault is None:
        assert_answered(*seen)
    else:
        {"local": assert_by_rule, "handover": assert_handed_over, "error": assert_error}[
            asking.rt.settings.llm_when_down
        ](*seen, case.fault)
    assert (call.fault, call.retries) == (case.fault, case.attempts - 1)
    assert call.model in {MODEL, "m-1"}
    assert call.degraded is (case.fault is not None and asking.rt.settings.llm_when_down == "local")


def assert_answered(response: httpx.Response, turn: Turn, said: list[str]) -> None:
    answer = response.json()
    assert response.status_code == 200
    assert answer["messages"][-1]["content"] == BY_MODEL
    assert (answer["decision"], answer["handoverToHumanNeeded"]) == ("answer", False)
    assert "6:30" in answer["sectionsRetrieved"][answer["citations"][0]]["content"]
    assert (turn.state, turn.model, turn.degraded, turn.move, turn.reason) == ("answered", MODEL, None, "answer", None)
    assert said == [BY_MODEL]


def assert_by_rule(response: httpx.Response, turn: Turn, said: list[str], fault: FaultKind) -> None:
    answer = response.json()
    assert response.status_code == 200
    assert answer["messages"][-1]["content"] == BY_RULE
    assert answer["decision"] == "answer"
    assert (turn.state, turn.model, turn.degraded) == ("answered", "local", fault)
    assert (turn.move, turn.reason) == ("answer", None)
    assert said == [BY_RULE]


def assert_handed_over(response: httpx.Response, turn: Turn, said: list[str], fault: FaultKind) -> None:
    answer = response.json()
    assert response.status_code == 200
    assert answer["messages"][-1]["content"] == TRANSFER
    assert (answer["handoverToHumanNeeded"], answer["handoverReason"]) == (True, "engine_down")
    assert answer["citations"] == []
    assert (turn.state, turn.degraded, turn.move, turn.reason) == ("answered", fault, "handover", "engine_down")
    assert turn.model == "m-1"
    assert said == [TRANSFER]


def assert_error(response: httpx.Response, turn: Turn, said: list[str], fault: FaultKind) -> None:  # noqa: ARG001 - of one shape
    problem = response.json()
    assert response.status_code == 503
    assert response.headers["content-type"] == "application/problem+json"
    assert problem["type"] == "urn:ouvidor:engine_failed"
    assert problem["customerMessage"] == ERROR
    assert (turn.state, turn.move, turn.model) == ("failed", None, None)
    assert said == []
