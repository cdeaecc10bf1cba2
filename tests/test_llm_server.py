"""The scripted server is itself held against the official client."""

import openai
import pytest
from llm_server import MODEL, VENDOR_TEXT, LlmServer, Reset, Says, Status, Usage

pytestmark = pytest.mark.anyio

QUESTION = [{"role": "user", "content": "Hello"}]


def client_for(server: LlmServer) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=server.url, api_key="k", max_retries=0)


async def test_the_official_client_reads_it_whole_and_streamed() -> None:
    with LlmServer() as server:
        server.always(Says("Good day", usage=Usage(prompt=10, completion=2, cached=4)))
        async with client_for(server) as client:
            whole = await client.chat.completions.create(model="m", messages=QUESTION)  # pyright: ignore[reportArgumentType]
            stream = await client.chat.completions.create(
                model="m",
                messages=QUESTION,  # pyright: ignore[reportArgumentType]
                stream=True,
                stream_options={"include_usage": True},
            )
            chunks = [chunk async for chunk in stream]
            models = [model.id async for model in client.models.list()]
            vectors = await client.embeddings.create(model="e", input=["a b", "a b", "c"])
    assert whole.choices[0].message.content == "Good day"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "Good day"
    assert chunks[-1].usage == whole.usage
    assert whole.usage is not None
    assert whole.usage.prompt_tokens_details is not None
    assert whole.usage.prompt_tokens_details.cached_tokens == 4
    assert models == [MODEL]
    assert vectors.data[0].embedding == vectors.data[1].embedding != vectors.data[2].embedding
    assert [request.body["model"] for request in server.requests] == ["m", "m", "e"]


async def test_it_fails_as_told_and_in_order() -> None:
    with LlmServer() as server:
        server.next(Status(429, headers={"Retry-After": "7"}), Reset(), "fine")
        async with client_for(server) as client:
            with pytest.raises(openai.RateLimitError, match=VENDOR_TEXT) as refused:
                await client.chat.completions.create(model="m", messages=QUESTION)  # pyright: ignore[reportArgumentType]
            with pytest.raises(openai.APIConnectionError):
                await client.chat.completions.create(model="m", messages=QUESTION)  # pyright: ignore[reportArgumentType]
            fine = await client.chat.completions.create(model="m", messages=QUESTION)  # pyright: ignore[reportArgumentType]
    assert refused.value.response.headers["retry-after"] == "7"
    assert fine.choices[0].message.content == "fine"


async def test_tasks_are_told_apart_by_their_schema() -> None:
    with LlmServer() as server:
        server.always({"a": 1}, task="one")
        server.always({"b": 2})
        async with client_for(server) as client:
            said = []
            for name in ("one", "two"):
                format_ = {"type": "json_schema", "json_schema": {"name": name, "schema": {"type": "object"}}}
                answer = await client.chat.completions.create(
                    model="m",
                    messages=QUESTION,  # pyright: ignore[reportArgumentType]
                    response_format=format_,  # pyright: ignore[reportArgumentType]
                )
                said.append(answer.choices[0].message.content)
    assert said == ['{"a": 1}', '{"b": 2}']
    assert len(server.asked("one")) == 1
