"""A language model's window is kept to: the newest messages and the best sections stay, and the turn says what went."""

import json
from collections.abc import AsyncGenerator, Generator
from dataclasses import replace

import pytest
from conftest import MovedClock, client_of
from factories import Tenant, add_sections, build_tenant
from hypothesis import given as drawn
from hypothesis import strategies as st
from llm_server import Asked, LlmServer, Status

from ouvidor.agent.fitting import fit
from ouvidor.agent.given import Given, Said, Source
from ouvidor.agent.reply import Draft, present
from ouvidor.engines.embeddings import Embedder
from ouvidor.engines.tokens import estimate_tokens
from ouvidor.runtime import DatabaseAddress, Runtime, open_runtime
from ouvidor.settings import Settings

pytestmark = pytest.mark.anyio

WINDOW = 4000
LONG = " The counter on the ground floor keeps it." * 30
LUGGAGE = tuple(
    {"id": str(number), "question": f"Where is luggage of room {number} kept?", "answer": f"In locker {number}.{LONG}"}
    for number in range(1, 9)
)


@pytest.fixture
def upstream() -> Generator[LlmServer]:
    with LlmServer() as running:
        running.always(Draft(kind="unsure", language="en"))
        yield running


@pytest.fixture
async def tenant(rt: Runtime) -> Tenant:
    made = await build_tenant(rt, "seaside", languages=["en", "pt"])
    await add_sections(rt, made.project, LUGGAGE)
    return made


@pytest.fixture
async def rt(
    anyio_backend: str,  # noqa: ARG001 - async fixtures need it
    settings: Settings,
    upstream: LlmServer,
    database: DatabaseAddress,
    clock: MovedClock,
    embedder: Embedder,
) -> AsyncGenerator[Runtime]:
    """Opened as the product opens it: the settings choose the engine."""
    changed = {"llm_base_url": upstream.url, "llm_model": "small", "llm_context_tokens": WINDOW}
    async with open_runtime(settings.model_copy(update=changed), database, embedder=embedder, clock=clock) as opened:
        yield opened


async def ask(rt: Runtime, tenant: Tenant, *contents: str) -> dict[str, object]:
    said = [{"role": ("AGENT", "USER")[n % 2], "content": content} for n, content in enumerate(contents, start=1)]
    said = said[::-1] if said and said[-1]["role"] != "USER" else said
    body = {"helpdeskId": 1, "projectName": tenant.project.name, "messages": said}
    async with client_of(rt) as http:
        answer = await http.post("/conversations/completions", json=body, headers=tenant.headers)
        talk = answer.json()["conversationId"]
        turns = await http.get(f"/api/v1/conversations/{talk}/turns", headers=tenant.headers)
    assert answer.status_code == 200
    return turns.json()[-1]


def size(asked: Asked) -> int:
    return sum(estimate_tokens(message["content"]) for message in asked.body["messages"])


async def test_what_does_not_fit_is_left_out_and_recorded(rt: Runtime, tenant: Tenant, upstream: LlmServer) -> None:
    talk = [f"Message {number}: {'the lift was slow today. ' * 20}" for number in range(1, 21)]
    turn = await ask(rt, tenant, *talk, "Where is luggage of room 3 kept?")
    asked = upstream.asked("reply")[-1]
    shown = json.loads(asked.said("user"))
    assert size(asked) <= WINDOW
    assert 0 < turn["trimmed_messages"] == 20 - len(shown["history"])
    assert 0 < turn["trimmed_sections"] == len(turn["sections"]) - len(shown["sections"])
    assert shown["history"][-1]["content"].startswith("Message 20")
    assert shown["sections"][0]["title"] == "Where is luggage of room 3 kept?"
    assert shown["question"] == "Where is luggage of room 3 kept?"
    assert [section["number"] for section in shown["sections"]] == list(range(len(shown["sections"])))


async def test_what_fits_is_left_whole(rt: Runtime, tenant: Tenant, upstream: LlmServer) -> None:
    turn = await ask(rt, tenant, "Where is luggage of room 3 kept?")
    shown = json.loads(upstream.asked("reply")[-1].said("user"))
    assert turn["trimmed_messages"] == 0
    assert turn["trimmed_sections"] == len(turn["sections"]) - len(shown["sections"])


async def test_a_message_that_alone_is_too_long_goes_to_the_local_rule(
    rt: Runtime, tenant: Tenant, upstream: LlmServer
) -> None:
    turn = await ask(rt, tenant, "Where is luggage of room 3 kept? " * 500)
    assert (turn["degraded"], turn["model"]) == ("too_large", "local")
    assert upstream.asked("reply") == []


async def test_the_settings_choose_what_stands_in(rt: Runtime, tenant: Tenant, upstream: LlmServer) -> None:
    upstream.always(Status(401))
    turn = await ask(rt, tenant, "Where is luggage of room 3 kept?")
    assert (turn["degraded"], turn["model"], turn["move"]) == ("misconfigured", "local", "answer")


WORDS = st.text(max_size=400)
GIVEN = st.builds(
    lambda question, history, texts: Given(
        question=question,
        history=tuple(Said("USER", content) for content in history),
        sources=tuple(Source(n, "T", text, "N1", "en", 0.5) for n, text in enumerate(texts)),
        language="en",
        confidence=0.5,
        threshold=0.5,
    ),
    WORDS,
    st.lists(WORDS, max_size=12),
    st.lists(WORDS, max_size=8),
)


@drawn(given=GIVEN, tokens=st.integers(0, 3000))
def test_what_stays_is_the_newest_and_the_best(given: Given, tokens: int) -> None:
    fitted = fit(given, tokens)
    kept = fitted.given
    assert kept.question == given.question
    assert kept.history == given.history[fitted.messages_left_out :]
    assert kept.sources == given.sources[: len(given.sources) - fitted.sources_left_out]
    assert len(kept.sources) >= min(1, len(given.sources))
    bare = replace(given, history=(), sources=given.sources[:1])
    assert estimate_tokens(present(kept)) <= max(tokens, estimate_tokens(present(bare)))
