"""`ouvidor serve --demo` as a newcomer meets it: the printed request gives the cited answer; a leaver loses nothing."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Demo:
    """A running demo and what it printed."""

    url: str
    printed: str
    process: subprocess.Popen[str]

    @property
    def key(self) -> str:
        found = re.search(r"API key of ventara \(.*\): (\S+)", self.printed)
        assert found
        return found[1]

    @property
    def command(self) -> list[str]:
        return ["sh", "-c", self.printed.split("Try it:\n\n")[1].split("\n\nIt answers:")[0]]


@pytest.fixture(scope="module")
def folder(test_folder: Path) -> Generator[Path]:
    place = test_folder / f"serve-{uuid4().hex[:8]}"
    place.mkdir(mode=0o711)
    if (test_folder / "models").exists():
        (place / "models").symlink_to(test_folder / "models")
    yield place
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(scope="module")
def demo(folder: Path) -> Generator[Demo]:
    running = start(folder)
    yield running
    stop(running)


def start(folder: Path) -> Demo:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OUVIDOR_")}
    environment |= {"OUVIDOR_DATA_DIR": str(folder), "OUVIDOR_PORT": str(port), "NO_COLOR": "1", "TERM": "dumb"}
    program = [str(Path(sys.executable).with_name("ouvidor")), "serve", "--demo"]
    process = subprocess.Popen(program, env=environment, cwd=folder, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    printed = ""
    for line in process.stdout:
        printed += line
        if line.startswith("Every route"):
            break
    return Demo(f"http://127.0.0.1:{port}", printed, process)


def stop(demo: Demo) -> None:
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(timeout=30) == 0
    assert demo.process.stdout is not None
    demo.process.stdout.close()


def test_the_printed_request_gives_the_printed_answer(demo: Demo) -> None:
    done = subprocess.run(demo.command, capture_output=True, text=True, check=True)
    answer = json.loads(done.stdout)
    assert answer["decision"] == "answer"
    assert answer["citations"]
    assert answer["messages"][-1]["content"] in demo.printed


def test_the_printed_login_opens_the_chat(demo: Demo) -> None:
    found = re.search(r"Sign in as (\S+) with the password (\S+)", demo.printed)
    assert found
    with httpx.Client(base_url=demo.url, follow_redirects=True) as browser:
        assert browser.get("/", headers={"Accept": "text/html"}).url.path.startswith("/sign-in")
        page = browser.post(
            "/sign-in",
            data={"username": found[1], "password": found[2]},
            headers={"Sec-Fetch-Site": "same-origin", "Accept": "text/html"},
        )
    assert page.status_code == 200
    assert "/overview" in page.url.path


def test_a_client_that_leaves_finds_its_answer_later(demo: Demo) -> None:
    headers = {"Authorization": f"Bearer {demo.key}", "Idempotency-Key": "left"}
    body = {
        "helpdeskId": "left",
        "projectName": "ventara",
        "messages": [{"role": "USER", "content": "Can I tow a trailer?"}],
    }
    raw = json.dumps(body).encode()
    head = "".join(
        f"{name}: {value}\r\n"
        for name, value in {
            "Host": "127.0.0.1",
            "Content-Type": "application/json",
            "Content-Length": str(len(raw)),
            **headers,
        }.items()
    )
    port = int(demo.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(f"POST /conversations/completions HTTP/1.1\r\n{head}\r\n".encode() + raw)
    for _ in range(100):
        again = httpx.post(
            f"{demo.url}/conversations/completions", content=raw, headers=headers | {"Content-Type": "application/json"}
        )
        if again.status_code == 200:
            break
    assert again.status_code == 200
    conversation = httpx.get(f"{demo.url}/api/v1/conversations/{again.json()['conversationId']}", headers=headers)
    assert [message["role"] for message in conversation.json()["history"]] == ["USER", "AGENT"]


def test_a_second_start_shows_the_same_access(demo: Demo, folder: Path) -> None:
    second = start(folder)
    try:
        assert second.key == demo.key
        assert httpx.post(
            f"{second.url}/api/v1/sections/search",
            json={"query": "towing"},
            headers={"Authorization": f"Bearer {second.key}"},
        ).is_success
    finally:
        stop(second)


def test_two_signals_at_once_still_end_it(folder: Path) -> None:
    running = start(folder)
    running.process.send_signal(signal.SIGTERM)
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(timeout=30) == 0
    assert running.process.stdout is not None
    running.process.stdout.close()
