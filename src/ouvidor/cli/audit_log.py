"""Who did what."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ouvidor.cli.running import AsJson, InProject, show, with_runtime

if TYPE_CHECKING:
    from ouvidor.runtime import Runtime

app = typer.Typer()


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
