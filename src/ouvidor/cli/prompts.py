"""What a language model is told to do."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ouvidor.cli.running import AsJson, InProject, show, with_runtime

if TYPE_CHECKING:
    from ouvidor.prompts.store import Wanted
    from ouvidor.runtime import Runtime

app = typer.Typer(name="prompts", no_args_is_help=True, help="What a language model is told to do.")

PromptName = Annotated[str, typer.Argument(help="reply or rewrite; `ouvidor prompts list` tells.")]


@app.command("list")
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


@app.command("show")
def prompts_show(
    name: PromptName,
    project: InProject,
    version: Annotated[str, typer.Option(help="A number, `default`, or `active`.")] = "active",
) -> None:
    """Print a prompt's text, ready to be edited in a file."""
    from ouvidor.prompts.command import read_text

    typer.echo(with_runtime(lambda rt: read_text(rt, project, name, version)).text, nl=False)


@app.command("save")
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


@app.command("activate")
def prompts_activate(
    name: PromptName, version: Annotated[str, typer.Argument(help="A number, or `default`.")], project: InProject
) -> None:
    """Use another version from the next message on."""
    from ouvidor.prompts.command import wanted_version

    _activate_prompt(name, wanted_version(version), project)


@app.command("back")
def prompts_back(name: PromptName, project: InProject) -> None:
    """Use again what was in use before; twice leads two versions back."""
    _activate_prompt(name, "previous", project)


@app.command("diff")
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
