"""Who belongs to a project, and as what."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ouvidor.accounts.permissions import Role
from ouvidor.cli.running import AsJson, InProject, day, show, with_runtime

if TYPE_CHECKING:
    from ouvidor.runtime import Runtime

app = typer.Typer(name="member", no_args_is_help=True, help="Who belongs to a project, and as what.")


@app.command("list")
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
            table.add_row(row["username"], row["name"], row["role"], day(row["joined_at"]))
        for row in found["invitations"]:
            table.add_row("(invited)", row["invitee"], row["role"], f"until {day(row['expires_at'])}")
        Console(markup=False).print(table)

    show(found, as_json, plain)


@app.command("role")
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


@app.command("remove")
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


@app.command("invite")
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
    told = f"Give this link to {invitee}; it is shown only now and ends on {day(made['expires_at'])}:\n{made['link']}"
    show(made, as_json, lambda: typer.echo(told))
