"""One call of an OpenAI-compatible server: streamed, bounded in time and size, counted, its errors in our words."""

import asyncio
import json
import logging
import math
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, cast
from urllib.parse import urlsplit

import httpx2
from openai import APIStatusError, AsyncOpenAI, AsyncStream
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from ouvidor.engines.asking import ChatMessage
from ouvidor.engines.base import Usage
from ouvidor.engines.faults import FORMAT_REFUSALS, AnswerTooLarge, CallFault, fault_of
from ouvidor.engines.structured import FORGET_AFTER_SECONDS
from ouvidor.settings import LOOPBACK, OPENAI, Settings

CONNECT_SECONDS = 5.0
IDLE_SECONDS = 15.0
PAUSE_STEP_SECONDS = 0.5
"""The limit is moved in such steps, and not for each of a hundred pieces a second."""
CLOSING_SECONDS = 0.1
"""How long a server may take to end a stream that it has called done."""
MOST_CHARACTERS = 1_000_000
MOST_BYTES = 32_000_000
"""Of a whole stream: servers wrap each token in some 250 bytes."""
MOST_ERROR_BYTES = 64_000
LOUD_LOGGERS = ("openai", "httpx2", "httpcore2")
"""They would write customers' words (at debug) and addresses (at info) into our log."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Spoken:
    """What the model said. `cut_off` where it came to the limit of its tokens; `first_token` in seconds."""

    text: str
    model: str
    usage: Usage | None
    first_token: float | None
    cut_off: bool = False


class Provider:
    """The server that the settings name; `clock` gives seconds that only grow.

    One that refuses to be asked for its usage is not asked again for six hours.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = open_client(settings)
        self._model = settings.llm_model or ""
        self._clock = clock
        self._usage_refused_until = -math.inf

    async def say(
        self,
        messages: Sequence[ChatMessage],
        response_format: Mapping[str, Any] | None,
        *,
        seconds_to_first_token: float,
    ) -> Spoken:
        """What the model answers; cancelled, the connection closes at once.

        Raises:
            CallFault: there is no whole answer.
        """
        try:
            return await self._say(messages, response_format, seconds_to_first_token)
        except Exception as error:  # noqa: BLE001 - whatever an SDK raises becomes a fault of ours, without its text
            fault = fault_of(error)
        log.warning("The language model gave no answer: %s (HTTP status %s).", fault.kind, fault.status or "none")
        raise fault

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def _say(
        self, messages: Sequence[ChatMessage], response_format: Mapping[str, Any] | None, patience: float
    ) -> Spoken:
        begun = time.perf_counter()
        async with asyncio.timeout(patience) as limit:
            async with await self._open(messages, response_format) as stream:
                if stream.response.headers.get("content-type", "").startswith("application/json"):
                    return whole_answer(_object(json.loads(await stream.response.aread())))
                return await _gather(stream.response, begun, limit)

    async def _open(
        self, messages: Sequence[ChatMessage], response_format: Mapping[str, Any] | None
    ) -> AsyncStream[ChatCompletionChunk]:
        """The answer's stream, with the usage at its end where the server takes the wish for it."""
        if self._clock() >= self._usage_refused_until:
            try:
                return await self._create(messages, response_format, with_usage=True)
            except APIStatusError as error:
                if error.status_code not in FORMAT_REFUSALS or "stream_options" not in str(error.body):
                    raise
            self._usage_refused_until = self._clock() + FORGET_AFTER_SECONDS
        return await self._create(messages, response_format, with_usage=False)

    async def _create(
        self, messages: Sequence[ChatMessage], response_format: Mapping[str, Any] | None, *, with_usage: bool
    ) -> AsyncStream[ChatCompletionChunk]:
        body: dict[str, Any] = {"model": self._model, "messages": list(messages), "stream": True}
        if response_format is not None:
            body["response_format"] = response_format
        if with_usage:
            body["stream_options"] = {"include_usage": True}
        return await self._client.post(  # `create` would look up the type of every part of it, each time
            "/chat/completions",
            cast_to=ChatCompletion,
            body=body,
            options={"security": {"bearer_auth": True}},
            stream=True,
            stream_cls=AsyncStream[ChatCompletionChunk],
        )


def open_client(settings: Settings, *, most_bytes: int = MOST_BYTES) -> AsyncOpenAI:
    """A client of the server that the settings name: it follows no redirects and retries nothing.

    It goes through the proxy of the environment (`HTTPS_PROXY`), but for a server on this machine. No response may have
    more than `most_bytes`.
    """
    for name in LOUD_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    base_url = settings.llm_base_url or OPENAI
    http = httpx2.AsyncClient(
        timeout=httpx2.Timeout(settings.llm_deadline_seconds, connect=CONNECT_SECONDS),
        limits=httpx2.Limits(max_connections=200, max_keepalive_connections=40, keepalive_expiry=30.0),
        follow_redirects=False,
        trust_env=urlsplit(base_url).hostname not in LOOPBACK,
        event_hooks={"response": [partial(_cap, most_bytes=most_bytes)]},
    )
    key = settings.llm_api_key
    return AsyncOpenAI(
        base_url=base_url,
        api_key=key.get_secret_value() if key else "none",
        max_retries=0,
        http_client=http,
        default_headers={"Accept-Encoding": "identity"},
    )


def usage_of(told: Mapping[str, Any]) -> Usage | None:
    """The tokens of a call, each counted once, or None where the server did not tell.

    The server's `prompt_tokens` hold those that a cache served or took in, its `completion_tokens` those of reasoning.
    """
    if not told:
        return None
    prompt, completion = _part(told, "prompt_tokens_details"), _part(told, "completion_tokens_details")
    total, said = _count(told, "prompt_tokens"), _count(told, "completion_tokens")
    read = min(_count(prompt, "cached_tokens"), total)
    write = min(_count(prompt, "cache_write_tokens"), total - read)
    reasoning = min(_count(completion, "reasoning_tokens"), said)
    return Usage(
        input=total - read - write, cache_read=read, cache_write=write, output=said - reasoning, reasoning=reasoning
    )


def _object(told: object) -> Mapping[str, Any]:
    """What a server told where it is an object, else an empty one: nobody checks what servers send."""
    return cast("Mapping[str, Any]", told) if isinstance(told, dict) else {}


def _part(told: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return _object(told.get(name))


def _text(told: Mapping[str, Any], name: str) -> str:
    value = told.get(name)
    return value if isinstance(value, str) else ""


def _count(told: Mapping[str, Any], name: str) -> int:
    value = told.get(name)
    return max(0, value) if isinstance(value, int) else 0


def _first_choice(told: Mapping[str, Any]) -> Mapping[str, Any]:
    choices = told.get("choices")
    return _object(cast("list[object]", choices)[0]) if isinstance(choices, list) and choices else {}


def _said(message: Mapping[str, Any]) -> str:
    """The words of a message or of a piece of one."""
    if _text(message, "refusal"):
        raise CallFault("refused")
    return _text(message, "content")


async def _gather(response: httpx2.Response, begun: float, limit: asyncio.Timeout) -> Spoken:
    """The stream to its end; after the first token it may pause, but not for long.

    The pieces are read as plain JSON: the SDK makes an object with its types of each, at fifty times the cost.
    """
    parts: list[str] = []
    size, model, first_token = 0, "", None
    usage: Mapping[str, Any] = {}
    finish = ""
    async for told in _events(response):
        model, usage = _text(told, "model") or model, _part(told, "usage") or usage
        choice = _first_choice(told)
        finish = _text(choice, "finish_reason") or finish
        content = _said(_part(choice, "delta"))
        if content:
            parts.append(content)
            size += len(content)
            first_token = first_token or time.perf_counter() - begun
        if size > MOST_CHARACTERS:
            raise AnswerTooLarge
        if choice:
            _allow_pause(limit, thinks=first_token is None)
    return _spoken("".join(parts), model, usage_of(usage), finish, first_token)


async def _events(response: httpx2.Response) -> AsyncIterator[Mapping[str, Any]]:
    """The objects of a stream of server-sent events, up to `[DONE]`; an error among them is the server's fault."""
    lines = response.aiter_lines()
    async for line in lines:
        field, _, value = line.partition(":")
        if field != "data":
            continue
        if value.strip() == "[DONE]":
            await _read_out(lines)
            return
        told = _object(json.loads(value))
        if told.get("error"):
            raise CallFault("server_error", retryable=True)
        yield told


async def _read_out(lines: AsyncIterator[str]) -> None:
    """Read on to the end of a stream that is done: only then can the next call use the connection."""
    with suppress(Exception):
        async with asyncio.timeout(CLOSING_SECONDS):
            async for _ in lines:
                pass


def _allow_pause(limit: asyncio.Timeout, *, thinks: bool) -> None:
    """Until the next piece comes it may take so long; to one that still thinks no time is cut."""
    until, before = asyncio.get_running_loop().time() + IDLE_SECONDS, limit.when() or 0.0
    if until > before + PAUSE_STEP_SECONDS or (until < before and not thinks):
        limit.reschedule(until)


def whole_answer(told: Mapping[str, Any]) -> Spoken:
    """The answer of a server that does not stream."""
    choice = _first_choice(told)
    text = _said(_part(choice, "message"))
    if len(text) > MOST_CHARACTERS:
        raise AnswerTooLarge
    return _spoken(text, _text(told, "model"), usage_of(_part(told, "usage")), _text(choice, "finish_reason"), None)


def _spoken(text: str, model: str, usage: Usage | None, finish: str, first_token: float | None) -> Spoken:
    if not finish:
        raise CallFault("connection", retryable=True)
    if finish == "content_filter":
        raise CallFault("refused")
    return Spoken(text, model, usage, first_token, cut_off=finish == "length")


class _Capped(httpx2.AsyncByteStream):
    """A response's bytes up to a number: beyond it an error ends there, and an answer is too large."""

    def __init__(self, inner: httpx2.AsyncByteStream, most_bytes: int, *, is_error: bool) -> None:
        self._inner = inner
        self._most_bytes = most_bytes
        self._is_error = is_error

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = MOST_ERROR_BYTES if self._is_error else self._most_bytes
        async for part in self._inner:
            left -= len(part)
            if left < 0 and self._is_error:
                return
            if left < 0:
                raise AnswerTooLarge
            yield part

    async def aclose(self) -> None:
        """Close what is read."""
        await self._inner.aclose()


async def _cap(response: httpx2.Response, most_bytes: int) -> None:
    if isinstance(response.stream, httpx2.AsyncByteStream):
        response.stream = _Capped(response.stream, most_bytes, is_error=response.status_code >= 300)
