"""API keys of a project."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ouvidor.cli.running import AsJson, InProject, day, show, with_runtime

if TYPE_CHECKING:
    from ouvidor.runtime import Runtime

app = typer.Typer(name="key", no_args_is_help=True, help="API keys of a project.")


@app.command("list")
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
            ends = "revoked" if row["revoked_at"] else day(row["expires_at"])
            scopes = ", ".join(row["scopes"])
            table.add_row(str(row["id"]), row["label"], row["hint"], scopes, day(row["last_used_at"]), ends)
        Console(markup=False).print(table)

    show(rows, as_json, plain)


@app.command("create")
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


@app.command("revoke")
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
