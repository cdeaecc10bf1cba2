"""Measure search, decisions, masking, analyses and comments on labelled files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ouvidor.cli.running import AsJson, show, with_embedder, with_runtime

app = typer.Typer(name="evals", no_args_is_help=True, help="Measure the local engine and search on labelled files.")
run_app = typer.Typer(name="run", no_args_is_help=True, help="Run an evaluation.")
app.add_typer(run_app)


@run_app.command("retrieval")
def evals_retrieval(
    sections: Annotated[Path, typer.Option(help="JSONL of sections.")],
    queries: Annotated[Path, typer.Option(help="JSONL of {query, relevant_ids}.")],
    as_json: AsJson = False,
) -> None:
    """Measure search: hit@1, hit@5, hit@10, MRR@10, time per query."""
    from ouvidor.evals.retrieval import run_retrieval

    _evaluate(run_retrieval, sections, queries, as_json)


@run_app.command("decisions")
def evals_decisions(
    sections: Annotated[Path, typer.Option(help="JSONL of sections.")],
    cases: Annotated[Path, typer.Option(help="JSONL of {query, answerable, relevant_ids?}.")],
    as_json: AsJson = False,
) -> None:
    """Measure whether the score of answering tells what can be answered from what cannot."""
    from ouvidor.evals.decisions import run_decisions

    _evaluate(run_decisions, sections, cases, as_json)


@run_app.command("golden")
def evals_golden(
    sections: Annotated[Path, typer.Option(help="JSONL of sections.")],
    cases: Annotated[Path, typer.Option(help="JSONL of {query, expect, kind, relevant_ids}.")],
    as_json: AsJson = False,
) -> None:
    """Ask golden questions through the whole turn and count right moves."""
    from ouvidor.evals.golden import run_golden

    _evaluate(run_golden, sections, cases, as_json)


@run_app.command("masking")
def evals_masking(
    cases: Annotated[Path, typer.Option(help="JSONL of {text, language, values: [{kind, value}]}.")],
    as_json: AsJson = False,
) -> None:
    """Measure masking: recall and precision, over all kinds of personal data and of each."""
    from ouvidor.evals.masking import run_masking

    _print_figures(run_masking(cases), as_json)


@run_app.command("comments")
def evals_comments(
    cases: Annotated[Path | None, typer.Option(help="CSV with the columns texto and categoria.")] = None,
    project: Annotated[
        str | None,
        typer.Option("--project", "-p", help="Its taxonomy and classifier; without --cases what its people corrected."),
    ] = None,
    floor: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=R/P/F1", help="Least recall, precision and F1 of a category; may be repeated."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure the local classifier of comments; exit code 1 where a category is under its floor.

    Corrected comments are mostly those that it was not sure of: they are held to floors only where --floor gives some.
    """
    from ouvidor.evals.comments import read_comments, read_floors, run_comments, under_floor
    from ouvidor.evals.own_comments import run_for_project

    if project is not None:
        measured = with_runtime(lambda rt: run_for_project(rt, project, cases, floor or []))
        figures, short = measured.figures, measured.short
    elif cases is not None:
        floors, read = read_floors(floor or []), read_comments(cases)
        figures = with_embedder(lambda embedder: run_comments(read, embedder))
        short = under_floor(figures, floors)
    else:
        raise typer.BadParameter("give --cases, --project, or both")
    if as_json:
        show(figures, as_json, lambda: None)
    else:
        _print_comments(figures)
    for sentence in short:
        typer.echo(sentence, err=True)
    if short:
        raise typer.Exit(1)


def _print_comments(figures: Mapping[str, Any]) -> None:
    """The plain figures, then a row for each category, then who was taken for whom."""
    from rich.console import Console
    from rich.table import Table

    _print_figures({name: value for name, value in figures.items() if not isinstance(value, dict)}, False)
    names = list(figures["confusion"])
    table = Table("Category", "Recall", "Precision", "F1", "Cases", *(f"as {name}" for name in names))
    for name, one in figures["per_category"].items():
        shares = [f"{one[key]:.2f}" for key in ("recall", "precision", "f1")]
        row = [str(count) for count in figures["confusion"][name].values()]
        table.add_row(name, *shares, str(one["support"]), *row)
    Console().print(table)


@run_app.command("analysis")
def evals_analysis(
    cases: Annotated[
        Path,
        typer.Option(help="JSONL of {turns: [{role, text}], satisfied?, goal_done?, user_annoyed?, satisfaction?}."),
    ],
    cross_validate: Annotated[
        str | None,
        typer.Option(
            metavar="GROUP", help="Train without the group that is scored: a field of the rows, such as task."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure the local analyst: AUROC, error and rank correlation of satisfaction, conversations a second."""
    from ouvidor.evals.analysis import run_analysis

    figures = run_analysis(cases, cross_validate)
    _print_figures(figures if as_json else _flat(figures), as_json)


def _flat(figures: Mapping[str, Any]) -> Mapping[str, float | None]:
    """Figures within figures under names of their own, for the table."""
    nested: list[tuple[str, Mapping[str, float | None]]] = [(k, v) for k, v in figures.items() if isinstance(v, dict)]
    plain = {name: value for name, value in figures.items() if not isinstance(value, dict)}
    return plain | {f"{name} {inner}": value for name, values in nested for inner, value in values.items()}


def _evaluate(deed: Any, sections: Path, cases: Path, as_json: bool) -> None:
    """Run an evaluation with its progress on stderr, then print the figures."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=as_json) as bar:
        task = bar.add_task("Sections imported, then questions", total=None)

        def progress(done: int, total: int) -> None:
            bar.update(task, description="Questions", completed=done, total=total)

        figures: dict[str, float | None] = with_runtime(lambda rt: deed(rt, sections, cases, progress))
    _print_figures(figures, as_json)


def _print_figures(figures: Mapping[str, Any], as_json: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    def plain() -> None:
        table = Table("Figure", "Value")
        for name, value in figures.items():
            table.add_row(name, "–" if value is None else f"{value:g}")
        Console().print(table)

    show(figures, as_json, plain)
