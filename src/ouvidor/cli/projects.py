"""Projects: the tenants."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ouvidor.cli.running import AsJson, show, with_runtime

if TYPE_CHECKING:
    from ouvidor.runtime import Runtime

app = typer.Typer(name="project", no_args_is_help=True, help="Projects: the tenants.")

Masking = Annotated[
    bool | None,
    typer.Option(
        "--mask-personal-data/--no-mask-personal-data", help="Whether a language model sees customers' data masked."
    ),
]
MAY_BE_MISSING = ("relevance_gate", "retention_days", "analysis_budget")
Phrases = Annotated[
    list[str] | None, typer.Option(help="transfer.pt=Wording; nothing after = is the default. Repeat for several.")
]


@app.command("create")
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


@app.command("list")
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


@app.command("set")
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
    mask_personal_data: Masking = None,
    persona: Annotated[str | None, typer.Option(help="How the bot presents itself.")] = None,
    languages: Annotated[str | None, typer.Option(help="pt, en, or both by comma; the preferred one first.")] = None,
    phrase: Phrases = None,
    analysis_goal: Annotated[str | None, typer.Option(help="What should come of a conversation.")] = None,
    analysis_budget: Annotated[str | None, typer.Option(help="Dollars a month, or `none`: no limit.")] = None,
    analysis_idle_minutes: Annotated[str | None, typer.Option(help="Silence before an analysis, 1 to 10080.")] = None,
    analysis_paused: Annotated[bool | None, typer.Option(help="Whether nothing is analysed.")] = None,
    as_json: AsJson = False,
) -> None:
    """Change a project's rules and phrases; what is not named stays."""
    from ouvidor.accounts.audit import COMMAND
    from ouvidor.accounts.projects import change_project, project_named, read_changes, rule_of

    given = {
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
        "analysis_goal": analysis_goal,
        "analysis_budget": analysis_budget,
        "analysis_idle_minutes": analysis_idle_minutes,
        "analysis_paused": analysis_paused,
    }
    changes = read_changes(_values(given, languages, phrase or ()))

    async def deed(rt: "Runtime") -> dict[str, Any]:
        async with rt.db.begin() as session:
            found = await project_named(session, name)
            changed = await change_project(session, found.id, changes, actor=COMMAND, now=rt.clock())
            return {field: rule_of(changed, field) for field in type(changes).model_fields}

    rules_now = with_runtime(deed)
    told = "\n".join(f"{field}: {value}" for field, value in rules_now.items())
    show(rules_now, as_json, lambda: typer.echo(told))


def _values(given: Mapping[str, Any], languages: str | None, phrases: Iterable[str]) -> dict[str, Any]:
    """What the options name, as `read_changes` reads it; the text `none` takes away a value that may be missing.

    Raises:
        Unprocessable: a phrase does not say its wording.
    """
    from ouvidor.errors import Unprocessable

    values: dict[str, Any] = {field: value for field, value in given.items() if value is not None}
    values |= {field: None for field in MAY_BE_MISSING if given[field] == "none"}
    if languages is not None:
        values["languages"] = [language.strip() for language in languages.split(",")]
    for worded in phrases:
        named, equals, wording = worded.partition("=")
        if not equals:
            raise Unprocessable(f"Write --phrase {named}=Wording, or --phrase {named}= for the default.")
        occasion, _, language = named.partition(".")
        values.setdefault("phrases", {}).setdefault(occasion, {})[language] = wording
    return values
