"""An installation as a whole: serve it, work for it, migrate it, fill it, look at it."""

from typing import TYPE_CHECKING, Annotated

import typer

from ouvidor.cli.running import AsJson, show, with_runtime

if TYPE_CHECKING:
    from ouvidor.runtime import Runtime

app = typer.Typer()


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
