"""What every command needs: the runtime while it runs, what it prints, the options that many share."""

import json
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from datetime import datetime

    from ouvidor.runtime import Runtime

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
InProject = Annotated[str, typer.Option("--project", "-p", help="Name of the project.")]
T = TypeVar("T")


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


def day(moment: "datetime | None") -> str:
    """The day as 2026-11-21, or – where there is none."""
    return "–" if moment is None else f"{moment:%Y-%m-%d}"
