"""A language-model server on 127.0.0.1 that answers as told, and misbehaves as told, down to the byte.

    with LlmServer() as server:
        server.always(Draft(kind="answer", text="…", cited=[0]), task="reply")
        server.next(Status(429, headers={"Retry-After": "1"}), Hang())

It speaks `POST /v1/chat/completions` (streamed and whole), `POST /v1/embeddings` and `GET /v1/models`. A request's
`task` is the name of the schema that it asks for. What is scripted for a task goes before what is scripted for all;
`next` before `always`.
"""

import asyncio
import hashlib
import json
import math
import re
import socket
import struct
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self, TypeAlias

from pydantic import BaseModel

VENDOR_TEXT = "VENDOR-SECRET-TEXT of org-4711"
"""Stands in whatever the server says when it fails: it must never be seen outside."""

MODEL = "scripted-1-2026-11"


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]

    @property
    def task(self) -> str:
        """The name of the schema asked for, `embeddings`, or nothing."""
        if self.path.endswith("/embeddings"):
            return "embeddings"
        named = self.format.get("json_schema", {}).get("name")
        found = re.search(r'"title": ?"(\w+)"', self.said("system"))
        return named or (found[1] if found else "")

    @property
    def format(self) -> dict[str, Any]:
        """The response format asked for."""
        return self.body.get("response_format") or {}

    @property
    def mode(self) -> str:
        """`json_schema`, `json_object` or `plain`."""
        return self.format.get("type", "plain")

    def said(self, role: str) -> str:
        """All messages of this role, one after another."""
        return "\n\n".join(message["content"] for message in self.body.get("messages", []) if message["role"] == role)


@dataclass(frozen=True)
class Usage:
    """Tokens as the server reports them: `prompt` holds those of the cache, `completion` those of reasoning.

    `wire_form` replaces all that.
    """

    prompt: int = 100
    completion: int = 20
    cached: int = 0
    cache_write: int = 0
    reasoning: int = 0
    wire_form: dict[str, Any] | None = None

    def wire(self) -> dict[str, Any]:
        return (
            self.wire_form
            if self.wire_form is not None
            else {
                "prompt_tokens": self.prompt,
                "completion_tokens": self.completion,
                "total_tokens": self.prompt + self.completion,
                "prompt_tokens_details": {"cached_tokens": self.cached, "cache_write_tokens": self.cache_write},
                "completion_tokens_details": {"reasoning_tokens": self.reasoning},
            }
        )


@dataclass(frozen=True)
class Says:
    """An answer with all that belongs to it; `usage` None reports none."""

    content: str
    finish: str = "stop"
    usage: Usage | None = Usage()
    model: str = MODEL
    refusal: str | None = None


@dataclass(frozen=True)
class Status:
    """An error of the server; `body` replaces the usual error object (as any text)."""

    code: int
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: str | None = None


@dataclass(frozen=True)
class Hang:
    """Reads the request and never answers."""


@dataclass(frozen=True)
class HangInStream:
    """Begins to stream, then falls silent without an end."""

    content: str = '{"kind": "ans'


@dataclass(frozen=True)
class SlowDrip:
    """Streams one byte at a time, this many seconds apart."""

    seconds: float = 0.05
    content: str = '{"kind": "answer", "text": "' + "slow " * 2000 + '"}'


@dataclass(frozen=True)
class CutStream:
    """Closes the connection after so many bytes of the streamed body."""

    after: int = 400
    content: str = '{"kind": "answer", "text": "' + "cut " * 2000 + '"}'


@dataclass(frozen=True)
class ErrorInStream:
    """Streams a few words, then an error object in place of the rest."""


@dataclass(frozen=True)
class Reset:
    """Resets the connection once the request is read."""


@dataclass(frozen=True)
class NotHttp:
    """Answers with bytes that are no HTTP."""

    data: bytes = b"\x00\x01" + VENDOR_TEXT.encode() + b"\r\n\r\n"


@dataclass(frozen=True)
class RefusesSchema:
    """400 for these response formats; the answer `then` for others."""

    then: "Answer"
    modes: tuple[str, ...] = ("json_schema",)
    code: int = 400


def fenced(value: BaseModel | dict[str, Any]) -> Says:
    """The JSON in a Markdown fence with talk around it."""
    return Says(f"Sure! Here is the JSON you asked for:\n\n```json\n{_json(value)}\n```\n\nHope this helps!")


def truncated(value: BaseModel | dict[str, Any], kept: int = 30) -> Says:
    """The first characters of the JSON, ended by the limit of tokens."""
    return Says(_json(value)[:kept], finish="length")


EMPTY = Says("", usage=Usage(completion=0))
BAD_JSON = Says('{"kind": "answer", "text": "It is', finish="stop")
WRONG_SCHEMA = Says('{"unexpected": true, "kind": 7}')


def huge(megabytes: int = 10) -> Says:
    """An answer that goes on and on."""
    return Says('{"kind": "answer", "text": "' + "a" * (megabytes << 20) + '"}')


Answer: TypeAlias = (
    BaseModel
    | dict[str, Any]
    | str
    | Says
    | Status
    | Hang
    | HangInStream
    | SlowDrip
    | CutStream
    | ErrorInStream
    | Reset
    | NotHttp
    | RefusesSchema
    | Callable[[Asked], "Answer"]
)


class LlmServer:
    """The server, in a thread of its own, while the block runs.

    `requests` are those received, over so many `connections`; `at_once` the most that were answered at the same time;
    `left` how many times the client went before the answer's end; `dimension` that of the vectors it makes.
    """

    def __init__(self, *, dimension: int = 64, reports_usage: bool = True) -> None:
        self.requests: list[Asked] = []
        self.connections = 0
        self.at_once = 0
        self.left = 0
        self.dimension = dimension
        self.reports_usage = reports_usage
        self.url = ""
        self._now = 0
        self._always: dict[str, Answer] = {}
        self._next: defaultdict[str, deque[Answer]] = defaultdict(deque)
        self._lock = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._stopped = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening and drop all connections; a second time changes nothing."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(10)

    def always(self, answer: Answer, *, task: str = "") -> None:
        """Answer so when nothing of `next` is left."""
        with self._lock:
            self._always[task] = answer

    def next(self, *answers: Answer, task: str = "") -> None:
        """Answer one request each so, in order."""
        with self._lock:
            self._next[task].extend(answers)

    def asked(self, task: str) -> list[Asked]:
        """The requests of this task."""
        return [request for request in self.requests if request.task == task]

    def wait_until_left(self, times: int = 1) -> bool:
        """Whether clients went away so many times, within ten seconds."""
        return _in_time(lambda: self.left >= times)

    def wait_until_asked(self, times: int = 1) -> bool:
        """Whether so many requests came, within ten seconds."""
        return _in_time(lambda: len(self.requests) >= times)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    async def _serve(self) -> None:
        talks: set[asyncio.Task[None]] = set()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.connections += 1
            talk = asyncio.create_task(self._talk(reader, writer))
            talks.add(talk)
            talk.add_done_callback(talks.discard)

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        self._ready.set()
        await self._stopped.wait()
        server.close()
        for talk in list(talks):
            talk.cancel()
        await asyncio.gather(*talks, return_exceptions=True)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (asked := await _read(reader)) is not None:
                self._now += 1
                self.at_once = max(self.at_once, self._now)
                try:
                    if not await self._answer_while_there(asked, reader, writer):
                        return
                finally:
                    self._now -= 1
        except (ConnectionError, asyncio.IncompleteReadError):
            self.left += 1
        finally:
            writer.close()
            with suppress(Exception):
                await writer.wait_closed()

    async def _answer_while_there(
        self, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Whether the connection stays open; a client that leaves ends the answer."""
        answering = asyncio.create_task(self._answer(asked, writer))
        leaving = asyncio.create_task(_gone(reader))
        try:
            await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if answering.done():
                return answering.result()
            self.left += 1
            return False
        finally:
            for task in (answering, leaving):
                task.cancel()
            await asyncio.gather(answering, leaving, return_exceptions=True)

    async def _answer(self, asked: Asked, writer: asyncio.StreamWriter) -> bool:
        if asked.path.endswith("/models"):
            return await _send_whole(writer, 200, {"object": "list", "data": [{"id": MODEL, "object": "model"}]})
        self.requests.append(asked)
        answer = self._chosen(asked)
        while callable(answer):
            answer = answer(asked)
        if isinstance(answer, RefusesSchema):
            if asked.mode in answer.modes:
                return await _send_error(writer, Status(answer.code))
            answer = answer.then
            while callable(answer):
                answer = answer(asked)
        return await self._give(asked, answer, writer)

    def _chosen(self, asked: Asked) -> Answer:
        with self._lock:
            for task in (asked.task, ""):
                if self._next[task]:
                    return self._next[task].popleft()
            for task in (asked.task, ""):
                if task in self._always and not (task == "" and asked.task == "embeddings"):
                    return self._always[task]
        return self._vectors(asked) if asked.task == "embeddings" else Status(500)

    async def _give(self, asked: Asked, answer: Answer, writer: asyncio.StreamWriter) -> bool:
        match answer:
            case Status():
                return await _send_error(writer, answer)
            case Hang():
                await asyncio.Event().wait()
            case Reset():
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                writer.transport.abort()
            case NotHttp():
                writer.write(answer.data)
                await writer.drain()
            case HangInStream():
                await _send_stream(writer, _events(Says(answer.content), usage=False)[:-2], whole=False)
                await asyncio.Event().wait()
            case ErrorInStream():
                error = f"data: {json.dumps({'error': {'message': VENDOR_TEXT}})}\n\n"
                return await _send_stream(writer, [*_events(Says("{"), usage=False)[:2], error])
            case SlowDrip():
                await _send_slowly(writer, _events(Says(answer.content), usage=False), answer.seconds)
            case CutStream():
                data = "".join(_events(Says(answer.content), usage=False))[: answer.after]
                await _send_stream(writer, [data], whole=False)
            case _:
                return await self._say(asked, answer, writer)
        return False

    async def _say(self, asked: Asked, answer: Any, writer: asyncio.StreamWriter) -> bool:
        if asked.task == "embeddings":
            return await _send_whole(writer, 200, answer)
        said = answer if isinstance(answer, Says) else Says(answer if isinstance(answer, str) else _json(answer))
        if asked.body.get("stream"):
            wanted = bool((asked.body.get("stream_options") or {}).get("include_usage"))
            return await _send_stream(writer, _events(said, usage=wanted and self.reports_usage))
        message = {"role": "assistant", "content": said.content, "refusal": said.refusal}
        choice = {"index": 0, "message": message, "finish_reason": said.finish, "logprobs": None}
        usage = said.usage.wire() if said.usage and self.reports_usage else None
        return await _send_whole(writer, 200, _head(said, "chat.completion") | {"choices": [choice], "usage": usage})

    def _vectors(self, asked: Asked) -> dict[str, Any]:
        texts = asked.body["input"]
        rows = [texts] if isinstance(texts, str) else list(texts)
        data = [
            {"object": "embedding", "index": number, "embedding": vector_of(row, self.dimension)}
            for number, row in enumerate(rows)
        ]
        tokens = sum(len(row) for row in rows) // 4
        return {
            "object": "list",
            "data": data,
            "model": asked.body["model"],
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }


def _in_time(came_true: Callable[[], bool]) -> bool:
    until = time.monotonic() + 10
    while not came_true() and time.monotonic() < until:
        threading.Event().wait(0.005)
    return came_true()


def vector_of(text: str, dimension: int) -> list[float]:
    """A unit vector in which texts that share words lie close: each word adds to four places."""
    values = [0.0] * dimension
    for word in re.findall(r"\w+", text.lower()) or [""]:
        digest = hashlib.sha256(word.encode()).digest()
        for place in range(4):
            number = int.from_bytes(digest[4 * place : 4 * place + 4])
            values[number % dimension] += 1.0 if number >> 31 else -1.0
    length = math.sqrt(sum(value * value for value in values)) or 1.0
    return [value / length for value in values]


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    """The next request of the connection, or None at its end."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    length = int(headers.get("content-length", "0"))
    body = await reader.readexactly(length) if length else b"{}"
    method, path, _ = first.split(" ")
    return Asked(method, path, headers, json.loads(body))


async def _gone(reader: asyncio.StreamReader) -> None:
    """Returns when the client has closed its side: it sends nothing while it waits for an answer."""
    with suppress(ConnectionError):
        await reader.read(1)


async def _send_whole(
    writer: asyncio.StreamWriter, status: int, body: Any, headers: Mapping[str, str] | None = None
) -> bool:
    data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    kind = "text/html" if isinstance(body, str) else "application/json"
    lines = {"Content-Type": kind, "Content-Length": str(len(data)), **(headers or {})}
    writer.write(_head_of(status, lines) + data)
    await writer.drain()
    return True


async def _send_error(writer: asyncio.StreamWriter, error: Status) -> bool:
    shape = {"error": {"message": VENDOR_TEXT, "type": "scripted", "param": None, "code": VENDOR_TEXT}}
    return await _send_whole(writer, error.code, error.body if error.body is not None else shape, error.headers)


async def _send_stream(writer: asyncio.StreamWriter, events: Sequence[str], *, whole: bool = True) -> bool:
    writer.write(_head_of(200, {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"}))
    for event in filter(None, events):
        writer.write(_chunk(event.encode()))
        await writer.drain()
    if whole:
        writer.write(b"0\r\n\r\n")
        await writer.drain()
    return whole


async def _send_slowly(writer: asyncio.StreamWriter, events: Sequence[str], seconds: float) -> None:
    writer.write(_head_of(200, {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"}))
    for byte in "".join(events).encode():
        writer.write(_chunk(bytes([byte])))
        await writer.drain()
        await asyncio.sleep(seconds)


def _head_of(status: int, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Scripted", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def _events(said: Says, *, usage: bool) -> list[str]:
    """The answer as server-sent events."""
    head = _head(said, "chat.completion.chunk")
    size = max(16, len(said.content) // 50)
    parts = [said.content[start : start + size] for start in range(0, len(said.content), size)]
    deltas: list[tuple[dict[str, Any], str | None]] = [({"role": "assistant", "content": ""}, None)]
    deltas += [({"content": part}, None) for part in parts]
    if said.refusal is not None:
        deltas.append(({"refusal": said.refusal}, None))
    deltas.append(({}, said.finish))
    chunks = [head | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]} for delta, finish in deltas]
    if usage and said.usage is not None:
        chunks.append(head | {"choices": [], "usage": said.usage.wire()})
    return [*(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks), "data: [DONE]\n\n"]


def _head(said: Says, kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-scripted", "object": kind, "created": 1795262400, "model": said.model}


def _json(value: BaseModel | dict[str, Any]) -> str:
    return value.model_dump_json() if isinstance(value, BaseModel) else json.dumps(value, ensure_ascii=False)
