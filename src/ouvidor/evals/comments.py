"""How well comments are classified, on a labelled CSV file, and whether that is good enough."""

import csv
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ouvidor.csv_cells import restored
from ouvidor.engines.embeddings import Embedder
from ouvidor.errors import Unprocessable
from ouvidor.feedback.classification import Classification
from ouvidor.feedback.classifier import Trained, classifier_for, classify
from ouvidor.feedback.measures import accuracy, calibration_error, confusion, macro_f1, of_categories, places
from ouvidor.feedback.taxonomy import DEFAULT, Taxonomy
from ouvidor.text import fold

TEXT, CATEGORY = "texto", "categoria"
WARM_UP = 20


@dataclass(frozen=True)
class Floor:
    """The least recall, precision and F1 of a category, 0 to 1."""

    recall: float
    precision: float
    f1: float


# What clients of the comments contract were promised.
FLOORS: Mapping[str, Floor] = {
    "praise": Floor(0.60, 0.60, 0.60),
    "criticism": Floor(0.65, 0.65, 0.65),
    "suggestion": Floor(0.50, 0.60, 0.70),
    "question": Floor(0.65, 0.65, 0.65),
    "spam": Floor(0.80, 0.80, 0.80),
}


@dataclass(frozen=True)
class CommentCase:
    """A comment and the code of the category that is right."""

    text: str
    category: str


def read_comments(path: Path, taxonomy: Taxonomy = DEFAULT) -> list[CommentCase]:
    """The rows of a CSV file (comma or semicolon, UTF-8) with the columns texto and categoria.

    A label that a text begins with ("ELOGIO: adorei") is taken off: it would give the answer away. So is the apostrophe
    that our exports put before what a spreadsheet would run.

    Raises:
        Unprocessable: the file cannot be read, lacks a column, names an unknown category, or holds no row.
    """
    try:
        written = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Unprocessable(f"{path} cannot be read: {error}") from None
    first = written.partition("\n")[0]
    reader = csv.DictReader(written.splitlines(keepends=True), delimiter=";" if ";" in first else ",", strict=True)
    columns = {name.strip().lower(): name for name in reader.fieldnames or []}
    if missing := [name for name in (TEXT, CATEGORY) if name not in columns]:
        raise Unprocessable(f"{path} has no column {missing[0]}.")
    cases: list[CommentCase] = []
    try:
        for row in reader:
            code = taxonomy.code_named(row[columns[CATEGORY]] or "")
            if code is None:
                raise Unprocessable(f"{path}, line {reader.line_num}: unknown category {row[columns[CATEGORY]]!r}.")
            cases.append(CommentCase(without_label(restored(row[columns[TEXT]] or ""), taxonomy), code))
    except csv.Error as error:
        raise Unprocessable(f"{path}, line {reader.line_num}: {error}") from None
    if not cases:
        raise Unprocessable(f"{path} holds no cases.")
    return cases


def without_label(text: str, taxonomy: Taxonomy = DEFAULT) -> str:
    """The text without a category's name or code at its beginning, in brackets or before a colon or a dash."""
    words = {fold(name) for one in taxonomy.categories for name in (one.code, *one.names.values())}
    found = re.match(r"\s*(?:[\[(]\s*([^\])]{1,60}?)\s*[\])]\s*[:–—-]?|([^:–—\[\]()-]{1,60}?)\s*[:–—-])\s*(?=\S)", text)
    label = found and (found[1] or found[2])
    return text[found.end() :] if found and label and fold(label.strip(" *_\"'")) in words else text


async def run_comments(
    cases: Sequence[CommentCase], embedder: Embedder, taxonomy: Taxonomy = DEFAULT, trained: Trained | None = None
) -> dict[str, Any]:
    """Accuracy, macro-F1, recall, precision and F1 of each category by name, confusion (true name, then given name).

    `calibration_error` is debiased (see `measures`); `per_second` holds everything from text to answer, but not the
    loading of the model.
    """
    classifier = await classifier_for(taxonomy, embedder, trained)
    texts = [case.text for case in cases]
    await classify(texts[:WARM_UP], classifier, embedder)
    began = time.perf_counter()
    found = await classify(texts, classifier, embedder)
    return figures_of(cases, found, taxonomy, time.perf_counter() - began)


def figures_of(
    cases: Sequence[CommentCase], found: Sequence[Classification], taxonomy: Taxonomy, seconds: float
) -> dict[str, Any]:
    """The figures of `run_comments` for these classifications, made in so many seconds."""
    codes = taxonomy.codes
    truth, given = (places(codes, [one.category for one in some]) for some in (cases, found))
    counts = confusion(truth, given, len(codes))
    names = [one.name(taxonomy.language) for one in taxonomy.categories]
    confidences = np.array([one.confidence for one in found])
    return {
        "cases": len(cases),
        "accuracy": round(accuracy(counts), 4),
        "macro_f1": round(macro_f1(counts), 4),
        "per_category": {
            name: {key: round(value, 4) for key, value in asdict(one).items()}
            for name, one in zip(names, of_categories(counts), strict=True)
        },
        "confusion": {
            name: dict(zip(names, row, strict=True)) for name, row in zip(names, counts.tolist(), strict=True)
        },
        "calibration_error": round(calibration_error(confidences, truth == given), 4),
        "per_second": round(len(cases) / max(seconds, 1e-9), 1),
    }


def under_floor(
    figures: Mapping[str, Any], floors: Mapping[str, Floor] = FLOORS, taxonomy: Taxonomy = DEFAULT
) -> list[str]:
    """One sentence for each measure below its floor; categories without cases or floors are left out."""
    short: list[str] = []
    for category in taxonomy.categories:
        floor = floors.get(category.code)
        measured: Mapping[str, float] = figures["per_category"].get(category.name(taxonomy.language), {})
        if floor is None or not measured.get("support"):
            continue
        short += [
            f"{category.name(taxonomy.language)}: {name} {measured[name]:.2f} is under {least:.2f}."
            for name, least in asdict(floor).items()
            if measured[name] < least
        ]
    return short


def read_floors(written: Sequence[str], taxonomy: Taxonomy = DEFAULT) -> Mapping[str, Floor]:
    """Floors written NAME=RECALL/PRECISION/F1, by code; those of the contract where none is given.

    Raises:
        Unprocessable: one is not written so.
    """
    if not written:
        return FLOORS
    floors: dict[str, Floor] = {}
    for one in written:
        name, _, numbers = one.partition("=")
        code = taxonomy.code_named(name)
        try:
            recall, precision, f1 = (float(number) for number in numbers.split("/"))
        except ValueError:
            raise Unprocessable(f"{one!r} is no floor: write NAME=RECALL/PRECISION/F1, as in SPAM=.8/.8/.8.") from None
        if code is None:
            raise Unprocessable(f"{name!r} is no category.")
        floors[code] = Floor(recall, precision, f1)
    return floors
