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
from command_line import CommandLine
from factories import HOTEL

from ouvidor.postgres import EmbeddedPostgres

pytestmark = pytest.mark.slow

Run = Callable[..., subprocess.CompletedProcess[str]]
PROGRAM = str(Path(sys.executable).with_name("ouvidor"))


@pytest.fixture(scope="module")
def folder(test_folder: Path) -> Generator[Path]:
    """The data folder of an installation of its own."""
    folder = test_folder / f"cli-{uuid4().hex[:8]}"
    folder.mkdir(mode=0o711)
    if (test_folder / "models").exists():
        (folder / "models").symlink_to(test_folder / "models")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def run(folder: Path) -> Generator[Run]:
    """Runs `ouvidor …` in the folder."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OUVIDOR_")}
    environment |= {"OUVIDOR_DATA_DIR": str(folder), "NO_COLOR": "1", "COLUMNS": "160"}

    def run_one(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return commands.run(words, environment | more, folder)

    commands = CommandLine()
    yield run_one
    commands.close()


@pytest.fixture(scope="module")
def shop(run: Run, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """A project `shop` with the hotel's sections, imported from a file with one broken row.

    The first command makes, starts and stops the database; afterwards this process keeps it running for the others.
    """
    made = run("project", "create", "shop", "--json")
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["key"].startswith("ouv_live_")
    file = tmp_path_factory.mktemp("knowledge") / "hotel.jsonl"
    file.write_text("\n".join([*(json.dumps(section) for section in HOTEL), "{broken"]))
    with EmbeddedPostgres(folder):
        yield file


def as_json(done: subprocess.CompletedProcess[str]) -> Any:
    return json.loads(done.stdout)


def test_help_names_every_command() -> None:
    told = subprocess.run([PROGRAM, "--help"], capture_output=True, text=True, check=True).stdout
    for command in (
        "serve",
        "worker",
        "migrate",
        "demo",
        "doctor",
        "project",
        "key",
        "member",
        "audit-log",
        "knowledge",
        "conversations",
        "analyse",
        "comments",
        "classify",
        "ask",
        "model",
        "prompts",
    ):
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


def test_conversations_come_in_once_and_no_password_is_shown(run: Run, shop: Path) -> None:
    file = shop.with_name("talks.csv")
    file.write_text("conversa;papel;texto\n1;cliente;Oi\n1;robô;Olá\n2;fantasma;Bu\n")
    first = run("conversations", "import", str(file), "-p", "shop")
    assert first.returncode == 2
    assert "1 added, 0 grown, 0 unchanged, 0 without words, 1 left out; 2 new messages" in first.stdout
    assert "line 4 (2) has a message (1) that has the role 'fantasma'" in first.stderr
    again = run("conversations", "import", str(file), "-p", "shop", "--role", "fantasma=person", "--json")
    told = as_json(again)
    assert (again.returncode, told["added"], told["unchanged"], told["broken"]) == (0, 1, 1, [])
    url = "postgresql://ana:s3cret@127.0.0.1:1/shop"
    for words, more in ((("--from-database", url), {}), ((), {"OUVIDOR_IMPORT_DATABASE": url})):
        lost = run("conversations", "import", "-p", "shop", *words, **more)
        assert lost.returncode == 1
        assert "cannot be reached" in lost.stderr
        assert "s3cret" not in lost.stdout + lost.stderr
    nothing = run("conversations", "import", "-p", "shop")
    assert (nothing.returncode, "Name a file" in nothing.stderr) == (1, True)


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
    listed = {row["id"]: row for row in as_json(run("key", "list", "-p", "shop", "--json"))}
    assert (listed[key["key_id"]]["revoked_at"] is None, len(listed)) == (False, 2)
    assert key["key"] not in run("key", "list", "-p", "shop").stdout


def test_rules_are_set_and_checked_as_over_the_wire(run: Run, shop: Path) -> None:
    assert shop.exists()
    rules = ("--retention-days", "30", "--languages", "en, pt", "--phrase", "transfer.pt=Um momento.")
    assert not as_json(run("project", "set", "shop", "--no-mask-personal-data", "--json"))["mask_personal_data"]
    assert as_json(run("project", "set", "shop", "--mask-personal-data", "--json"))["mask_personal_data"]
    done = as_json(run("project", "set", "shop", *rules, "--json"))
    assert (done["retention_days"], done["languages"]) == (30, ["en", "pt"])
    assert done["phrases"] == {"transfer": {"pt": "Um momento."}}
    back = as_json(run("project", "set", "shop", "--retention-days", "none", "--phrase", "transfer.pt=", "--json"))
    assert (back["retention_days"], back["phrases"]) == (None, {})
    wrong = run("project", "set", "shop", "--mode", "sometimes", "--hold-minutes", "0")
    assert wrong.returncode == 1
    assert "mode: " in wrong.stderr
    assert "hold_minutes: " in wrong.stderr
    assert "transfer.pt=" in run("project", "set", "shop", "--phrase", "transfer.pt").stderr
    log = as_json(run("audit-log", "-p", "shop", "--action", "project.changed", "--json"))
    assert log[0]["details"] == {"retention_days": [30, None], "wordings": ["transfer.pt"]}
    assert "command line" in run("audit-log", "-p", "shop").stdout


def test_members_are_invited_given_roles_and_removed(run: Run, shop: Path) -> None:
    assert shop.exists()
    run("user", "create", "bia", "-p", "shop", "--role", "agent", "--password", "long enough to be safe")
    made = as_json(run("member", "invite", "Caio", "-p", "shop", "--role", "viewer", "--json"))
    assert made["link"].endswith(f"/join/{made['token']}")
    assert run("member", "role", "BIA", "manager", "-p", "shop").returncode == 0
    listed = as_json(run("member", "list", "-p", "shop", "--json"))
    assert {row["username"]: row["role"] for row in listed["members"]}["bia"] == "manager"
    assert [row["invitee"] for row in listed["invitations"]] == ["Caio"]
    assert run("member", "remove", "bia", "-p", "shop").returncode == 0
    gone = run("member", "remove", "bia", "-p", "shop")
    assert (gone.returncode, "no member with the user name bia" in gone.stderr) == (1, True)


def test_the_installed_program_does_the_same(run: Run, shop: Path, folder: Path) -> None:
    """The other tests fork a process that has the libraries; this one calls what a person calls."""
    assert shop.exists()
    environment = os.environ | {"OUVIDOR_DATA_DIR": str(folder)}
    words = ("project", "list", "--json")
    done = subprocess.run([PROGRAM, *words], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == run(*words).stdout != ""


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
    listed = {row["username"]: row for row in as_json(run("user", "list", "--json"))}
    assert (listed["ana"]["roles"], listed["ana"]["operator"]) == ({"shop": "owner"}, False)
    assert "owner of shop" in run("user", "list").stdout
    changed = run("user", "password", "Ana", "--password", "another long enough one")
    assert (changed.returncode, "signed out everywhere" in changed.stdout) == (0, True)
    weak = run("user", "password", "ana", "--password", "short")
    assert (weak.returncode, "at least 10" in weak.stderr) == (1, True)
    nobody = run("user", "password", "nobody", "--password", "another long enough one")
    assert (nobody.returncode, "There is no user named nobody" in nobody.stderr) == (1, True)


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


def test_a_customer_is_exported_and_erased(run: Run, shop: Path, tmp_path: Path) -> None:
    assert shop.exists()
    unknown = run("privacy", "erase", "-p", "shop", "--customer", "nobody", "--yes")
    assert (unknown.returncode, "Nothing is kept of a customer with that id" in unknown.stderr) == (1, True)
    both = run("privacy", "erase", "-p", "shop", "--customer", "x", "--conversation", "y")
    assert "Name one of --conversation and --customer" in both.stderr
    missing = run("privacy", "export", "-p", "shop", "--customer", "nobody", "--out", str(tmp_path / "x.json"))
    assert missing.returncode == 1
    assert not (tmp_path / "x.json").exists()
    assert as_json(run("privacy", "retention", "-p", "shop", "--json")) is None
    assert as_json(run("privacy", "receipts", "-p", "shop", "--json")) == []


def test_prompts_are_saved_compared_activated_and_taken_back(run: Run, shop: Path, tmp_path: Path) -> None:
    assert shop.exists()
    shipped = run("prompts", "show", "reply", "-p", "shop").stdout
    assert "{{ company }}" in shipped
    file = tmp_path / "reply.md"
    file.write_text(shipped + "\nNever say “hello”.\n")
    saved = run("prompts", "save", "reply", str(file), "-p", "shop", "--note", "no hello")
    assert saved.stdout == "Saved reply 1.\n", saved.stderr
    again = run("prompts", "save", "reply", str(file), "-p", "shop", "--activate")
    assert again.stdout == "The same text is there already: reply 1, in use from now on.\n"
    assert run("prompts", "show", "reply", "-p", "shop").stdout == file.read_text()
    diff = run("prompts", "diff", "reply", "-p", "shop", "--from", "default", "--to", "1").stdout
    assert diff.startswith("--- reply default ")
    assert "\n+Never say “hello”.\n" in diff
    rows = as_json(run("prompts", "list", "-p", "shop", "--json"))
    versions = {row["name"]: row["versions"] for row in rows}
    assert versions == {"reply": 1, "analysis": 0, "comments": 0, "rewrite": 0}
    assert run("prompts", "back", "reply", "-p", "shop").stdout.endswith("is in use, in place of reply 1.\n")
    assert run("prompts", "activate", "reply", "1", "-p", "shop").stdout.startswith("reply 1 is in use")
    file.write_text("{{ password }}")
    for words, sentence in (
        (("save", "reply", str(file)), "There is no variable password"),
        (("activate", "reply", "7"), "has no version 7"),
        (("activate", "reply", "newest"), "is no version"),
        (("show", "weather"), "There is no prompt"),
        (("back", "rewrite"), "Nothing was active before"),
    ):
        refused = run("prompts", *words, "-p", "shop")
        assert (refused.returncode, sentence in refused.stderr) == (1, True), refused.stderr


def test_conversations_are_analysed_at_once(run: Run, shop: Path, tmp_path: Path) -> None:
    assert shop.exists()
    made = run("project", "create", "care", "--json")
    assert made.returncode == 0, made.stderr
    file = tmp_path / "talks.jsonl"
    turns = [{"role": "customer", "text": "Is breakfast included?"}, {"role": "bot", "text": "Yes, it is."}]
    file.write_text("\n".join(json.dumps({"id": str(number), "turns": turns}) for number in range(12)))
    imported = run("conversations", "import", str(file), "--project", "care")
    assert imported.returncode == 0, imported.stderr
    some = run("analyse", "--project", "care", "--limit", "5")
    assert some.returncode == 0, some.stderr
    assert some.stdout.startswith("care: done; 5 done, 0 left, 0 parked;")
    (rest,) = as_json(run("analyse", "--project", "care", "--json"))
    assert (rest["project"], rest["state"], rest["done"], rest["kind"]) == ("care", "done", 7, "manual")
    assert run("analyse", "--project", "care").stdout == "Nothing is due.\n"
    asked = run("analyse", "--project", "care", "--again")
    assert asked.returncode == 1
    assert "care: 12 conversations" in asked.stderr
    (again,) = as_json(run("analyse", "--project", "care", "--again", "--yes", "--json"))
    assert (again["kind"], again["done"]) == ("again", 12)
    status = as_json(run("analyse", "status", "--project", "care", "--json"))
    assert [(run["kind"], run["done"]) for run in status["runs"]] == [
        ("again", 12),
        ("manual", 0),
        ("manual", 7),
        ("manual", 5),
    ]
    assert "done" in run("analyse", "status", "--project", "care").stdout
    for command in ("pause", "resume", "cancel"):
        refused = run("analyse", command, "--project", "care")
        assert (refused.returncode, refused.stderr.startswith("Nothing is being analysed")) == (1, True)
        ended = run("analyse", command, "--project", "care", "--run", again["id"])
        assert (ended.returncode, "has ended" in ended.stderr) == (1, True)
    nothing = run("analyse", "retry", "--project", "care")
    assert (nothing.returncode, nothing.stderr.count("\n")) == (1, 1)
    assert run("analyse", "--project", "nowhere").returncode == 1
