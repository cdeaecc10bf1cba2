"""The protocol of provider batches by itself: files, states, rows, and whatever a server may do instead."""

import io
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from batch_server import BatchServer, Cut, Fails, Lost, Slow
from llm_server import VENDOR_TEXT
from pydantic import BaseModel

from ouvidor.engines.asking import Question
from ouvidor.engines.base import Usage
from ouvidor.engines.batches import (
    BatchesUnsupported,
    BatchLimits,
    NoProvider,
    RequestFile,
    open_batches,
    request_line,
    scratch_file,
)
from ouvidor.engines.faults import CallFault
from ouvidor.engines.provider_batches import MOST_LINE_BYTES, ProviderBatches, read_row, read_rows
from ouvidor.settings import Settings

pytestmark = pytest.mark.anyio


class Verdict(BaseModel):
    good: bool


@asynccontextmanager
async def batches_on(url: str | None, tmp_path: Path, **changed: Any) -> AsyncGenerator[ProviderBatches]:
    known = {"llm_base_url": url, "llm_model": "gpt-4o-mini"} | changed
    async with open_batches(Settings(data_dir=tmp_path, _env_file=None, **known)) as batches:  # pyright: ignore[reportCallIssue]
        yield batches


def line_of(key: str, text: str = "Olá") -> bytes:
    return request_line(key, "gpt-4o-mini", Question("Judge.", text, str), "verdict", Verdict)


async def upload(batches: ProviderBatches, *keys: str, name: str = "ouvidor-1.jsonl") -> str:
    with scratch_file() as scratch:
        file = RequestFile(BatchLimits(), scratch)
        for key in keys:
            file.add(line_of(key))
        return await batches.upload(name, scratch)


async def test_a_batch_goes_there_and_back(tmp_path: Path) -> None:
    with BatchServer() as server:
        server.answer = lambda line: {"good": line["custom_id"] == "a"}
        async with batches_on(server.url, tmp_path) as batches:
            await batches.require()
            file_id = await upload(batches, "a", "b")
            assert await batches.files_named("ouvidor-1.jsonl") == [file_id]
            assert await batches.find("ours") is None
            begun = await batches.create(file_id, "ours")
            assert (begun.status, begun.final) == ("validating", False)
            assert await batches.find("ours") == begun
            seen = [(await batches.read(begun.id)).status for _ in range(3)]
            done = await batches.read(begun.id)
            assert done.output_file_id is not None
            with scratch_file() as scratch:
                await batches.download(done.output_file_id, scratch)
                rows = {row.custom_id: row for row in read_rows(scratch) if row is not None}
            await batches.delete_file(file_id)
            await batches.delete_file(file_id)
    assert seen == ["in_progress", "finalizing", "completed"]
    assert (done.final, done.completed, done.failed, done.error_file_id) == (True, 2, 0, None)
    assert {key: json.loads(row.text) for key, row in rows.items()} == {"a": {"good": True}, "b": {"good": False}}
    assert rows["a"].usage == Usage(input=1000, output=100)
    assert rows["a"].model == "gpt-4o-mini"
    assert [line["body"]["messages"][1]["content"] for line in server.lines] == ["Olá", "Olá"]
    assert server.lines[0]["body"]["response_format"]["json_schema"]["strict"] is True


async def test_a_large_file_is_sent_from_disk(tmp_path: Path) -> None:
    with BatchServer() as server:
        async with batches_on(server.url, tmp_path) as batches:
            with scratch_file() as scratch:
                file = RequestFile(BatchLimits(), scratch)
                for number in range(3000):
                    file.add(line_of(str(number), "ã" * 2000))
                file_id = await batches.upload("large.jsonl", scratch)
    assert file.size > 12_000_000
    assert len(server.files[file_id]["data"]) == file.size


async def test_cancelled(tmp_path: Path) -> None:
    with BatchServer() as server:
        async with batches_on(server.url, tmp_path) as batches:
            begun = await batches.create(await upload(batches, "a", "b"), "ours")
            assert (await batches.cancel(begun.id)).status == "cancelling"
            ended = await batches.read(begun.id)
            assert (ended.status, ended.completed) == ("cancelled", 1)
            with pytest.raises(CallFault):
                await batches.cancel(begun.id)


async def test_a_batch_that_fails_tells_codes_and_no_words(tmp_path: Path) -> None:
    with BatchServer() as server:
        server.codes = ("token_limit_exceeded",)
        async with batches_on(server.url, tmp_path) as batches:
            begun = await batches.create(await upload(batches, "a"), "ours")
            failed = await batches.read(begun.id)
    assert (failed.status, failed.codes) == ("failed", ("token_limit_exceeded",))
    assert VENDOR_TEXT not in repr(failed)


@pytest.mark.parametrize(
    ("trouble", "kind", "status"),
    [
        (Fails(429, {"Retry-After": "7"}), "rate_limited", 429),
        (Fails(500), "server_error", 500),
        (Fails(401), "misconfigured", 401),
        (Fails(200, body="<html>hello</html>"), "server_error", 0),
        (Fails(200, {"Content-Type": "text/html"}, "<html>hello</html>"), "server_error", 0),
        (Fails(200, body='{"object": "list"}'), "server_error", 0),
        (Lost(), "connection", 0),
        (Cut(20), "connection", 0),
    ],
)
@pytest.mark.parametrize("route", ["upload", "create", "read", "cancel"])
async def test_trouble_on_each_route(
    tmp_path: Path, route: str, trouble: Any, kind: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    with BatchServer() as server:
        async with batches_on(server.url, tmp_path) as batches:
            begun = await batches.create(await upload(batches, "a"), "ours")
            deeds = {
                "upload": lambda: upload(batches, "b"),
                "create": lambda: batches.create("file-1", "again"),
                "read": lambda: batches.read(begun.id),
                "cancel": lambda: batches.cancel(begun.id),
            }
            server.trouble(route, trouble)
            with pytest.raises(CallFault) as caught:
                await deeds[route]()
    assert (caught.value.kind, caught.value.status) == (kind, status)
    assert caught.value.retry_after == (7 if status == 429 else None)
    assert VENDOR_TEXT not in caplog.text


async def test_a_download_that_breaks_off_is_a_fault_and_a_slow_one_is_whole(tmp_path: Path) -> None:
    with BatchServer() as server:
        async with batches_on(server.url, tmp_path) as batches:
            file_id = await upload(batches, *map(str, range(50)))
            into = io.BytesIO()
            for trouble in (Cut(500), Lost(), Fails(500), Fails(404)):
                server.trouble("download", trouble)
                with pytest.raises(CallFault):
                    await batches.download(file_id, into)
            server.trouble("download", Slow())
            await batches.download(file_id, into)
    assert into.getvalue() == server.files[file_id]["data"]
    assert into.tell() == 0


async def test_a_server_without_batches_and_none_at_all(tmp_path: Path) -> None:
    with BatchServer(batches=False) as server:
        async with batches_on(server.url, tmp_path) as batches:
            with pytest.raises(BatchesUnsupported):
                await batches.require()
    async with batches_on(server.url, tmp_path) as batches:
        with pytest.raises(CallFault):
            await batches.require()
    with pytest.raises(NoProvider):
        async with batches_on(None, tmp_path, llm_model=None):
            pass


def test_a_file_holds_so_many_requests_and_bytes() -> None:
    line = line_of("a")
    file = RequestFile(BatchLimits(requests=2, size=3 * len(line)), io.BytesIO())
    for _ in range(2):
        assert file.that_fit([line, line, line]) == file.left
        file.add(line)
    assert (file.left, file.that_fit([line])) == (0, 0)
    tight = RequestFile(BatchLimits(size=2 * len(line) - 1), io.BytesIO())
    tight.add(line)
    assert tight.that_fit([line]) == 0
    assert RequestFile(BatchLimits(size=2 * len(line)), io.BytesIO()).that_fit([line] * 3) == 2
    assert (BatchLimits().requests, BatchLimits().size) == (50_000, 200_000_000)


def test_a_line_is_one_line_whatever_was_said() -> None:
    said = 'a\nb\u2028c\x85d"e\\f ção 🙂'
    line = line_of("a", said)
    assert line.endswith(b"\n")
    assert len(line.decode().splitlines()) == 1
    assert json.loads(line)["body"]["messages"][1]["content"] == said


def body(**changed: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": "{}"}, "finish_reason": "stop"}
    return {"model": "m", "choices": [choice], "usage": {"prompt_tokens": 5, "completion_tokens": 2}} | changed


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"response": {"status_code": 200, "body": body()}, "error": None}, ("", False)),
        ({"response": {"status_code": 500, "body": {"error": {"code": None}}}}, ("server_error", False)),
        ({"response": {"status_code": 429, "body": {}}}, ("rate_limited", False)),
        (
            {"response": {"status_code": 400, "body": {"error": {"code": "context_length_exceeded"}}}},
            ("too_large", False),
        ),
        ({"response": {"status_code": 400, "body": {"error": {"code": "odd"}}}}, ("refused", False)),
        ({"response": None, "error": {"code": "request_timeout", "message": "x"}}, ("timeout", False)),
        ({"response": None, "error": {"code": "batch_expired", "message": "x"}}, ("", True)),
        ({"response": None, "error": {"code": ["odd"], "message": "x"}}, ("server_error", False)),
        ({"response": {"status_code": 200, "body": {"error": {"code": "batch_cancelled"}}}}, ("", True)),
        ({"response": {"status_code": 200, "body": body(choices=[])}}, ("connection", False)),
        (
            {"response": {"status_code": 200, "body": body(choices=[{"finish_reason": "content_filter"}])}},
            ("refused", False),
        ),
        ({"response": {"status_code": 200, "body": ["odd"]}}, ("connection", False)),
        ({"response": "odd"}, ("server_error", False)),
        ({}, ("server_error", False)),
    ],
)
def test_rows(row: dict[str, Any], told: tuple[str, bool]) -> None:
    read = read_row(json.dumps({"custom_id": "a"} | row).encode())
    assert read is not None
    assert (read.custom_id, read.fault or "", read.unanswered) == ("a", *told)


def test_lines_that_tell_nothing() -> None:
    long = b'{"custom_id": "x", "a": "' + b"a" * MOST_LINE_BYTES + b'"}\n'
    whole = json.dumps({"custom_id": "b", "response": {"status_code": 200, "body": body()}}).encode()
    file = io.BytesIO(b'{"custom_id": "a", "resp\n\n[1]\nnull\n{"custom_id": 7}\n\xff\xfe\n' + long + whole)
    rows = list(read_rows(file))
    assert [row and row.custom_id for row in rows] == [None, None, None, None, None, None, "b"]
