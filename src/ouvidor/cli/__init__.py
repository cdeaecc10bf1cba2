"""The command line: thin commands; each imports what it needs when it runs, so that `--help` answers at once."""

from importlib import import_module

import typer

# One file each, in the order of `--help`.
GROUPS = (
    "installation",
    "audit_log",
    "ask",
    "projects",
    "keys",
    "members",
    "users",
    "knowledge",
    "conversations",
    "analyse",
    "comments",
    "classify",
    "privacy",
    "prompts",
    "model",
    "evals",
)

app = typer.Typer(no_args_is_help=True, help="Customer care that a company can audit.", pretty_exceptions_enable=False)
for group in GROUPS:
    app.add_typer(import_module(f"ouvidor.cli.{group}").app)


def main() -> None:
    """Run the command; an expected error is one sentence on stderr and exit code 1."""
    from ouvidor.errors import OuvidorError

    try:
        app()
    except OuvidorError as error:
        typer.secho(error.detail, fg="red", err=True)
        raise SystemExit(1) from None
