"""The engine behind an OpenAI-compatible server, against a real local one that does as told."""

import asyncio
import json
import traceback
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import pytest
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
    Says,
    SlowDrip,
    Status,
    Usage,
    fenced,
    huge,
    truncated,
)
from pydantic import BaseModel, Field

from ouvidor.db import Database
from ouvidor.engines import base
from ouvidor.engines.base import Brief, EngineFailed, FaultKind, Task
from ouvidor.engines.breaker import Breaker, Circuit
from ouvidor.engines.llm import LlmEngine
from ouvidor.engines.structured import Mode
from ouvidor.settings import Settings

pytestmark = pytest.mark.anyio


class Part(BaseModel):
    """A part."""

    name: str
    weight: float = Field(default=1.0, ge=0)


class Note(BaseModel):
    """A note."""

    kind: Literal["short", "long"]
    text: str = Field(default="", max_length=1000, description="What it says.")
    parts: list[Part] = []
    above: Part | None = None
    main: Part = Field(default=Part(name="main"), description="The main part.")
    stars: int = Field(default=3, ge=1, le=5)


NOTE: Task[str, Note] = Task(
    name="note", output=Note, local=lambda text: Note(kind="short", text=f"local {text}"), present=str
)
FINE = Note(kind="long", text="It is fine.")


@dataclass
class Seconds:
    """A clock that pausing moves."""

    now: float = 1000.0
    pauses: list[float] = field(default_factory=list[float])

    def __call__(self) -> float:
        return self.now

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def upstream() -> Generator[LlmServer]:
    with LlmServer() as running:
        yield running


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def db() -> Database:
    """No server stands behind it: only limits ask the database."""
    return Database("postgresql+psycopg://nobody@127.0.0.1:1/nothing")


def settings_for(upstream: LlmServer, **changed: Any) -> Settings:
    values = {"llm_base_url": upstream.url, "llm_api_key": "sk-secret-1234", "llm_model": "m-1", **changed}
    return Settings(_env_file=None, **values)  # pyright: ignore[reportCallIssue]


@asynccontextmanager
async def engine_of(
    upstream: LlmServer, db: Database, seconds: Seconds, *, chance: float = 1.0, **changed: Any
) -> AsyncGenerator[LlmEngine]:
    settings = settings_for(upstream, **changed)
    engine = LlmEngine(settings, db, clock=seconds, pause=seconds.pause, chance=lambda: chance)
    yield engine
    await engine.close()


@pytest.fixture
async def engine(upstream: LlmServer, db: Database, seconds: Seconds) -> AsyncGenerator[LlmEngine]:
    async with engine_of(upstream, db, seconds) as opened:
        yield opened


async def failure(engine: LlmEngine, given: str = "x") -> EngineFailed:
    with pytest.raises(EngineFailed) as caught:
        await engine.run(NOTE, given)
    return caught.value


async def test_the_answer_holds_to_the_schema_and_says_what_it_took(upstream: LlmServer, engine: LlmEngine) -> None:
    upstream.always(
        Says(FINE.model_dump_json(), usage=Usage(prompt=100, completion=30, cached=60, cache_write=10, reasoning=12))
    )
    outcome = await engine.run(NOTE, "some text", Brief(prompt="Write a note."))
    assert outcome.output == FINE
    assert (outcome.model, outcome.degraded, outcome.effort.retries) == (MODEL, None, 0)
    assert outcome.effort.usage == base.Usage(input=30, cache_read=60, cache_write=10, output=18, reasoning=12)
    assert outcome.effort.first_token is not None
    (asked,) = upstream.requests
    assert asked.said("system") == "Write a note."
    assert asked.said("user") == "some text"
    assert asked.headers["authorization"] == "Bearer sk-secret-1234"
    assert asked.headers["accept-encoding"] == "identity"
    assert asked.body["model"] == "m-1"
    assert asked.body["stream"] is True


async def test_a_strict_schema_is_asked_for(upstream: LlmServer, engine: LlmEngine) -> None:
    """Every property required, none added, no keyword that strict mode refuses; bounds are checked by us."""
    upstream.always(FINE)
    await engine.run(NOTE, "x")
    format_ = upstream.requests[0].format
    assert format_["type"] == "json_schema"
    assert (format_["json_schema"]["name"], format_["json_schema"]["strict"]) == ("note", True)
    schema = format_["json_schema"]["schema"]
    part = {
        "type": "object",
        "description": "A part.",
        "properties": {"name": {"type": "string"}, "weight": {"type": "number"}},
        "required": ["name", "weight"],
        "additionalProperties": False,
    }
    assert schema == {
        "type": "object",
        "description": "A note.",
        "properties": {
            "kind": {"type": "string", "enum": ["short", "long"]},
            "text": {"type": "string", "description": "What it says."},
            "parts": {"type": "array", "items": {"$ref": "#/$defs/Part"}},
            "above": {"anyOf": [{"$ref": "#/$defs/Part"}, {"type": "null"}]},
            "main": {"$ref": "#/$defs/Part"},
            "stars": {"type": "integer"},
        },
        "required": ["kind", "text", "parts", "above", "main", "stars"],
        "additionalProperties": False,
        "$defs": {"Part": part},
    }


async def test_objects_with_free_keys_are_refused_before_anything_is_sent(
    upstream: LlmServer, engine: LlmEngine
) -> None:
    class Free(BaseModel):
        pairs: dict[str, int]

    free: Task[str, Free] = Task(name="free", output=Free, local=lambda _: Free(pairs={}), present=str)
    with pytest.raises(TypeError, match="free keys"):
        await engine.run(free, "x")
    assert upstream.requests == []


TOLERATED: list[tuple[str, str]] = [
    ("fenced", fenced(FINE).content),
    ("prose around", f"Of course {{as asked}}: {FINE.model_dump_json()} Anything else?"),
    ("trailing commas", '{"kind": "long", "text": "It is fine.", "parts": [],}'),
    ("a second object behind", FINE.model_dump_json() + '{"kind": "short"}'),
    ("thoughts before", f'<think>{{"kind": "short"}} or not?</think>\n{FINE.model_dump_json()}'),
    ("a comma in a string", '{"kind": "long", "text": "It is fine."  , }'),
    ("more than asked for", '{"kind": "long", "text": "It is fine.", "mood": "good"}'),
    ("characters that cannot be stored", '{"kind": "long", "text": "It is\\u0000 fine\\ud800."}'),
]


@pytest.mark.parametrize("content", [case[1] for case in TOLERATED], ids=[case[0] for case in TOLERATED])
async def test_an_answer_in_another_dress_is_read_at_once(upstream: LlmServer, engine: LlmEngine, content: str) -> None:
    upstream.always(content)
    outcome = await engine.run(NOTE, "x")
    assert outcome.output == FINE
    assert len(upstream.requests) == 1


UNUSABLE: list[tuple[str, Answer, str]] = [
    ("no JSON", "I would rather not.", "no whole JSON object"),
    ("broken", BAD_JSON, "no whole JSON object"),
    ("wrong schema", WRONG_SCHEMA, "kind: Input should be"),
    ("out of bounds", '{"kind": "short", "stars": 9}', "stars: Input should be less than or equal to 5"),
    ("empty", EMPTY, "It was empty"),
    ("cut off", truncated(FINE), "be much briefer"),
    ("a list", "[]", "no whole JSON object"),
    ("nested beyond reason", '{"kind":' * 50_000, "no whole JSON object"),
    ("not a number", '{"kind": "short", "parts": [{"name": "a", "weight": NaN}]}', "no whole JSON object"),
    ("only a part of it whole", '{"kind": "long", "above": {"kind": "short"}', "no whole JSON object"),
]


@pytest.mark.parametrize(("answer", "told"), [case[1:] for case in UNUSABLE], ids=[case[0] for case in UNUSABLE])
async def test_an_unusable_answer_is_repaired_once(
    upstream: LlmServer, engine: LlmEngine, answer: Answer, told: str
) -> None:
    upstream.next(answer, FINE)
    outcome = await engine.run(NOTE, "x")
    assert outcome.output == FINE
    assert outcome.effort.retries == 1
    assert outcome.effort.usage is not None
    assert outcome.effort.usage.input == 200
    first, second = upstream.requests
    assert second.body["messages"][:2] == first.body["messages"][:2] or "JSON schema" in second.said("system")
    complaint = second.body["messages"][-1]["content"]
    assert told in complaint
    assert '"required"' in complaint
    assert len(second.body["messages"][-2]["content"]) <= 4000


@pytest.mark.parametrize("answer", [case[1] for case in UNUSABLE], ids=[case[0] for case in UNUSABLE])
async def test_twice_unusable_is_a_failure(upstream: LlmServer, engine: LlmEngine, answer: Answer) -> None:
    upstream.always(answer)
    failed = await failure(engine)
    assert (failed.kind, failed.model) == ("bad_output", MODEL)
    assert len(upstream.requests) == 2
    assert failed.effort.usage is not None


async def test_a_server_that_ignores_the_schema_is_told_it_in_words_from_then_on(
    upstream: LlmServer, engine: LlmEngine, seconds: Seconds
) -> None:
    upstream.next("Hello there!")
    upstream.always(FINE)
    await engine.run(NOTE, "x")
    await engine.run(NOTE, "y")
    assert '"title": "note"' not in upstream.requests[0].said("system")
    assert '"title": "note"' in upstream.requests[2].said("system")
    seconds.now += 6 * 3600
    await engine.run(NOTE, "z")
    assert '"title": "note"' not in upstream.requests[3].said("system")


@pytest.mark.parametrize(
    ("refused", "takes"), [(("json_schema",), Mode.JSON_OBJECT), (("json_schema", "json_object"), Mode.PLAIN)]
)
@pytest.mark.parametrize("code", [400, 422])
async def test_what_a_server_takes_is_found_and_remembered(
    upstream: LlmServer, engine: LlmEngine, seconds: Seconds, refused: tuple[str, ...], takes: Mode, code: int
) -> None:
    upstream.always(RefusesSchema(fenced(FINE), refused, code))
    assert (await engine.run(NOTE, "x")).output == FINE
    assert [asked.mode for asked in upstream.requests] == [*refused, takes.name.lower()]
    assert seconds.pauses == []
    assert engine.formats.mode is takes
    await engine.run(NOTE, "x")
    assert [asked.mode for asked in upstream.requests[len(refused) + 1 :]] == [takes.name.lower()]
    assert "JSON schema" in upstream.requests[-1].said("system")
    seconds.now += 6 * 3600
    upstream.always(FINE)
    await engine.run(NOTE, "x")
    assert upstream.requests[-1].mode == "json_schema"
    assert engine.formats.mode is Mode.JSON_SCHEMA


async def test_a_remembered_format_that_is_refused_is_looked_for_anew(upstream: LlmServer, engine: LlmEngine) -> None:
    upstream.next(FINE)
    upstream.always(RefusesSchema(FINE))
    await engine.run(NOTE, "x")
    await engine.run(NOTE, "x")
    assert [asked.mode for asked in upstream.requests] == ["json_schema", "json_schema", "json_object"]
    assert engine.formats.mode is Mode.JSON_OBJECT


async def test_a_refusal_with_500_is_understood_the_second_time(upstream: LlmServer, engine: LlmEngine) -> None:
    """As llama-cpp-python does; once may be an accident."""
    upstream.always(RefusesSchema(FINE, code=500))
    await engine.run(NOTE, "x")
    assert [asked.mode for asked in upstream.requests] == ["json_schema", "json_schema", "json_object"]
    assert engine.formats.mode is Mode.JSON_OBJECT


async def test_an_accident_does_not_cost_a_proven_schema(upstream: LlmServer, engine: LlmEngine) -> None:
    upstream.next(FINE, Status(500), Status(500))
    upstream.always(FINE)
    await engine.run(NOTE, "x")
    await engine.run(NOTE, "x")
    assert {asked.mode for asked in upstream.requests} == {"json_schema"}


async def test_a_server_that_refuses_everything_is_asked_in_the_strictest_way_again(
    upstream: LlmServer, engine: LlmEngine
) -> None:
    upstream.always(Status(400))
    assert (await failure(engine)).kind == "refused"
    assert [asked.mode for asked in upstream.requests] == ["json_schema", "json_object", "plain"]
    assert engine.formats.mode is Mode.JSON_SCHEMA


@pytest.mark.parametrize(
    ("code", "body"),
    [
        (400, '{"error": {"message": "Unknown parameter", "param": "stream_options"}}'),
        (400, '{"message": "stream_options: Extra inputs are not permitted"}'),
        (422, '{"detail": [{"loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}]}'),
        (400, "unrecognized field stream_options"),
    ],
)
async def test_a_server_that_cannot_be_asked_for_usage_is_not_asked_again(
    upstream: LlmServer, engine: LlmEngine, seconds: Seconds, code: int, body: str
) -> None:
    upstream.always(lambda asked: Status(code, body=body) if "stream_options" in asked.body else FINE)
    outcome = await engine.run(NOTE, "x")
    assert (outcome.output, outcome.effort.usage, outcome.effort.retries) == (FINE, None, 0)
    await engine.run(NOTE, "x")
    assert ["stream_options" in asked.body for asked in upstream.requests] == [True, False, False]
    assert {asked.mode for asked in upstream.requests} == {"json_schema"}
    seconds.now += 6 * 3600
    upstream.always(FINE)
    assert (await engine.run(NOTE, "x")).effort.usage is not None


async def test_retries_wait_longer_each_time_and_at_most_so_often(
    upstream: LlmServer, db: Database, seconds: Seconds
) -> None:
    upstream.always(Status(503))
    async with engine_of(upstream, db, seconds, llm_attempts=4, llm_deadline_seconds=60) as engine:
        failed = await failure(engine)
    assert (failed.kind, failed.effort.retries) == ("server_error", 3)
    assert seconds.pauses == [0.5, 1.0, 2.0]
    assert len(upstream.requests) == 4


async def test_the_wait_is_drawn_by_chance(upstream: LlmServer, db: Database, seconds: Seconds) -> None:
    upstream.next(Status(503), Status(503), FINE)
    async with engine_of(upstream, db, seconds, chance=0.25) as engine:
        await engine.run(NOTE, "x")
    assert seconds.pauses == [0.125, 0.25]


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after-ms": "1500"}, 1.5),
        (
            {"Retry-After": "Sat, 21 Nov 2026 12:00:09 GMT", "Date": "Sat, 21 Nov 2026 12:00:00 GMT"},
            9.0,
        ),
        ({"Retry-After": "Sat, 21 Nov 2026 11:00:00 GMT", "Date": "Sat, 21 Nov 2026 12:00:00 GMT"}, 0.5),
        ({"Retry-After": "soon"}, 0.5),
        ({"Retry-After": "-5"}, 0.5),
        ({"Retry-After": "nan"}, 0.5),
        ({}, 0.5),
    ],
)
async def test_the_server_says_when_to_come_back(
    upstream: LlmServer, engine: LlmEngine, seconds: Seconds, headers: dict[str, str], wait: float
) -> None:
    upstream.next(Status(429, headers=headers), FINE)
    await engine.run(NOTE, "x")
    assert seconds.pauses == [wait]


async def test_nobody_waits_beyond_the_deadline(upstream: LlmServer, engine: LlmEngine, seconds: Seconds) -> None:
    upstream.always(Status(429, headers={"Retry-After": "31"}))
    assert (await failure(engine)).kind == "rate_limited"
    assert seconds.pauses == []
    assert len(upstream.requests) == 1


FINAL: list[tuple[str, Answer, FaultKind]] = [
    ("key refused", Status(401), "misconfigured"),
    ("forbidden", Status(403), "misconfigured"),
    ("no such model", Status(404), "misconfigured"),
    ("moved", Status(307, headers={"Location": "http://127.0.0.1:1/"}), "misconfigured"),
    ("no money left", Status(429, body='{"error": {"code": "insufficient_quota", "message": "x"}}'), "rate_limited"),
    ("too long", Status(400, body='{"error": {"code": "context_length_exceeded", "message": "x"}}'), "too_large"),
    ("filtered before", Status(400, body='{"error": {"code": "content_filter", "message": "x"}}'), "refused"),
    ("filtered", Says("", finish="content_filter"), "refused"),
    ("refusal", Says("", refusal="I cannot help with that."), "refused"),
    ("body too large", Status(413), "too_large"),
    ("10 MB", huge(10), "too_large"),
]


@pytest.mark.parametrize(("answer", "kind"), [case[1:] for case in FINAL], ids=[case[0] for case in FINAL])
async def test_what_no_retry_helps_is_not_retried(
    upstream: LlmServer, engine: LlmEngine, answer: Answer, kind: FaultKind
) -> None:
    upstream.always(answer)
    assert (await failure(engine)).kind == kind
    assert len(upstream.requests) == 1


PASSING: list[tuple[str, Answer, FaultKind]] = [
    ("overloaded", Status(529), "server_error"),
    ("conflict", Status(409), "server_error"),
    ("gateway timeout", Status(504), "timeout"),
    ("an endless error page", Status(502, body="<h1>" + "x" * 3_000_000), "server_error"),
    ("reset", Reset(), "connection"),
    ("cut stream", CutStream(), "connection"),
    ("cut at once", CutStream(after=0), "connection"),
    ("an error in the stream", ErrorInStream(), "server_error"),
    ("an end without its reason", Says("{}", finish=""), "connection"),
    ("no HTTP", NotHttp(), "connection"),
]


@pytest.mark.parametrize(("answer", "kind"), [case[1:] for case in PASSING], ids=[case[0] for case in PASSING])
async def test_what_may_pass_is_tried_again(
    upstream: LlmServer, engine: LlmEngine, answer: Answer, kind: FaultKind
) -> None:
    upstream.always(answer)
    assert (await failure(engine)).kind == kind
    assert len(upstream.requests) == 3
    upstream.next(answer)
    upstream.always(FINE)
    engine.breaker.succeeded()
    assert (await engine.run(NOTE, "x")).output == FINE


SLOW: list[tuple[str, Answer, int]] = [
    ("hangs", Hang(), 3),
    ("drips", SlowDrip(0.02), 3),
    ("falls silent", HangInStream(), 1),
]


@pytest.mark.parametrize(("answer", "attempts"), [case[1:] for case in SLOW], ids=[case[0] for case in SLOW])
async def test_the_deadline_holds(upstream: LlmServer, db: Database, answer: Answer, attempts: int) -> None:
    """An attempt without a word is given up for another one; one that speaks has until the deadline."""
    upstream.always(answer)
    async with asyncio.timeout(10):
        engine = LlmEngine(settings_for(upstream, llm_deadline_seconds=1), db, chance=lambda: 0.0)
        assert (await failure(engine)).kind == "timeout"
        await engine.close()
    assert len(upstream.requests) == attempts
    assert await asyncio.to_thread(upstream.wait_until_left, attempts)


async def test_who_goes_away_takes_the_call_along(upstream: LlmServer, engine: LlmEngine) -> None:
    upstream.always(HangInStream())
    running = asyncio.create_task(engine.run(NOTE, "x"))
    assert await asyncio.to_thread(upstream.wait_until_asked)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await asyncio.to_thread(upstream.wait_until_left)
    assert engine.breaker.circuit is Circuit.CLOSED


async def test_nothing_listens(db: Database, seconds: Seconds) -> None:
    with LlmServer() as gone:
        pass
    async with engine_of(gone, db, seconds) as engine:
        failed = await failure(engine)
    assert (failed.kind, failed.effort.retries, failed.model) == ("connection", 2, "m-1")


async def test_the_next_call_uses_the_same_connection(upstream: LlmServer, engine: LlmEngine) -> None:
    upstream.always(FINE)
    for _ in range(3):
        assert (await engine.run(NOTE, "x")).output == FINE
    assert (len(upstream.requests), upstream.connections) == (3, 1)


async def test_a_server_that_does_not_stream_is_understood(upstream: LlmServer, engine: LlmEngine) -> None:
    def whole(asked: Asked) -> Answer:
        asked.body["stream"] = False
        return FINE

    upstream.always(whole)
    outcome = await engine.run(NOTE, "x")
    assert outcome.output == FINE
    assert outcome.effort.usage == base.Usage(input=100, output=20)


@pytest.mark.parametrize("silent", [LlmServer(reports_usage=False)])
async def test_a_server_that_reports_no_usage(silent: LlmServer, db: Database, seconds: Seconds) -> None:
    with silent:
        silent.always(FINE)
        async with engine_of(silent, db, seconds) as engine:
            assert (await engine.run(NOTE, "x")).effort.usage is None


async def test_no_server_passes_for_the_local_rule(upstream: LlmServer, engine: LlmEngine) -> None:
    upstream.always(Says(FINE.model_dump_json(), model="local"))
    assert (await engine.run(NOTE, "x")).model == "m-1"


async def test_a_task_that_another_waits_for_takes_its_share_of_the_deadline(upstream: LlmServer, db: Database) -> None:
    upstream.always(Hang())
    short = replace(NOTE, patience=0.05)
    async with asyncio.timeout(30), engine_of(upstream, db, Seconds(), llm_deadline_seconds=100.0) as engine:
        with pytest.raises(EngineFailed) as failed:
            await engine.run(short, "x")
    assert failed.value.kind == "timeout"


@pytest.mark.parametrize(
    ("told", "counted"),
    [
        (Usage(prompt=100, completion=20, cached=100), base.Usage(cache_read=100, output=20)),
        (Usage(prompt=100, completion=20, cached=400), base.Usage(cache_read=100, output=20)),
        (
            Usage(prompt=100, completion=20, cached=70, cache_write=70),
            base.Usage(cache_read=70, cache_write=30, output=20),
        ),
        (Usage(prompt=10, completion=20, reasoning=50), base.Usage(input=10, reasoning=20)),
        (Usage(prompt=-1, completion=-1, cached=-1), base.Usage()),
        (Usage(wire_form={}), None),
        (Usage(wire_form={"prompt_tokens": "many", "completion_tokens": 3}), base.Usage(output=3)),
    ],
)
async def test_no_token_is_counted_twice(
    upstream: LlmServer, engine: LlmEngine, told: Usage, counted: base.Usage | None
) -> None:
    upstream.always(Says(FINE.model_dump_json(), usage=told))
    assert (await engine.run(NOTE, "x")).effort.usage == counted


async def test_a_call_never_holds_more_than_the_window(upstream: LlmServer, db: Database, seconds: Seconds) -> None:
    upstream.always(FINE)
    async with engine_of(upstream, db, seconds, llm_context_tokens=4000) as engine:
        await engine.run(NOTE, "word " * 2200)
        assert (await failure(engine, "word " * 2400)).kind == "too_large"
    assert len(upstream.requests) == 1


async def test_no_text_of_the_vendor_is_logged_or_raised(
    upstream: LlmServer, engine: LlmEngine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    for answer in (Status(500), Status(401), Status(400), NotHttp(), Says(VENDOR_TEXT), CutStream(content=VENDOR_TEXT)):
        upstream.always(answer)
        failed = await failure(engine, "words of a customer")
        told = "".join(traceback.format_exception(failed))
        assert VENDOR_TEXT not in told
        engine.breaker.succeeded()
    logged = "\n".join(record.getMessage() + (record.exc_text or "") for record in caplog.records)
    assert "misconfigured (HTTP status 401)" in logged
    for secret in (VENDOR_TEXT, "words of a customer", "sk-secret-1234"):
        assert secret not in logged


async def test_the_breaker_spares_a_failing_server(upstream: LlmServer, engine: LlmEngine, seconds: Seconds) -> None:
    upstream.always(Status(500))
    assert [(await failure(engine)).kind for _ in range(3)] == ["server_error", "server_error", "circuit_open"]
    assert len(upstream.requests) == 5
    seconds.now += 30
    assert (await failure(engine)).kind == "server_error"
    assert len(upstream.requests) == 6
    assert (await failure(engine)).kind == "circuit_open"
    seconds.now += 30
    upstream.always(FINE)
    assert (await engine.run(NOTE, "x")).output == FINE
    assert engine.breaker.circuit is Circuit.CLOSED


async def test_while_one_probes_the_others_do_not_wait(
    upstream: LlmServer, engine: LlmEngine, seconds: Seconds
) -> None:
    upstream.always(Status(500))
    await failure(engine)
    await failure(engine)
    seconds.now += 30
    upstream.always(HangInStream())
    asked = len(upstream.requests)
    probe = asyncio.create_task(engine.run(NOTE, "x"))
    assert await asyncio.to_thread(upstream.wait_until_asked, asked + 1)
    assert (await failure(engine)).kind == "circuit_open"
    probe.cancel()
    with pytest.raises(asyncio.CancelledError):
        await probe
    upstream.always(FINE)
    assert (await engine.run(NOTE, "x")).output == FINE


def test_the_breaker_counts_failures_in_a_row(seconds: Seconds) -> None:
    breaker = Breaker(seconds, failures=3, seconds=10)
    for failed in (True, True, False, True, True):
        (breaker.failed if failed else breaker.succeeded)()
    assert breaker.circuit is Circuit.CLOSED
    breaker.failed()
    assert breaker.circuit is Circuit.OPEN
    assert not breaker.admits()
    seconds.now += 10
    assert [breaker.admits(), breaker.admits()] == [True, False]
    breaker.gave_up()
    assert breaker.admits()
    breaker.failed()
    assert breaker.circuit is Circuit.OPEN


async def test_an_endless_error_page_is_not_read_to_its_end(upstream: LlmServer, engine: LlmEngine) -> None:
    upstream.always(Status(401, body="x" * 8_000_000))
    assert (await failure(engine)).kind == "misconfigured"
    assert await asyncio.to_thread(upstream.wait_until_left)


MASKED = Brief(prompt="Write a note.")
OPEN = Brief(prompt="Write a note.", mask=False)
PRIVATE = "Write to marina.costa@example.com or call (11) 98765-4321, CPF 529.982.247-25."


def repeat(asked: Asked) -> Answer:
    """A model that says again what it was given."""
    return Note(kind="long", text=asked.said("user"), parts=[Part(name=asked.said("user"))])


async def test_personal_data_stays_here_and_is_put_back_into_every_string(
    upstream: LlmServer, engine: LlmEngine
) -> None:
    upstream.always(repeat)
    outcome = await engine.run(NOTE, PRIVATE, MASKED)
    sent = json.dumps(upstream.requests[0].body)
    for secret in ("marina.costa", "98765", "529.982"):
        assert secret not in sent
    assert outcome.output.text == PRIVATE
    assert outcome.output.parts[0].name == PRIVATE


async def test_a_repair_shows_no_personal_data_either(upstream: LlmServer, engine: LlmEngine) -> None:
    upstream.next(lambda asked: asked.said("user"))
    upstream.always(lambda asked: Note(kind="long", text=asked.body["messages"][1]["content"]))
    assert (await engine.run(NOTE, PRIVATE, MASKED)).output.text == PRIVATE
    assert "marina.costa" not in json.dumps([asked.body for asked in upstream.requests])


async def test_a_project_may_opt_out_of_masking(upstream: LlmServer, engine: LlmEngine) -> None:
    upstream.always(repeat)
    assert (await engine.run(NOTE, PRIVATE, OPEN)).output.text == PRIVATE
    assert upstream.requests[0].said("user") == PRIVATE
