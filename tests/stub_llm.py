"""A language-model server in a process of its own, as quick as Python allows: one fixed answer, faults by rate, counts.

    python tests/stub_llm.py ANSWER.json --latency 1 --too-many 0.02 --broken 0.01

prints its address, then serves `POST /v1/chat/completions`, streamed or whole, and `GET /counts`. It is cheaper than
`llm_server.LlmServer`, which runs in the process of the test and misbehaves in many more ways.
"""

import argparse
import asyncio
import json
import random
import re
import subprocess
import sys
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class Stub:
    """What is answered, how often not, and what was counted."""

    def __init__(self, told: argparse.Namespace) -> None:
        self.latency, self.too_many, self.broken = told.latency, told.too_many, told.broken
        self.chance = random.Random(told.seed)
        self.counts = {"received": 0, "answered": 0, "too_many": 0, "broken": 0, "at_once": 0}
        self.now = 0
        content = Path(told.answer).read_text(encoding="utf-8")
        usage = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
        head = {"id": "chatcmpl-stub", "created": 1795262400, "model": told.model}
        message = {"role": "assistant", "content": content}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        whole = head | {"object": "chat.completion", "choices": [choice], "usage": usage}
        self.whole = _response(200, json.dumps(whole).encode(), "application/json")
        chunk = head | {"object": "chat.completion.chunk"}
        events = [
            chunk | {"choices": [{"index": 0, "delta": message, "finish_reason": None}]},
            chunk | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
            chunk | {"choices": [], "usage": usage},
        ]
        data = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
        self.streamed = _response(200, data.encode(), "text/event-stream")

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The requests of one connection."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                found = LENGTH.search(head)
                body = await reader.readexactly(int(found[1])) if found else b""
                writer.write(await self.answer(head, body))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def answer(self, head: bytes, body: bytes) -> bytes:
        """The response, after the latency."""
        if head.startswith(b"GET"):
            return _response(200, json.dumps(self.counts).encode(), "application/json")
        self.counts["received"] += 1
        self.now += 1
        self.counts["at_once"] = max(self.counts["at_once"], self.now)
        drawn = self.chance.random()
        try:
            if drawn < self.too_many:
                self.counts["too_many"] += 1
                return _response(429, b'{"error": {"message": "slower"}}', "application/json", b"Retry-After: 1\r\n")
            await asyncio.sleep(self.latency)
            if drawn < self.too_many + self.broken:
                self.counts["broken"] += 1
                return _response(500, b'{"error": {"message": "oops"}}', "application/json")
            self.counts["answered"] += 1
            return self.streamed if b'"stream":true' in body.replace(b": ", b":") else self.whole
        finally:
            self.now -= 1


def _response(status: int, body: bytes, kind: str, more: bytes = b"") -> bytes:
    head = f"HTTP/1.1 {status} Stub\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n".encode()
    return head + more + b"\r\n" + body


async def serve(told: argparse.Namespace) -> None:
    server = await asyncio.start_server(Stub(told).talk, "127.0.0.1", 0, limit=1 << 20)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


@contextmanager
def stub(folder: Path, answer: dict[str, Any], **options: float | str) -> Generator[str]:
    """The server in a process of its own while the block runs; its address."""
    file = folder / "answer.json"
    file.write_text(json.dumps(answer), encoding="utf-8")
    words = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    program = [sys.executable, __file__, str(file), *words]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def counts(url: str) -> dict[str, int]:
    """What the server has counted so far."""
    with urllib.request.urlopen(f"{url}/counts", timeout=10) as answer:
        return json.load(answer)


def main() -> None:
    told = argparse.ArgumentParser(description=__doc__)
    told.add_argument("answer")
    told.add_argument("--latency", type=float, default=0.0)
    told.add_argument("--too-many", type=float, default=0.0)
    told.add_argument("--broken", type=float, default=0.0)
    told.add_argument("--model", default="gpt-4o-mini")
    told.add_argument("--seed", type=int, default=1)
    asyncio.run(serve(told.parse_args()))


if __name__ == "__main__":
    main()
