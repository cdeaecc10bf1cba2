"""People who sign in on the pages."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ouvidor.accounts.permissions import Role
from ouvidor.cli.running import AsJson, show, with_runtime

if TYPE_CHECKING:
    from ouvidor.runtime import Runtime

app = typer.Typer(name="user", no_args_is_help=True, help="People who sign in on the pages.")


@app.command("create")
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


@app.command("list")
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


@app.command("password")
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
