"""One call of an OpenAI-compatible server: streamed, bounded in time and size, counted, its errors in our words."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypedDict, cast
from urllib.parse import urlsplit

import httpx2
from openai import AsyncOpenAI, omit
from openai.types.chat import ChatCompletionMessageParam
from openai.types.chat.completion_create_params import ResponseFormat

from ouvidor.engines.base import Usage
from ouvidor.engines.faults import AnswerTooLarge, CallFault, fault_of
from ouvidor.settings import LOOPBACK, Settings

OPENAI = "https://api.openai.com/v1"
CONNECT_SECONDS = 5.0
IDLE_SECONDS = 15.0
MOST_CHARACTERS = 1_000_000
MOST_BYTES = 32_000_000
"""Of a whole stream: servers wrap each token in some 250 bytes."""
MOST_ERROR_BYTES = 64_000
LOUD_LOGGERS = ("openai", "httpx2", "httpcore2")
"""They would write customers' words (at debug) and addresses (at info) into our log."""

log = logging.getLogger(__name__)


class ChatMessage(TypedDict):
    """One message as the server reads it."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class Spoken:
    """What the model said. `cut_off` where it came to the limit of its tokens; `first_token` in seconds."""

    text: str
    model: str
    usage: Usage | None
    first_token: float | None
    cut_off: bool = False


class Provider:
    """The server that the settings name."""

    def __init__(self, settings: Settings) -> None:
        self._client = open_client(settings)
        self._model = settings.llm_model or ""

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
        completions = self._client.chat.completions
        async with asyncio.timeout(patience) as limit:
            stream = await completions.create(
                model=self._model,
                messages=cast("list[ChatCompletionMessageParam]", list(messages)),
                response_format=omit if response_format is None else cast("ResponseFormat", response_format),
                stream=True,
                stream_options={"include_usage": True},
            )
            async with stream:
                if stream.response.headers.get("content-type", "").startswith("application/json"):
                    return _whole(_object(json.loads(await stream.response.aread())))
                return await _gather(stream.response, begun, limit)


def open_client(settings: Settings) -> AsyncOpenAI:
    """A client of the server that the settings name: it follows no redirects and retries nothing.

    It goes through the proxy of the environment (`HTTPS_PROXY`), but for a server on this machine.
    """
    for name in LOUD_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    base_url = settings.llm_base_url or OPENAI
    http = httpx2.AsyncClient(
        timeout=httpx2.Timeout(settings.llm_deadline_seconds, connect=CONNECT_SECONDS),
        limits=httpx2.Limits(max_connections=200, max_keepalive_connections=40, keepalive_expiry=30.0),
        follow_redirects=False,
        trust_env=urlsplit(base_url).hostname not in LOOPBACK,
        event_hooks={"response": [_cap]},
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
    async for line in response.aiter_lines():
        field, _, value = line.partition(":")
        if field != "data":
            continue
        if value.strip() == "[DONE]":
            return
        told = _object(json.loads(value))
        if told.get("error"):
            raise CallFault("server_error", retryable=True)
        yield told


def _allow_pause(limit: asyncio.Timeout, *, thinks: bool) -> None:
    """Until the next piece comes it may take so long; to one that still thinks no time is cut."""
    until = asyncio.get_running_loop().time() + IDLE_SECONDS
    limit.reschedule(max(until, limit.when() or 0.0) if thinks else until)


def _whole(told: Mapping[str, Any]) -> Spoken:
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

    def __init__(self, inner: httpx2.AsyncByteStream, *, is_error: bool) -> None:
        self._inner = inner
        self._is_error = is_error

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = MOST_ERROR_BYTES if self._is_error else MOST_BYTES
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


async def _cap(response: httpx2.Response) -> None:
    if isinstance(response.stream, httpx2.AsyncByteStream):
        response.stream = _Capped(response.stream, is_error=response.status_code >= 300)
