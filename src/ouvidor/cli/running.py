"""What every command needs: the runtime while it runs, what it prints, the options that many share."""

import json
from collections.abc import Callable, Coroutine
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from datetime import datetime

    from ouvidor.engines.embeddings import Embedder
    from ouvidor.runtime import Runtime

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Pairs = list[str]
ROWS_LEFT_OUT = 2
"""Exit code where rows of a file could not be read and the rest has landed."""
InProject = Annotated[str, typer.Option("--project", "-p", help="Name of the project.")]
Encoding = Annotated[str, typer.Option(help="Of a file; Excel's CSV is often cp1252.")]
Zone = Annotated[str, typer.Option(help="Of times that name none, such as America/Sao_Paulo.")]
TimeFormat = Annotated[str | None, typer.Option(help="Of times that are not ISO 8601, such as '%d/%m/%Y %H:%M'.")]
T = TypeVar("T")


def with_runtime(deed: "Callable[[Runtime], Coroutine[Any, Any, T]]") -> T:
    """Open what runs on the configured database, do the deed, close everything."""
    from ouvidor.errors import Misconfigured
    from ouvidor.logs import configure_logging
    from ouvidor.migrations.run import is_current, upgrade
    from ouvidor.runtime import database_address, open_runtime
    from ouvidor.settings import read_settings

    import_module("ouvidor.tables")  # so that every key to a table of another domain is resolved
    settings = read_settings()
    configure_logging(settings.log_format, settings.log_level, quiet=True)
    with database_address(settings) as address:
        if settings.database_url is None:
            upgrade(address.url)
        elif not is_current(address.url):
            raise Misconfigured("The database has an older form: run `ouvidor migrate` first.")

        async def run() -> T:
            async with open_runtime(settings, address) as rt:
                return await deed(rt)

        return _finish(run())


def with_embedder(deed: "Callable[[Embedder], Coroutine[Any, Any, T]]") -> T:
    """Do the deed with this installation's embedder; a database is opened only where vectors come from a server."""
    from ouvidor.engines.embeddings import load_embedder
    from ouvidor.logs import configure_logging
    from ouvidor.settings import read_settings

    settings = read_settings()
    if settings.embedding_model is not None:
        return with_runtime(lambda rt: deed(rt.embedder))
    configure_logging(settings.log_format, settings.log_level, quiet=True)
    return _finish(deed(load_embedder(settings.data_dir, settings.model_dir, settings.embedding_threads)))


def _finish(deed: "Coroutine[Any, Any, T]") -> T:
    """Do the deed to its end; told to stop it puts away what it has begun, and the exit code is 130."""
    import asyncio
    import signal

    async def run() -> T:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await deed

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


def day(moment: "datetime | None") -> str:
    """The day as 2026-11-21, or – where there is none."""
    return "–" if moment is None else f"{moment:%Y-%m-%d}"
