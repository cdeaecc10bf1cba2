"""The command line as a person uses it, in processes of its own on an embedded database of its own."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from factories import HOTEL

from ouvidor.postgres import EmbeddedPostgres

pytestmark = pytest.mark.slow

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def run(test_folder: Path) -> Generator[Run]:
    """Runs `ouvidor …` in an installation of its own; a process that stays keeps its database warm."""
    folder = test_folder / f"cli-{uuid4().hex[:8]}"
    folder.mkdir(mode=0o711)
    if (test_folder / "models").exists():
        (folder / "models").symlink_to(test_folder / "models")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OUVIDOR_")}
    environment |= {"OUVIDOR_DATA_DIR": str(folder), "NO_COLOR": "1", "COLUMNS": "160"}

    def run_one(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        program = str(Path(sys.executable).with_name("ouvidor"))
        return subprocess.run(
            [program, *words], env=environment | more, cwd=folder, capture_output=True, text=True, check=False
        )

    yield run_one
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def shop(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project `shop` with the hotel's sections, imported from a file with one broken row."""
    made = run("project", "create", "shop", "--json")
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["key"].startswith("ouv_live_")
    file = tmp_path_factory.mktemp("knowledge") / "hotel.jsonl"
    file.write_text("\n".join([*(json.dumps(section) for section in HOTEL), "{broken"]))
    return file


def as_json(done: subprocess.CompletedProcess[str]) -> Any:
    return json.loads(done.stdout)


def test_help_names_every_command(run: Run) -> None:
    told = run("--help").stdout
    for command in ("serve", "worker", "migrate", "demo", "doctor", "project", "key", "knowledge", "ask", "model"):
        assert command in told


def test_import_says_what_landed_and_what_did_not(run: Run, shop: Path) -> None:
    first = run("knowledge", "import", str(shop), "-p", "shop", "--json")
    assert first.returncode == 2
    told = as_json(first)
    assert told["added"] + told["unchanged"] == len(HOTEL)
    assert told["broken"] == [{"where": "line 6", "message": "is not JSON"}]
    again = run("knowledge", "import", str(shop), "-p", "shop")
    assert "0 added, 0 changed, 5 unchanged" in again.stdout
    assert "line 6 is not JSON" in again.stderr


def test_search_and_ask(run: Run, shop: Path) -> None:
    run("knowledge", "import", str(shop), "-p", "shop")
    found = as_json(run("knowledge", "search", "breakfast hours", "-p", "shop", "--json"))
    assert found["data"][0]["id"] == "breakfast"
    answer = as_json(run("ask", "What time is breakfast?", "-p", "shop", "--json"))
    assert answer["decision"] == "answer"
    assert answer["citations"][0]["id"] == "breakfast"
    assert "6:30" in run("ask", "What time is breakfast?", "-p", "shop").stdout


def test_keys_are_made_and_revoked(run: Run, shop: Path) -> None:
    assert shop.exists()
    key = as_json(run("key", "create", "-p", "shop", "--scope", "answer", "--days", "7", "--json"))
    assert key["scopes"] == ["answer"]
    assert run("key", "revoke", key["key_id"], "-p", "shop").returncode == 0
    assert run("key", "revoke", key["key_id"], "-p", "shop").returncode == 1


def test_doctor_says_what_to_do(run: Run, shop: Path) -> None:
    assert shop.exists()
    findings = {finding["name"]: finding for finding in as_json(run("doctor", "--json"))}
    assert findings["Database"]["health"] == "good"
    assert "pgvector" in findings["Database"]["says"]
    assert findings["Worker"]["health"] == "attention"
    assert "ouvidor serve" in findings["Worker"]["advice"]


@pytest.mark.parametrize(
    ("words", "settings", "says"),
    [
        (("ask", "hi", "-p", "nowhere"), {}, "There is no project named nowhere"),
        (("project", "create", "Bad Name"), {}, "cannot name a project"),
        (("project", "create", "x1", "--mode", "sometimes"), {}, "There is no mode"),
        (("knowledge", "import", "missing.jsonl", "-p", "shop"), {}, "missing.jsonl"),
        (("doctor",), {"OUVIDOR_SECRET_KEY": "short"}, "OUVIDOR_SECRET_KEY is too weak"),
        (("serve", "--demo"), {"OUVIDOR_HOST": "0.0.0.0"}, "loopback only"),
    ],
)
def test_errors_are_one_sentence(
    run: Run, shop: Path, words: tuple[str, ...], settings: dict[str, str], says: str
) -> None:
    assert shop.exists()
    done = run(*words, **settings)
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_evaluations_print_their_figures(run: Run, tmp_path: Path) -> None:
    sections, queries, cases = tmp_path / "s.jsonl", tmp_path / "q.jsonl", tmp_path / "c.jsonl"
    sections.write_text("\n".join(json.dumps(section) for section in HOTEL))
    queries.write_text(json.dumps({"query": "breakfast hours", "relevant_ids": ["breakfast"]}))
    cases.write_text(
        "\n".join(
            json.dumps(case)
            for case in (
                {"query": "breakfast hours", "answerable": True, "relevant_ids": ["breakfast"]},
                {"query": "who won the football cup", "answerable": False},
            )
        )
    )
    retrieval = as_json(
        run("evals", "run", "retrieval", "--sections", str(sections), "--queries", str(queries), "--json")
    )
    assert retrieval["hit@1"] == 1.0
    assert set(retrieval) == {"queries", "hit@1", "hit@5", "hit@10", "mrr@10", "p50_ms", "p95_ms"}
    decisions = as_json(run("evals", "run", "decisions", "--sections", str(sections), "--cases", str(cases), "--json"))
    assert decisions["auroc"] == 1.0
    assert set(decisions) == {
        "cases",
        "auroc",
        "threshold",
        "coverage",
        "wrong_answer_rate",
        "threshold_at_5_percent",
        "coverage_at_5_percent",
    }
    assert as_json(run("project", "list", "--json")) is not None


def test_a_person_is_created_with_a_project(run: Run, shop: Path) -> None:
    assert shop.exists()
    done = run("user", "create", "ana", "-p", "shop", "--password", "long enough to be safe")
    assert done.returncode == 0, done.stderr
    again = run("user", "create", "ANA", "-p", "shop", "--password", "long enough to be safe")
    assert "There is a user named ana already" in again.stderr


def test_a_server_database_is_migrated_when_told(run: Run, server: EmbeddedPostgres) -> None:
    name = f"remote_{uuid4().hex}"
    server.create_database(name)
    try:
        address = {"OUVIDOR_DATABASE_URL": server.url(name).replace("postgresql+psycopg", "postgresql")}
        early = run("project", "list", **address)
        assert early.returncode == 1
        assert "run `ouvidor migrate` first" in early.stderr
        assert run("migrate", **address).returncode == 0
        assert json.loads(run("project", "list", "--json", **address).stdout) == []
        database = json.loads(run("doctor", "--json", **address).stdout)[0]
        assert "OUVIDOR_DATABASE_URL" in database["says"]
    finally:
        server.drop_database(name)
