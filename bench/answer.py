"""What a turn costs on our side when the language model takes no time, beside the same pipeline written with others.

    python bench/answer.py [--rounds 7] [--turns 60] [--peers FOLDER] [--profile FILE]

A stub of an OpenAI-compatible server, in a process of its own, answers at once: the first sentences of the first
section it was shown, streamed by the word where that is asked for. Each server is a process of its own and is asked one
question after another, first turns of new conversations. Ours is `ouvidor serve` as it is installed, on the embedded
PostgreSQL with fsync: it checks the key, stores conversation, messages, turn and sections, searches by words and
vectors, masks, checks the draft and records the call. The peers have the same sections, prompt and schema, search by
BM25 in memory, store nothing, check nothing but the cited numbers; their environments are made once in FOLDER from
PyPI. Rounds are interleaved; figures are medians over the rounds. Processor time is that of the server's process (user
and system); that of PostgreSQL's processes, which may run on another machine, stands beside it.
"""

import argparse
import json
import os
import platform
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parent.parent
DEMO = ROOT / "src/ouvidor/demo/maresia"
PEERS = Path(__file__).parent / "peers"
UV = Path(sys.executable).with_name("uv")
PACKAGES = {
    "haystack": ("haystack-ai",),
    "langchain": ("langchain-core", "langchain-openai", "rank-bm25"),
}
TICKS = os.sysconf("SC_CLK_TCK")
TARGET = 12.0

STUB = r"""
import asyncio, json, re, sys

async def talk(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(re.search(rb"(?i)content-length: (\d+)", head)[1])
            body = json.loads(await reader.readexactly(length))
            section = json.loads(body["messages"][-1]["content"])["sections"][0]
            text = " ".join(re.split(r"(?<=[.!?])\s+", section["text"])[:2])
            draft = {"kind": "answer", "text": text, "cited": [section["number"]], "confidence": 0.9, "language": "pt"}
            said = json.dumps(draft | {"topics": []}, ensure_ascii=False)
            usage = {"prompt_tokens": 2000, "completion_tokens": 80, "total_tokens": 2080}
            top = {"id": "x", "created": 1, "model": "stub"}
            if not body.get("stream"):
                message = {"role": "assistant", "content": said}
                whole = {"object": "chat.completion", "usage": usage}
                whole["choices"] = [{"index": 0, "message": message, "finish_reason": "stop"}]
                data = json.dumps(top | whole).encode()
                kind = b"application/json"
            else:
                top["object"] = "chat.completion.chunk"
                deltas = [({"content": part}, None) for part in re.findall(r"\S+\s*|\s+", said)] + [({}, "stop")]
                events = [{"choices": [{"index": 0, "delta": d, "finish_reason": f}]} for d, f in deltas]
                events.append({"choices": [], "usage": usage})
                lines = ["data: " + json.dumps(top | event) + "\n\n" for event in events]
                data = ("".join(lines) + "data: [DONE]\n\n").encode()
                kind = b"text/event-stream"
            head = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n" % (kind, len(data))
            writer.write(head + data)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()

async def main():
    server = await asyncio.start_server(talk, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()

asyncio.run(main())
"""


@dataclass
class Runner:
    """One server under measurement; `ask` returns the text that the customer would read, empty where there is none."""

    name: str
    process: subprocess.Popen[bytes]
    ask: Callable[[httpx.Client, str], str]
    database: Path | None = None
    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    of_database: list[float] = field(default_factory=list)
    answered: int = 0
    asked: int = 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, of children that it waited for too."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(value) for value in fields[11:15]) / TICKS


def cpu_of_database(data: Path | None) -> float:
    """The same of the postmaster and of all that it has started and that still run."""
    if data is None:
        return 0.0
    postmaster = int(next(data.rglob("postmaster.pid")).read_text().splitlines()[0])
    total = cpu_seconds(postmaster)
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            total += cpu_seconds(int(stat.parent.name)) if parent == postmaster else 0.0
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total


@contextmanager
def running(words: list[str], port: int, **how: Any) -> Generator[subprocess.Popen[bytes]]:
    """A process while the block runs, once its port answers."""
    with subprocess.Popen(words, **how) as process:
        try:
            until = time.monotonic() + 120
            while True:
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                if process.poll() is not None or time.monotonic() > until:
                    raise SystemExit(f"{words[0]} does not serve on port {port}")
                time.sleep(0.05)
            yield process
        finally:
            process.terminate()


def prompt_of() -> str:
    """Our shipped prompt, filled in: what the peers tell their model too."""
    text = (ROOT / "src/ouvidor/prompts/defaults/reply.md").read_text()
    return re.sub(r"\{%.*?%\}\n?", "", text.replace("{{ company }}", "Maresia").replace("{{ persona }}", "Maresia"))


def prepare_peer(name: str, folder: Path) -> Path:
    """Its environment's Python, made where it is not there yet."""
    python = folder / name / "bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder / name], check=True)
        install = [UV, "pip", "install", "--quiet", "--compile-bytecode", "--python", python]
        subprocess.run([*install, "fastapi", "uvicorn", *PACKAGES[name]], check=True)
    return python


def version_of(python: Path, package: str) -> str:
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    return subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def our_environment(data: Path, port: int, stub: int, **more: str) -> dict[str, str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("OUVIDOR_", "OPENAI_"))}
    ours = {
        "DATA_DIR": str(data),
        "PORT": str(port),
        "LLM_BASE_URL": f"http://127.0.0.1:{stub}/v1",
        "LLM_MODEL": "stub",
    }
    return clean | {f"OUVIDOR_{key}": value for key, value in (ours | more).items()}


def ours_asks(port: int, key: str) -> Callable[[httpx.Client, str], str]:
    count = iter(range(1_000_000))

    def ask(client: httpx.Client, question: str) -> str:
        body = {
            "helpdeskId": f"{port}-{next(count)}",
            "projectName": "maresia",
            "messages": [{"role": "USER", "content": question}],
        }
        answer = client.post(
            f"http://127.0.0.1:{port}/conversations/completions", json=body, headers={"Authorization": f"Bearer {key}"}
        )
        answer.raise_for_status()
        told = answer.json()
        return told["messages"][-1]["content"] if told["decision"] == "answer" else ""

    return ask


def peer_asks(port: int) -> Callable[[httpx.Client, str], str]:
    def ask(client: httpx.Client, question: str) -> str:
        answer = client.post(f"http://127.0.0.1:{port}/ask", json={"question": question})
        answer.raise_for_status()
        return answer.json()["text"]

    return ask


def start_ours(stack: ExitStack, folder: Path, stub: int, profile: Path | None) -> list[Runner]:
    """Ours as it is, and by words alone: a model folder that holds none takes the vectors away."""
    data, command = folder / "data", Path(sys.executable).with_name("ouvidor")
    port, wordy_port = free_port(), free_port()
    environment = our_environment(data, port, stub)

    def run(*words: str) -> str:
        done = subprocess.run(
            [command, *words], env=environment, check=True, capture_output=True, text=True, cwd=folder
        )
        return done.stdout

    key = json.loads(run("project", "create", "maresia", "--json"))["key"]
    run("knowledge", "import", str(DEMO / "knowledge.jsonl"), "--project", "maresia")
    begin = [sys.executable, "-c", "from ouvidor.cli import main; main()"]
    if profile is not None:
        begin = [sys.executable, "-m", "cProfile", "-o", str(profile), str(command)]
    serve = ["serve", "--no-worker"]
    quiet: Mapping[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    whole = stack.enter_context(running([*begin, *serve], port, env=environment, **quiet))
    runners = [Runner("ouvidor", whole, ours_asks(port, key), data)]
    if profile is None:
        wordy = our_environment(data, wordy_port, stub, MODEL_DIR=str(folder))
        words = stack.enter_context(running([str(command), *serve], wordy_port, env=wordy, **quiet))
        runners.append(Runner("ouvidor, by words alone", words, ours_asks(wordy_port, key), data))
    return runners


def start_peers(stack: ExitStack, folder: Path, stub: int, environments: Path) -> list[Runner]:
    (folder / "prompt.txt").write_text(prompt_of())
    runners: list[Runner] = []
    for name, packages in PACKAGES.items():
        python, port = prepare_peer(name, environments), free_port()
        given = [str(port), f"http://127.0.0.1:{stub}/v1", str(DEMO / "knowledge.jsonl"), str(folder / "prompt.txt")]
        quiet = os.environ | {"HAYSTACK_TELEMETRY_ENABLED": "False", "LANGSMITH_TRACING": "false"}
        words = [str(python), str(PEERS / f"with_{name}.py"), *given]
        process = stack.enter_context(running(words, port, cwd=PEERS, env=quiet))
        titles = [f"{package} {version_of(python, package)}" for package in packages if package != "rank-bm25"]
        runners.append(Runner(f"{', '.join(titles)}, FastAPI", process, peer_asks(port)))
    return runners


def measure(runner: Runner, client: httpx.Client, questions: list[str]) -> None:
    """One round: milliseconds a turn."""
    before, before_database = cpu_seconds(runner.process.pid), cpu_of_database(runner.database)
    begun = time.perf_counter()
    texts = [runner.ask(client, question) for question in questions]
    runner.wall.append((time.perf_counter() - begun) / len(texts) * 1000)
    runner.cpu.append((cpu_seconds(runner.process.pid) - before) / len(texts) * 1000)
    runner.of_database.append((cpu_of_database(runner.database) - before_database) / len(texts) * 1000)
    runner.asked += len(texts)
    runner.answered += sum(bool(text) for text in texts)


def report(runners: list[Runner], load: float) -> None:
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {load:.1f} before\n")
    print(f"{'':66} {'CPU ms':>7} {'spread':>13} {'DB CPU':>7} {'wall ms':>8} {'CPU ×':>6}  answers")
    base = statistics.median(runners[0].cpu)
    for runner in runners:
        cpu, wall = statistics.median(runner.cpu), statistics.median(runner.wall)
        spread = f"{min(runner.cpu):.1f} to {max(runner.cpu):.1f}"
        database = f"{statistics.median(runner.of_database):.1f}" if runner.database else "none"
        answers = f"{runner.answered} of {runner.asked}"
        print(f"{runner.name:66} {cpu:7.1f} {spread:>13} {database:>7} {wall:8.1f} {cpu / base:6.2f}  {answers}")
    print(f"\ntarget {TARGET:.0f} ms CPU a turn: {'held' if base <= TARGET else 'missed'}; less is better everywhere")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--turns", type=int, default=60)
    parser.add_argument("--peers", type=Path, default=Path(tempfile.gettempdir()) / "ouvidor-bench-peers")
    parser.add_argument("--profile", type=Path, help="profile ours alone, for pstats")
    given = parser.parse_args()
    load = os.getloadavg()[0]
    cases = [json.loads(line) for line in (DEMO / "cases.jsonl").read_text().splitlines()]
    asked = [case["query"] for case in cases if case["expect"] == "answer"]
    questions = [asked[number % len(asked)] for number in range(given.turns)]
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)
        stub = free_port()
        stack.enter_context(running([sys.executable, "-c", STUB, str(stub)], stub))
        runners = start_ours(stack, folder, stub, given.profile)
        if given.profile is None:
            given.peers.mkdir(parents=True, exist_ok=True)
            runners += start_peers(stack, folder, stub, given.peers)
        client = stack.enter_context(httpx.Client(timeout=60, trust_env=False))
        for runner in runners:
            measure(runner, client, questions)
            for figures in (runner.cpu, runner.wall, runner.of_database):
                figures.clear()
            runner.asked = runner.answered = 0
        for number in range(given.rounds):
            for runner in runners[number % len(runners) :] + runners[: number % len(runners)]:
                measure(runner, client, questions)
    report(runners, load)


if __name__ == "__main__":
    main()
