"""How much a project's own corrections are worth: macro-F1 on comments held out, by how many were corrected.

    python bench/learn_comments.py [FILE.csv ...] [--draws 3] [--words-alone]

Without files the comments of the demo (of which we know what they were written as); files have the columns texto and
categoria, and labels of any kind: what the default taxonomy does not have becomes a taxonomy of names alone. Half of
the comments are held out. Of the others so many are corrected: at random, and as the page brings them, those first of
which the classifier is least sure. `promoted` tells whether the training would have been put into use.
"""

import argparse
import asyncio
import csv
import random
import re
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ouvidor.demo.comments import past_comments, planted
from ouvidor.engines.embeddings import Embedder, NoEmbedder, load_embedder
from ouvidor.feedback.classification import Classification
from ouvidor.feedback.classifier import classifier_for, classify, compare_corrections, learn
from ouvidor.feedback.examples import Example
from ouvidor.feedback.learning.train import WEIGHT
from ouvidor.feedback.measures import confusion, macro_f1, places
from ouvidor.feedback.taxonomy import DEFAULT, Category, Taxonomy
from ouvidor.settings import default_data_dir
from ouvidor.text import detect_language, fold

SIZES = (25, 50, 100, 200)
SEED = 20261121


@dataclass(frozen=True)
class Case:
    text: str
    category: str


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("files", nargs="*", type=Path)
    arguments.add_argument("--draws", type=int, default=3)
    arguments.add_argument("--words-alone", action="store_true")
    given = arguments.parse_args()
    words_alone = NoEmbedder("left out")
    embedder = words_alone if given.words_alone else load_embedder(default_data_dir(), None, threads=2)
    asyncio.run(run(given.files, given.draws, embedder))


async def run(files: Sequence[Path], draws: int, embedder: Embedder) -> None:
    print("with vectors" if embedder.available else "by words alone")
    for name, cases in [(path.name, read(path)) for path in files] or [("demo", of_demo())]:
        await report(name, cases, draws, embedder)


def of_demo() -> list[Case]:
    known = planted()
    return [Case(row["texto"], known[row["id"]].category) for row in past_comments()]


def read(path: Path) -> list[Case]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [Case(row["texto"], row["categoria"]) for row in csv.DictReader(file) if row["texto"].strip()]


def taxonomy_of(cases: Sequence[Case]) -> tuple[Taxonomy, list[Case]]:
    """The default taxonomy where it has every label, else one of the labels' names alone; the cases by code."""
    if all(DEFAULT.code_named(case.category) for case in cases):
        return DEFAULT, [Case(case.text, DEFAULT.code_named(case.category) or "") for case in cases]
    labels = sorted({case.category for case in cases})
    codes = {label: re.sub(r"[^a-z0-9]+", "_", fold(label)).strip("_")[:40] or "x" for label in labels}
    found = Taxonomy(categories=tuple(Category(code=codes[label], names={"pt": label}) for label in labels))
    return found, [Case(case.text, codes[case.category]) for case in cases]


async def report(name: str, cases: Sequence[Case], draws: int, embedder: Embedder) -> None:
    taxonomy, cases = taxonomy_of(cases)
    print(f"\n{name}: {len(cases)} comments, {len(taxonomy.codes)} categories, {draws} draws")
    print("corrected      macro-F1 held out       promoted  seconds")
    scores: dict[tuple[str, int], list[tuple[float, bool, float]]] = {}
    for draw in range(draws):
        shuffled = list(cases)
        random.Random(SEED + draw).shuffle(shuffled)
        half = len(shuffled) // 2
        held, pool = shuffled[:half], shuffled[half:]
        base = await learn(taxonomy, embedder) if taxonomy is not DEFAULT else None
        classifier = await classifier_for(taxonomy, embedder, base)
        first = await classify([case.text for case in held], classifier, embedder)
        scores.setdefault(("", 0), []).append((score(taxonomy, held, first), True, 0.0))
        sure = await classify([case.text for case in pool], classifier, embedder)
        by_doubt = [case for _, case in sorted(zip(sure, pool, strict=True), key=lambda pair: pair[0].confidence)]
        for way, order in (("at random", pool), ("least sure first", by_doubt)):
            for size in SIZES:
                found = await taught(taxonomy, order[:size], held, embedder)
                scores.setdefault((way, size), []).append(found)
    for (way, size), found in scores.items():
        f1 = [one[0] for one in found]
        spread = f"{min(f1):.3f} to {max(f1):.3f}"
        kept = f"{sum(one[1] for one in found)} of {len(found)}" if size else "-"
        print(f"{size:4} {way:17} {statistics.mean(f1):.3f} ({spread})  {kept:>8}  {found[0][2]:.1f}")


async def taught(
    taxonomy: Taxonomy, corrected: Sequence[Case], held: Sequence[Case], embedder: Embedder
) -> tuple[float, bool, float]:
    """Macro-F1 on what is held out with these corrections, whether they would be put to use, and how long it took."""
    began = time.perf_counter()
    lesson = [
        Example(text=case.text, category=case.category, language=detect_language(case.text, "pt"), weight=WEIGHT)
        for case in corrected
    ]
    comparison = await compare_corrections(taxonomy, embedder, [], lesson)
    trained = await learn(taxonomy, embedder, lesson)
    taken = time.perf_counter() - began
    classifier = await classifier_for(taxonomy, embedder, trained)
    found = await classify([case.text for case in held], classifier, embedder)
    return score(taxonomy, held, found), comparison.promoted, taken


def score(taxonomy: Taxonomy, held: Sequence[Case], found: Sequence[Classification]) -> float:
    truth, given = (places(taxonomy.codes, [one.category for one in some]) for some in (held, found))
    return macro_f1(confusion(truth, given, len(taxonomy.codes)))


if __name__ == "__main__":
    main()
