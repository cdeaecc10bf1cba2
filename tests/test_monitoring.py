"""What an operator watches: usage, metrics, health, logs and traces; none of them tells a customer's word."""

import asyncio
import json
import logging
import re
from collections.abc import Generator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from access_cases import add_person, cookie_of
from conftest import MovedClock, client_of
from factories import Site, Tenant
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from sqlalchemy import text

from ouvidor.accounts.permissions import Role
from ouvidor.accounts.signins import COOKIE
from ouvidor.agent.follow_up import Rewritten
from ouvidor.agent.reply import REPLY, Draft
from ouvidor.app import create_app
from ouvidor.conversations.models import Conversation, Turn
from ouvidor.engines.base import Brief, Effort, Engine, EngineFailed, Outcome, Task, Usage
from ouvidor.engines.breaker import FAILURES_TO_OPEN, Breaker
from ouvidor.engines.calls import CallRecord
from ouvidor.engines.choose import open_engine
from ouvidor.engines.degrading import DegradingEngine
from ouvidor.engines.llm import LlmEngine
from ouvidor.engines.recorded import RecordedEngine
from ouvidor.engines.scripted import ScriptedEngine
from ouvidor.logs import FACTS, JsonLines, PlainLines, configure_logging
from ouvidor.monitoring.metrics import MOST_MODELS, Metrics
from ouvidor.runtime import Runtime
from ouvidor.tracing.base import NoTracing, open_tracing
from ouvidor.tracing.otel import OtelTracing
from ouvidor.worker import work

pytestmark = pytest.mark.anyio

DOCUMENT = Path(__file__).parent.parent / "docs/monitoring.md"
TOKEN = "a-token-of-the-operators"
WORDS = "zebrafish"
HELPDESK = "maria@example.org"


async def ask(client: httpx.AsyncClient, tenant: Tenant, said: str, helpdesk: str = HELPDESK) -> dict[str, Any]:
    body = {"helpdeskId": helpdesk, "projectName": tenant.project.name, "messages": [{"role": "USER", "content": said}]}
    answer = await client.post("/conversations/completions", json=body, headers=tenant.headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def record(site: Site, **told: Any) -> CallRecord:
    given = {"conversation_id": None, "turn_id": None, "task": "reply", "model": "gpt-4o-mini", "prompt_version": None}
    return CallRecord(**{"project_id": site.own.project.id, "prompt_label": "reply 1", "latency": 0.5, **given, **told})


class TestUsage:
    """Figures of a project over time."""

    async def test_calls_are_summed_by_hour_model_and_prompt(
        self, rt: Runtime, site: Site, client: httpx.AsyncClient, clock: MovedClock
    ) -> None:
        now, usage = clock.now, Usage(input=800_000, cache_read=200_000, output=50_000, reasoning=50_000)
        for seconds in range(1, 101):
            rt.calls.add(record(site, at=now, latency=seconds / 100, first_token=0.1, retries=seconds % 2))
        rt.calls.add(record(site, at=now - timedelta(hours=3), usage=usage, prompt_label="reply 2"))
        rt.calls.add(record(site, at=now - timedelta(hours=3), model="nobody-7b", usage=usage, prompt_label="reply 2"))
        rt.calls.add(record(site, at=now - timedelta(hours=3), fault="timeout", prompt_label="reply 2"))
        rt.calls.add(record(site, at=now - timedelta(hours=3), fault="rate_limited", degraded=True, usage=usage))
        rt.calls.add(record(site, at=now - timedelta(hours=24), task="old"))
        rt.calls.add(record(site, at=now, project_id=site.other.project.id))
        rt.calls.add(record(site, at=now, model="local", latency=0.001, prompt_label=""))
        await rt.calls.flush()
        clock.advance(seconds=1)
        told = await usage_of(client, site.own)
        assert (told["step"], len(told["moments"])) == ("hour", 24)
        assert (told["calls"]["calls"], told["calls"]["faults"], told["calls"]["degraded"]) == (105, 2, 1)
        assert told["calls"]["retries"] == 50
        dollars = 0.8 * 0.15 + 0.2 * 0.075 + 0.1 * 0.6
        assert told["calls"]["cost"] == pytest.approx(2 * dollars)
        assert told["calls"]["unpriced"] == 101
        assert told["calls"]["tokens"] == {
            "input": 2_400_000,
            "cache_read": 600_000,
            "cache_write": 0,
            "output": 150_000,
            "reasoning": 150_000,
        }
        by_hour = {row["at"]: row["calls"] for row in told["moments"]}
        assert (by_hour["2026-11-21T12:00:00Z"]["calls"], by_hour["2026-11-21T09:00:00Z"]["calls"]) == (101, 4)
        by_model = {row["model"]: row["calls"] for row in told["models"]}
        assert (by_model["nobody-7b"]["cost"], by_model["nobody-7b"]["unpriced"]) == (0, 1)
        assert (by_model["local"]["calls"], by_model["local"]["unpriced"]) == (1, 0)
        by_prompt = {(row["task"], row["prompt"]): row["calls"]["calls"] for row in told["tasks"]}
        assert by_prompt == {("reply", "reply 1"): 101, ("reply", "reply 2"): 3, ("reply", ""): 1}
        assert told["faults"] == [{"name": "rate_limited", "count": 1}, {"name": "timeout", "count": 1}]

    async def test_percentiles_are_those_of_the_calls(
        self, rt: Runtime, site: Site, client: httpx.AsyncClient, clock: MovedClock
    ) -> None:
        for hundredths in range(1, 102):
            rt.calls.add(record(site, at=clock.now, latency=hundredths / 100))
        await rt.calls.flush()
        clock.advance(seconds=1)
        latency = (await usage_of(client, site.own))["calls"]["latency"]
        assert (latency["p50"], latency["p95"], latency["p99"]) == pytest.approx((0.51, 0.96, 1.0))
        assert (await usage_of(client, site.own))["calls"]["first_token"] == {"p50": None, "p95": None, "p99": None}

    async def test_it_can_be_narrowed_and_widened(
        self, rt: Runtime, site: Site, client: httpx.AsyncClient, clock: MovedClock
    ) -> None:
        for days in (0, 3, 20, 40):
            for model in ("a", "b"):
                at = clock.now - timedelta(days=days)
                rt.calls.add(record(site, at=at, model=model, prompt_label=f"reply {days}"))
        await rt.calls.flush()
        clock.advance(seconds=1)
        for query, calls, moments in (
            ("", 2, 24),
            ("?period=7d", 4, 7),
            ("?period=30d", 6, 30),
            ("?period=30d&model=a", 3, 30),
            ("?period=30d&model=a&prompt=reply 3", 1, 30),
            ("?period=30d&model=c", 0, 30),
        ):
            told = await usage_of(client, site.own, query)
            assert (told["calls"]["calls"], len(told["moments"])) == (calls, moments), query
        wrong = await client.get("/api/v1/usage?period=1y", headers=site.own.headers)
        assert wrong.status_code == 422

    async def test_decisions_reasons_and_withheld_drafts(
        self, rt: Runtime, site: Site, client: httpx.AsyncClient, clock: MovedClock
    ) -> None:
        findings = [{"kind": "number", "what": "45 %"}, {"kind": "number", "what": "7"}, {"kind": "link", "what": "x"}]
        await add_turns(
            rt,
            site,
            {"move": "answer", "model": "m", "prompt_label": "reply 1"},
            {"move": "clarify", "model": "m", "prompt_label": "reply 1", "withheld": "w", "findings": findings},
            {
                "move": "handover",
                "reason": "engine_down",
                "model": "m",
                "prompt_label": "reply 2",
                "degraded": "timeout",
            },
            {"move": "handover", "reason": "outside_content", "model": "local"},
            {"state": "failed"},
            {"state": "silent"},
        )
        clock.advance(seconds=1)
        told = await usage_of(client, site.own)
        decided = {"answer": 1, "clarify": 1, "handover": 2, "failed": 1, "withheld": 1, "degraded": 1}
        assert told["turns"] == decided
        assert told["moments"][-1]["turns"] == decided
        assert told["reasons"] == [{"name": "engine_down", "count": 1}, {"name": "outside_content", "count": 1}]
        assert told["findings"] == [{"name": "link", "count": 1}, {"name": "number", "count": 1}]
        by_prompt = {(row["model"], row["prompt"]): row["turns"]["answer"] for row in told["prompts"]}
        assert by_prompt == {("m", "reply 1"): 1, ("m", "reply 2"): 0, ("local", ""): 0, ("", ""): 0}
        narrowed = await usage_of(client, site.own, "?model=m&prompt=reply 1")
        assert (narrowed["turns"]["answer"], narrowed["turns"]["handover"], narrowed["reasons"]) == (1, 0, [])
        assert (await usage_of(client, site.other))["turns"]["answer"] == 0

    async def test_a_real_turn_is_counted(
        self, rt: Runtime, site: Site, client: httpx.AsyncClient, clock: MovedClock
    ) -> None:
        await ask(client, site.own, "What time is breakfast?")
        await rt.calls.flush()
        clock.advance(seconds=1)
        told = await usage_of(client, site.own)
        assert [row["model"] for row in told["models"]] == ["local"]
        assert told["turns"]["answer"] == 1
        assert told["calls"]["calls"] >= 1

    async def test_the_page_shows_it_to_who_may_see_it(
        self, rt: Runtime, site: Site, client: httpx.AsyncClient, clock: MovedClock
    ) -> None:
        rt.calls.add(record(site, at=clock.now, model="gpt-x", fault="timeout"))
        await rt.calls.flush()
        clock.advance(seconds=1)
        for role, status in ((Role.AUDITOR, 200), (Role.MANAGER, 200), (Role.AGENT, 403), (Role.VIEWER, 403)):
            person = await add_person(rt, f"the-{role}", (site.own.project, role))
            client.cookies.set(COOKIE, await cookie_of(rt, person))
            page = await client.get("/projects/seaside/monitoring", headers={"Accept": "text/html"})
            assert page.status_code == status
            assert ("gpt-x" in page.text) == (status == 200)
            home = await client.get("/projects/seaside/overview", headers={"Accept": "text/html"})
            assert ("/projects/seaside/monitoring" in home.text) == (status == 200)


async def usage_of(client: httpx.AsyncClient, tenant: Tenant, query: str = "") -> dict[str, Any]:
    answer = await client.get(f"/api/v1/usage{query}", headers=tenant.headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def add_turns(rt: Runtime, site: Site, *turns: dict[str, Any]) -> UUID:
    now = rt.clock()
    async with rt.db.begin() as session:
        talk = Conversation(
            project_id=site.own.project.id,
            helpdesk_id=uuid4().hex,
            created_at=now,
            last_message_at=now,
            turns=len(turns),
        )
        session.add(talk)
        await session.flush()
        for number, told in enumerate(turns, start=1):
            own = {"project_id": talk.project_id, "conversation_id": talk.id, "number": number, "episode": 1}
            session.add(Turn(**{"state": "answered", "started_at": now, **own, **told}))
        return talk.id


async def test_a_turn_tells_its_prompt_and_what_was_withheld(
    rt: Runtime, site: Site, client: httpx.AsyncClient
) -> None:
    told = {"prompt_label": "reply 2", "searched_for": "s", "withheld": "w", "degraded": "timeout"}
    findings = [{"kind": "number", "what": "45 %"}]
    talk = await add_turns(rt, site, {"move": "clarify", "reason": "draft_withheld", "findings": findings, **told})
    (turn,) = (await client.get(f"/api/v1/conversations/{talk}/turns", headers=site.own.headers)).json()
    assert {name: turn[name] for name in told} == told
    assert turn["findings"] == findings


class TestMetrics:
    """The counters of one process."""

    async def test_what_happens_is_counted(
        self, rt: Runtime, site: Site, client: httpx.AsyncClient, clock: MovedClock
    ) -> None:
        await ask(client, site.own, f"What time is breakfast? {WORDS}")
        await client.get("/nowhere/maria")
        await client.request("BREW", "/healthz")
        usage = Usage(input=10, cache_read=20, cache_write=30, output=40, reasoning=50)
        rt.calls.add(record(site, at=clock.now, usage=usage, retries=2, first_token=0.1))
        rt.calls.add(record(site, at=clock.now, fault="timeout", degraded=True))
        await rt.calls.flush()
        await add_turns(rt, site)
        async with rt.db.begin() as session:
            waiting = "update conversation set status = 'waiting', waiting_since = :since where helpdesk_id <> 'x'"
            await session.execute(text(waiting), {"since": clock.now - timedelta(seconds=90)})
        shown = await metrics_of(client)
        post = {"method": "POST", "route": "/conversations/completions"}
        assert shown("ouvidor_http_requests_total", status="200", **post) == 1
        assert shown("ouvidor_http_request_seconds_count", **post) == 1
        assert shown("ouvidor_http_requests_total", method="GET", route="unmatched", status="404") == 1
        assert shown("ouvidor_http_requests_total", method="OTHER", route="/healthz", status="405") == 1
        asked = {"task": "reply", "model": "gpt-4o-mini"}
        assert shown("ouvidor_engine_calls_total", task="reply", model="local") == 1
        assert shown("ouvidor_engine_calls_total", **asked) == 2
        assert shown("ouvidor_engine_call_seconds_sum", **asked) == 1.0
        assert shown("ouvidor_engine_first_token_seconds_count", **asked) == 1
        kinds = ("input", "cache_read", "cache_write", "output", "reasoning")
        assert [shown("ouvidor_engine_tokens_total", kind=kind, **asked) for kind in kinds] == [10, 20, 30, 40, 50]
        assert shown("ouvidor_engine_cost_dollars_total", **asked) == pytest.approx(
            (10 * 0.15 + 20 * 0.075 + 30 * 0.15 + 90 * 0.6) / 1e6
        )
        assert shown("ouvidor_engine_retries_total", **asked) == 2
        assert shown("ouvidor_engine_faults_total", kind="timeout", **asked) == 1
        assert shown("ouvidor_engine_degradations_total", **asked) == 1
        assert shown("ouvidor_engine_records_dropped_total") == 0
        assert shown("ouvidor_database_up") == 1
        assert shown("ouvidor_conversations_waiting") == 2
        assert shown("ouvidor_conversation_longest_wait_seconds") == 90
        assert shown("ouvidor_jobs_waiting") >= 1
        assert shown("ouvidor_database_connections_limit") == rt.settings.database_pool

    async def test_names_are_those_of_the_contract_and_labels_name_nobody(
        self, site: Site, client: httpx.AsyncClient
    ) -> None:
        told = await ask(client, site.own, f"What time is breakfast? {WORDS}")
        await client.get(f"/api/v1/conversations/{told['conversationId']}", headers=site.own.headers)
        shown = (await client.get("/metrics")).text
        families = list(text_string_to_metric_families(shown))
        assert len(families) > 15
        labels = {"method", "route", "status", "task", "model", "kind", "version", "le"}
        for family in families:
            assert family.name.startswith("ouvidor_"), family.name
            assert family.documentation
            for sample in family.samples:
                assert set(sample.labels) <= labels, sample
        project = site.own.project
        for secret in (WORDS, HELPDESK, told["conversationId"], str(project.id), project.name, site.own.key, "maria"):
            assert secret not in shown

    async def test_the_document_names_every_metric(self, client: httpx.AsyncClient) -> None:
        named = set(re.findall(r"`(ouvidor_[a-z_]+[a-z])`", DOCUMENT.read_text()))
        families = text_string_to_metric_families((await client.get("/metrics")).text)
        shown = {family.name + ("_total" if family.type == "counter" else "") for family in families}
        shown = {name for name in shown if not name.startswith("ouvidor_process_")} | {"ouvidor_engine_circuit_open"}
        shown = {name.replace("_info_info", "_info") for name in shown}
        assert named == shown

    async def test_models_without_end_are_counted_together(self, rt: Runtime, site: Site, clock: MovedClock) -> None:
        metrics = Metrics(rt.calls)
        for number in range(MOST_MODELS + 7):
            metrics.note_call(record(site, at=clock.now, model=f"m{number}" + "x" * 500))
        assert metrics.registry.get_sample_value("ouvidor_engine_calls_total", {"task": "reply", "model": "other"}) == 7

    @pytest.mark.parametrize(
        ("near", "headers", "status"),
        [
            ("127.0.0.1", {}, 200),
            ("::1", {}, 200),
            ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 404),
            ("127.0.0.1", {"Forwarded": "for=127.0.0.1"}, 404),
            ("10.0.0.9", {}, 404),
            ("10.0.0.9", {"Authorization": f"Bearer {TOKEN}"}, 200),
            ("10.0.0.9", {"Authorization": f"Bearer {TOKEN} "}, 200),
            ("10.0.0.9", {"Authorization": f"Bearer {TOKEN}x"}, 404),
            ("10.0.0.9", {"Authorization": "Bearer"}, 404),
            ("10.0.0.9", {"Authorization": "Bearer ol\xe1".encode("latin-1")}, 404),
            ("127.0.0.1", {"Authorization": "Bearer wrong"}, 200),
        ],
    )
    async def test_it_answers_this_machine_and_who_holds_the_token(
        self, rt: Runtime, near: str, headers: dict[str, str], status: int
    ) -> None:
        settings = rt.settings.model_copy(update={"metrics_token": SecretStr(TOKEN)})
        transport = httpx.ASGITransport(create_app(replace(rt, settings=settings)), client=(near, 5))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as http:
            assert (await http.get("/metrics", headers=headers)).status_code == status

    async def test_a_model_that_is_left_alone_is_told(self, rt: Runtime) -> None:
        settings = rt.settings.model_copy(update={"llm_model": "m", "llm_base_url": "http://127.0.0.1:1/v1"})
        async with open_engine(settings, rt.db) as engine:
            watched = replace(rt, engine=RecordedEngine(engine, rt.calls, rt.clock))
            async with client_of(watched) as client:
                assert (await metrics_of(client))("ouvidor_engine_circuit_open") == 0
                for _ in range(FAILURES_TO_OPEN):
                    breaker_of(engine).failed()
                assert (await metrics_of(client))("ouvidor_engine_circuit_open") == 1

    async def test_without_a_token_nobody_from_afar_gets_in(self, rt: Runtime, site: Site) -> None:
        transport = httpx.ASGITransport(create_app(rt), client=("10.0.0.9", 5))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as http:
            for headers in ({}, {"Authorization": "Bearer "}, site.own.headers):
                assert (await http.get("/metrics", headers=headers)).status_code == 404

    async def test_it_answers_while_the_database_is_away(self, rt: Runtime, client: httpx.AsyncClient) -> None:
        async with rt.db.begin() as session:
            await session.execute(text("drop schema jobs cascade"))
        shown = await metrics_of(client)
        assert shown("ouvidor_database_up") == 0
        assert shown("ouvidor_database_connections_limit") == rt.settings.database_pool


def breaker_of(engine: Engine) -> Breaker:
    assert isinstance(engine, DegradingEngine)
    assert isinstance(engine.inner, LlmEngine)
    return engine.inner.breaker


async def metrics_of(client: httpx.AsyncClient) -> Any:
    answer = await client.get("/metrics")
    assert answer.status_code == 200
    found = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    return lambda name, **labels: found[name, tuple(sorted(labels.items()))]


class TestHealth:
    """Alive, and able to work."""

    async def test_alive_and_ready(self, rt: Runtime, client: httpx.AsyncClient) -> None:
        assert (await client.get("/healthz")).json() == {"status": "ok"}
        assert (await client.get("/readyz")).json() == {"status": "ready", "worker": "absent"}
        working = asyncio.create_task(work(rt))
        async with asyncio.timeout(20):
            while (await client.get("/readyz")).json()["worker"] != "ok":  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.01)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)

    @pytest.mark.parametrize(
        ("deed", "part"),
        [
            ("update alembic_version set version_num = 'people'", "migrations"),
            ("drop table alembic_version", "database"),
        ],
    )
    async def test_not_ready(self, rt: Runtime, client: httpx.AsyncClient, deed: str, part: str) -> None:
        async with rt.db.begin() as session:
            await session.execute(text(deed))
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
        assert (answer.json()["type"], [one["where"] for one in answer.json()["errors"]]) == (
            "urn:ouvidor:not_ready",
            [part],
        )
        assert "postgresql" not in answer.text
        assert (await client.get("/healthz")).status_code == 200


class TestLogs:
    """Lines for programs and for people."""

    @pytest.fixture(autouse=True)
    def unchanged(self) -> Generator[None]:
        root, named = logging.getLogger(), [logging.getLogger(name) for name in ("ouvidor", "uvicorn")]
        before, levels = root.handlers[:], [logger.level for logger in (root, *named)]
        yield
        root.handlers[:] = before
        for logger, level in zip((root, *named), levels, strict=True):
            logger.setLevel(level)

    @pytest.fixture
    def engine(self) -> Engine:
        return ScriptedEngine()

    @pytest.mark.parametrize("form", ["json", "text"])
    async def test_no_line_tells_a_word_an_id_or_a_secret(
        self, rt: Runtime, site: Site, engine: ScriptedEngine, capfd: pytest.CaptureFixture[str], form: Any
    ) -> None:
        configure_logging(form, "debug")
        password, invitation = "correct horse battery", "ouv_join_8mJ0bS3d-Wqkq0nVx1y"
        engine.always("rewrite", Rewritten(question=""))
        engine.next("reply", Draft(kind="answer", text=f"{WORDS} at seven [1]", cited=[0]))
        engine.next("reply", RuntimeError(f"{WORDS} and {HELPDESK}"))
        async with client_of(rt) as client:
            told = await ask(client, site.own, f"What time is breakfast? {WORDS}")
            body = {"helpdeskId": HELPDESK, "projectName": "seaside", "messages": [{"role": "USER", "content": WORDS}]}
            broken = await client.post("/conversations/completions", json=body, headers=site.own.headers)
            assert broken.status_code == 500
            login = {"username": "maria", "password": password}
            await client.post("/api/v1/auth/login", json=login)
            await client.get(f"/projects/seaside/chat?helpdesk={HELPDESK}&q={WORDS}")
            await client.get(f"/{WORDS}?{HELPDESK}", headers=site.own.headers)
            for address in (f"/join/{invitation}", f"/sign-in?then=%2Fjoin%2F{invitation}"):
                await client.get(address)
            erasure = {"kind": "customer", "id": HELPDESK}
            await client.post("/api/v1/erasures", json=erasure, headers=site.own.headers)
            logging.getLogger("asyncio").error("Task exception was never retrieved\nexception=%s", WORDS)
            logging.getLogger("openai").debug("Request: %s", WORDS)
            await work(rt, once=True)
        lines = capfd.readouterr().err
        assert "POST /conversations/completions 200" in lines
        assert "GET unmatched 404" in lines
        assert "GET /join/{text} 404" in lines
        assert "RuntimeError" in lines
        assert "engines/recorded.py" in lines
        for secret in (WORDS, HELPDESK, "maria", password, invitation, site.own.key, told["conversationId"]):
            assert secret not in lines, secret

    async def test_every_json_line_of_a_request_has_its_id(
        self, rt: Runtime, site: Site, engine: ScriptedEngine, capfd: pytest.CaptureFixture[str]
    ) -> None:
        configure_logging("json", "info")
        engine.always("reply", RuntimeError("quokka"))
        async with client_of(rt) as client:
            body = {"helpdeskId": 1, "projectName": "seaside", "messages": [{"role": "USER", "content": "hi"}]}
            answer = await client.post("/conversations/completions", json=body, headers=site.own.headers)
        lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
        own = [line for line in lines if line.get("request_id") == answer.headers["x-request-id"]]
        assert answer.json()["request_id"] == answer.headers["x-request-id"]
        failed = next(line for line in own if "exception" in line)
        assert (failed["level"], failed["exception"][0]["type"]) == ("error", "RuntimeError")
        assert all("quokka" not in json.dumps(line) for line in lines)
        access = next(line for line in own if line["logger"] == "ouvidor.requests")
        assert {name: access[name] for name in FACTS[:3]} == {
            "method": "POST",
            "route": "/conversations/completions",
            "status": 500,
        }
        assert access["milliseconds"] >= 0
        assert {"time", "level", "logger", "message"} <= access.keys()

    def test_causes_are_told_by_type(self) -> None:
        def broken() -> None:
            try:
                raise ValueError(WORDS)
            except ValueError as error:
                raise RuntimeError(WORDS) from error

        try:
            broken()
        except RuntimeError as error:
            line = logging.LogRecord("x", logging.ERROR, "f", 1, "It failed", (), (type(error), error, None))
        told = json.loads(JsonLines().format(line))
        assert [one["type"] for one in told["exception"]] == ["RuntimeError", "ValueError"]
        assert told["exception"][0]["stack"][-1].endswith(" broken")
        plain = PlainLines().format(line)
        assert "error: It failed" in plain
        assert WORDS not in plain + json.dumps(told)


class Model:
    """A model with a usage, or one that fails."""

    name = "gpt-4o-mini"

    async def run(self, task: Task[Any, Any], given: object, brief: Brief) -> Outcome[Any]:  # noqa: ARG002 - the engine's form
        effort = Effort(usage=Usage(input=10, cache_read=5, output=3, reasoning=2), retries=1, first_token=0.1)
        if "fail" in str(given):
            raise EngineFailed("timeout", model=self.name, effort=effort)
        return Outcome(Draft(kind="smalltalk", text="Hello!"), self.name, effort)


class TestTraces:
    """Spans by OpenTelemetry."""

    @pytest.fixture
    def spans(self) -> InMemorySpanExporter:
        return InMemorySpanExporter()

    @pytest.fixture
    def tracing(self, spans: InMemorySpanExporter) -> OtelTracing:
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(spans))
        return OtelTracing(provider)

    async def traced(self, rt: Runtime, tracing: OtelTracing, *, content: bool = False) -> Runtime:
        model = RecordedEngine(Model(), rt.calls, rt.clock, content=content, tracing=tracing, provider="openai")
        return replace(rt, tracing=tracing, engine=model)

    @pytest.mark.parametrize("content", [False, True])
    async def test_a_turn_is_a_request_a_search_and_a_call(
        self, rt: Runtime, site: Site, spans: InMemorySpanExporter, tracing: OtelTracing, content: bool
    ) -> None:
        parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        async with client_of(await self.traced(rt, tracing, content=content)) as client:
            client.headers["traceparent"] = parent
            told = await ask(client, site.own, f"hello {WORDS}")
        found = {span.name: span for span in spans.get_finished_spans()}
        request, call = found["POST /conversations/completions"], found["chat gpt-4o-mini"]
        assert {"search", "chat gpt-4o-mini"} < found.keys()
        assert request.parent is not None
        assert f"{request.parent.span_id:016x}" == "00f067aa0ba902b7"
        assert all(span.context.trace_id == int(parent[3:35], 16) for span in found.values())
        assert attributes(request) == {
            "http.request.method": "POST",
            "http.route": "/conversations/completions",
            "http.response.status_code": 200,
        }
        given = attributes(call)
        assert given["gen_ai.operation.name"] == "chat"
        assert given["gen_ai.provider.name"] == "openai"
        assert (given["gen_ai.request.model"], given["gen_ai.response.model"]) == ("gpt-4o-mini", "gpt-4o-mini")
        assert (given["gen_ai.usage.input_tokens"], given["gen_ai.usage.output_tokens"]) == (15, 5)
        assert given["gen_ai.usage.cache_read.input_tokens"] == 5
        assert given["gen_ai.conversation.id"] == told["conversationId"]
        assert call.kind.name == "CLIENT"
        assert (WORDS in str([attributes(span) for span in found.values()])) == content
        assert HELPDESK not in str([span.to_json() for span in found.values()])

    async def test_a_failure_is_told_by_its_kind(
        self, rt: Runtime, site: Site, spans: InMemorySpanExporter, tracing: OtelTracing
    ) -> None:
        engine = (await self.traced(rt, tracing)).engine
        brief = Brief(project_id=site.own.project.id)
        with pytest.raises(EngineFailed):
            await engine.run(replace(REPLY, present=str), f"fail {WORDS}", brief)
        (span,) = spans.get_finished_spans()
        assert attributes(span)["error.type"] == "timeout"
        assert not span.status.is_ok
        assert WORDS not in span.to_json()

    def test_it_is_off_without_an_address(self) -> None:
        assert isinstance(open_tracing(None, "1"), NoTracing)

    def test_it_is_on_with_one(self) -> None:
        opened = open_tracing("http://127.0.0.1:9/", "1")
        assert isinstance(opened, OtelTracing)
        opened.close()


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})
