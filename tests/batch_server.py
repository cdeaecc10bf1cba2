"""A server of the OpenAI Batch API on 127.0.0.1 that carries out batches as told, and misbehaves as told.

    with BatchServer() as server:
        server.answer = lambda line: verdict()
        server.trouble("create", Lost())

It speaks `POST/GET /files`, `GET /files/ID/content`, `DELETE /files/ID`, `POST/GET /batches`, `GET /batches/ID` and
`POST /batches/ID/cancel`. Each look at a batch takes it one state further, to the last of `states`. What is scripted as
trouble for a route is used up one request each; a route is named by its deed: upload, files, delete, create, find,
read, cancel, download.
"""

import json
import random
import re
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from llm_server import VENDOR_TEXT

MODEL = "gpt-4o-mini"
MOST_REQUESTS = 50_000
MOST_BYTES = 200_000_000
COMPLETED = ("validating", "in_progress", "finalizing", "completed")
FINAL = {"completed", "failed", "expired", "cancelled"}
ROUTES = (
    ("upload", "POST", r"/v1/files"),
    ("files", "GET", r"/v1/files"),
    ("download", "GET", r"/v1/files/([^/]+)/content"),
    ("delete", "DELETE", r"/v1/files/([^/]+)"),
    ("create", "POST", r"/v1/batches"),
    ("find", "GET", r"/v1/batches"),
    ("read", "GET", r"/v1/batches/([^/]+)"),
    ("cancel", "POST", r"/v1/batches/([^/]+)/cancel"),
)


@dataclass(frozen=True)
class Fails:
    """Answers with this status and does nothing."""

    code: int
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: str | None = None


@dataclass(frozen=True)
class Lost:
    """Does what it is asked, and cuts the connection before it says so."""


@dataclass(frozen=True)
class Cut:
    """Cuts the connection after so many bytes of the answer's body."""

    after: int = 100


@dataclass(frozen=True)
class Short:
    """Ends the answer in good form after so many bytes: nobody sees that there was more."""

    after: int = 100


@dataclass(frozen=True)
class Slow:
    """Answers in pieces, so many seconds apart."""

    seconds: float = 0.01
    pieces: int = 20


@dataclass(frozen=True)
class Hangs:
    """Does what it is asked, and says nothing until `release` is called on the server."""


@dataclass(frozen=True)
class RowError:
    """A request that failed: with an HTTP status as a response in the error file, or with a code alone."""

    code: str = "server_error"
    status: int | None = 500


@dataclass(frozen=True)
class Raw:
    """A line of the output file as it is; `{id}` stands for the request's."""

    line: str


@dataclass(frozen=True)
class Said:
    """The model's words, letter by letter."""

    content: str
    finish: str = "stop"
    model: str = MODEL
    prompt: int = 1000
    completion: int = 100


NOTHING = None
"""No row at all."""

Answer = dict[str, Any] | Said | RowError | Raw | None
Trouble = Fails | Lost | Cut | Short | Slow | Hangs


class BatchServer:
    """The server, in threads of its own, while the block runs.

    `answer` tells what comes of each line; `states` through which a batch goes. `executed` counts how often each
    request was carried out (and would have to be paid for). `partial` is the share that an expired or cancelled batch
    has done. `twice` doubles each row, `strangers` adds rows of nobody's requests, `codes` are those of a batch that
    fails its validation.
    """

    def __init__(self, *, batches: bool = True) -> None:
        self.answer: Callable[[dict[str, Any]], Answer] = lambda _: {}
        self.states: tuple[str, ...] = COMPLETED
        self.partial = 0.5
        self.shuffled = True
        self.twice = False
        self.strangers = 0
        self.codes: tuple[str, ...] = ()
        self.files: dict[str, dict[str, Any]] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []
        self.executed: defaultdict[str, int] = defaultdict(int)
        self.uploads: list[list[dict[str, Any]]] = []
        self.released = threading.Event()
        self.hanging = threading.Event()
        self._offers = batches
        self._trouble: defaultdict[str, deque[Trouble]] = defaultdict(deque)
        self._lock = threading.RLock()
        self._count = 0
        server = self

        class Handler(_Handler):
            owner = server

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(10)

    def trouble(self, route: str, *what: Trouble) -> None:
        """Have the next requests of this route go wrong so, one each."""
        self._trouble[route].extend(what)

    def counted(self, route: str) -> int:
        """How many requests of this route came."""
        return self.asked.count(route)

    @property
    def lines(self) -> list[dict[str, Any]]:
        """All requests of all files that were uploaded, in order."""
        return [line for upload in self.uploads for line in upload]

    def routed(self, method: str, path: str) -> tuple[str, str] | None:
        for name, verb, pattern in ROUTES:
            found = re.fullmatch(pattern, path)
            if verb == method and found:
                return None if not self._offers and "batch" in path else (name, *(found.groups() or ("",)))
        return None

    def troubled(self, route: str) -> Trouble | None:
        with self._lock:
            self.asked.append(route)
            return self._trouble[route].popleft() if self._trouble[route] else None

    def do(self, route: str, key: str, body: bytes, headers: Any) -> tuple[int, bytes]:
        with self._lock:
            deed: Any = getattr(self, f"_{route}")
            if route == "download":
                return deed(key)
            status, told = deed(key, body, headers)
            return status, json.dumps(told).encode()

    def _new(self, kind: str) -> str:
        self._count += 1
        return f"{kind}-{self._count}"

    def _keep(self, name: str, data: bytes, purpose: str) -> str:
        key = self._new("file")
        self.files[key] = {"name": name, "data": data, "purpose": purpose}
        return key

    def _shown_file(self, key: str) -> dict[str, Any]:
        file = self.files[key]
        told = {"id": key, "object": "file", "bytes": len(file["data"]), "filename": file["name"]}
        return told | {"purpose": file["purpose"], "created_at": int(time.time()), "status": "processed"}

    def _upload(self, _key: str, body: bytes, headers: Any) -> tuple[int, Any]:
        fields = _multipart(headers["Content-Type"], body)
        name, data = fields["file"]
        assert fields["purpose"][1] == b"batch"
        self.uploads.append([json.loads(line) for line in data.splitlines()])
        return 200, self._shown_file(self._keep(name, data, "batch"))

    def _files(self, _key: str, _body: bytes, _headers: Any) -> tuple[int, Any]:
        rows = [self._shown_file(key) for key in reversed(self.files)]
        return 200, {"object": "list", "data": rows, "has_more": False}

    def _delete(self, key: str, _body: bytes, _headers: Any) -> tuple[int, Any]:
        if self.files.pop(key, None) is None:
            return 404, _error()
        return 200, {"id": key, "object": "file", "deleted": True}

    def _download(self, key: str) -> tuple[int, bytes]:
        file = self.files.get(key)
        return (404, json.dumps(_error()).encode()) if file is None else (200, file["data"])

    def _create(self, _key: str, body: bytes, _headers: Any) -> tuple[int, Any]:
        told = json.loads(body)
        assert (told["endpoint"], told["completion_window"]) == ("/v1/chat/completions", "24h")
        if told["input_file_id"] not in self.files:
            return 400, _error()
        key = self._new("batch")
        states = ("validating", "failed") if self.codes else self.states
        self.batches[key] = {
            "id": key,
            "object": "batch",
            "endpoint": told["endpoint"],
            "completion_window": "24h",
            "created_at": int(time.time()),
            "input_file_id": told["input_file_id"],
            "metadata": told.get("metadata"),
            "status": states[0],
            "ahead": list(states[1:]),
            "output_file_id": None,
            "error_file_id": None,
            "request_counts": {"total": 0, "completed": 0, "failed": 0},
        }
        return 200, _shown(self.batches[key])

    def _find(self, _key: str, _body: bytes, _headers: Any) -> tuple[int, Any]:
        rows = [_shown(batch) for batch in reversed(self.batches.values())]
        return 200, {"object": "list", "data": rows, "has_more": False}

    def _read(self, key: str, _body: bytes, _headers: Any) -> tuple[int, Any]:
        batch = self.batches.get(key)
        if batch is None:
            return 404, _error()
        if batch["ahead"]:
            self._move(batch, batch["ahead"].pop(0))
        return 200, _shown(batch)

    def _cancel(self, key: str, _body: bytes, _headers: Any) -> tuple[int, Any]:
        batch = self.batches.get(key)
        if batch is None:
            return 404, _error()
        if batch["status"] in FINAL:
            return 409, _error()
        batch["status"], batch["ahead"] = "cancelling", ["cancelled"]
        return 200, _shown(batch)

    def _move(self, batch: dict[str, Any], status: str) -> None:
        batch["status"] = status
        if status not in FINAL:
            return
        batch["ahead"] = []
        if status == "failed":
            rows = [{"code": code, "message": VENDOR_TEXT, "line": 1, "param": None} for code in self.codes]
            batch["errors"] = {"object": "list", "data": rows}
            return
        lines = [json.loads(line) for line in self.files[batch["input_file_id"]]["data"].splitlines()]
        _check(lines)
        carried_out = len(lines) if status == "completed" else int(len(lines) * self.partial)
        output, errors = [], []
        for number, line in enumerate(lines):
            if number >= carried_out:
                errors.append(_row(line["custom_id"], None, {"code": f"batch_{status}", "message": VENDOR_TEXT}))
                continue
            self.executed[line["custom_id"]] += 1
            self._carry_out(line, output, errors)
        counts = {"total": len(lines), "completed": len(output), "failed": len(lines) - len(output)}
        batch["request_counts"] = counts
        output += [_row(f"stranger-{number}", _response({}, Said("{}"))) for number in range(self.strangers)]
        if self.twice:
            output = [row for row in output for _ in range(2)]
        if self.shuffled:
            random.Random(7).shuffle(output)
        for name, rows in (("output", output), ("error", errors)):
            if rows:
                data = "".join(f"{row}\n" for row in rows).encode()
                batch[f"{name}_file_id"] = self._keep(f"{batch['id']}_{name}.jsonl", data, "batch_output")

    def _carry_out(self, line: dict[str, Any], output: list[str], errors: list[str]) -> None:
        key, answer = line["custom_id"], self.answer(line)
        match answer:
            case None:
                return
            case RowError(code, None):
                errors.append(_row(key, None, {"code": code, "message": VENDOR_TEXT}))
            case RowError(code, status):
                body = {"error": {"code": code, "message": VENDOR_TEXT, "type": "scripted", "param": None}}
                errors.append(_row(key, {"status_code": status, "request_id": "r", "body": body}))
            case Raw(text):
                output.append(text.replace("{id}", key))
            case Said():
                output.append(_row(key, _response(line, answer)))
            case _:
                output.append(_row(key, _response(line, Said(json.dumps(answer)))))


class _Handler(BaseHTTPRequestHandler):
    owner: BatchServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def _serve(self) -> None:
        body = self._read_body()
        found = self.owner.routed(self.command, self.path.partition("?")[0])
        if found is None:
            self._send(404, json.dumps(_error()).encode())
            return
        route, key = found
        trouble = self.owner.troubled(route)
        if isinstance(trouble, Fails):
            told = json.dumps(_error()) if trouble.body is None else trouble.body
            self._send(trouble.code, told.encode(), trouble.headers)
            return
        status, data = self.owner.do(route, key, body, self.headers)
        match trouble:
            case Lost():
                self.close_connection = True
            case Hangs():
                self.owner.hanging.set()
                self.owner.released.wait(20)
                self.close_connection = True
            case Cut(after):
                self._send(status, data[:after], {"Content-Length": str(len(data))})
                self.close_connection = True
            case Short(after):
                self._send(status, data[:after])
            case Slow(seconds, pieces):
                self._send_slowly(data, seconds, pieces)
            case _:
                self._send(status, data)

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts: list[bytes] = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _send(self, status: int, data: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        told = {"Content-Type": "application/json", "Content-Length": str(len(data)), **(headers or {})}
        for name, value in told.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _send_slowly(self, data: bytes, seconds: float, pieces: int) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        size = max(1, len(data) // pieces)
        for start in range(0, len(data), size):
            self.wfile.write(data[start : start + size])
            self.wfile.flush()
            threading.Event().wait(seconds)


def _check(lines: list[dict[str, Any]]) -> None:
    """What the real server would refuse."""
    assert 0 < len(lines) <= MOST_REQUESTS
    assert len({line["custom_id"] for line in lines}) == len(lines)
    assert len({line["body"]["model"] for line in lines}) == 1
    for line in lines:
        assert (line["method"], line["url"]) == ("POST", "/v1/chat/completions")
        assert "stream" not in line["body"]


def _multipart(kind: str, body: bytes) -> dict[str, tuple[str, bytes]]:
    boundary = re.search(r"boundary=([^;]+)", kind)
    assert boundary
    found: dict[str, tuple[str, bytes]] = {}
    for part in body.split(b"--" + boundary[1].encode())[1:-1]:
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        name, file = re.search(rb'name="([^"]+)"', head), re.search(rb'filename="([^"]+)"', head)
        assert name
        found[name[1].decode()] = (file[1].decode() if file else "", content.removesuffix(b"\r\n"))
    return found


def _shown(batch: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in batch.items() if name != "ahead"}


def _row(key: str, response: dict[str, Any] | None, error: dict[str, Any] | None = None) -> str:
    return json.dumps({"id": f"batch_req_{key}", "custom_id": key, "response": response, "error": error})


def _response(line: dict[str, Any], said: Said) -> dict[str, Any]:
    message = {"role": "assistant", "content": said.content, "refusal": None}
    usage = {"prompt_tokens": said.prompt, "completion_tokens": said.completion}
    body = {
        "id": "chatcmpl-scripted",
        "object": "chat.completion",
        "created": 1795262400,
        "model": said.model or line["body"]["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": said.finish, "logprobs": None}],
        "usage": usage | {"total_tokens": said.prompt + said.completion},
    }
    return {"status_code": 200, "request_id": "r", "body": body}


def _error() -> dict[str, Any]:
    return {"error": {"message": VENDOR_TEXT, "type": "scripted", "param": None, "code": "scripted"}}
