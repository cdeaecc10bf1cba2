"""Trains the local comment classifier, tells how good it is on domains not trained on, and writes what ships.

    python bench/train_comments.py [--intents TRAIN CASES] [--write]

Our own examples (src/ouvidor/feedback/examples.jsonl) are the only training data. Each domain is judged by a model that
saw none of it, with vectors and without. `--intents` takes two files of {text, label} (CLINC150): ten random intents,
three examples each, DRAWS times. Without --write it tells what would be written (local/weights.zip).
"""

import argparse
import asyncio
import json
import time
from pathlib import Path

import numpy as np

from ouvidor.engines.embeddings import Embedder, load_embedder
from ouvidor.feedback import local
from ouvidor.feedback.classifier import WEIGHTS, Trained, classifier_for, classify, learn
from ouvidor.feedback.examples import Example, near_duplicates, own_examples
from ouvidor.feedback.local.features import Features, features_of
from ouvidor.feedback.local.model import Model
from ouvidor.feedback.local.train import category_task, cross_validate, sentiment_task, train
from ouvidor.feedback.measures import accuracy, confusion, macro_f1, of_categories, places
from ouvidor.feedback.taxonomy import DEFAULT, Category, Taxonomy
from ouvidor.knowledge.embedding import embed_texts, vectors_name
from ouvidor.settings import default_data_dir

TARGET = Path(local.__file__).with_name(WEIGHTS)
DRAWS, INTENTS, SHOTS = 12, 10, 3
SEED = 20261121


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--intents", nargs=2, type=Path)
    arguments.add_argument("--write", action="store_true")
    given = arguments.parse_args()
    asyncio.run(run(given.intents, write=given.write))


async def run(intents: list[Path] | None, *, write: bool) -> None:
    embedder = load_embedder(default_data_dir(), None, threads=2)
    if not embedder.available:
        raise SystemExit("No embedding model is installed: run `ouvidor model install`.")
    examples = own_examples()
    vectors = await embed_texts(embedder, [one.text for one in examples], [one.language for one in examples])
    print(f"{len(examples)} examples; near-duplicates: {near_duplicates(vectors)}")
    features = features_of([one.text for one in examples], [one.language for one in examples], vectors)
    by_vectors = report("with vectors", examples, features)
    by_words = report("by words alone", examples, features.without_vectors())
    trained = Trained(by_words, by_vectors, vectors_name(embedder))
    if write:
        TARGET.write_bytes(trained.to_bytes())
        print(f"wrote {TARGET}, {TARGET.stat().st_size} bytes")
    if intents:
        await few_shot(embedder, *intents)


def report(title: str, examples: tuple[Example, ...], features: Features) -> Model:
    """Train, and tell how good the model is where it never was."""
    began = time.process_time()
    model = train(examples, features, DEFAULT.codes)
    taken = time.process_time() - began
    task = category_task(examples, model.category.scaling, features, DEFAULT.codes)
    given = cross_validate(task).argmax(axis=1)
    print(f"\n{title}: trained and cross-validated in {taken:.1f} s of one core, {len(model.to_bytes())} bytes")
    measured = {name: value for name, value in vars(model.measured).items() if name != "bins"}
    print(measured, f"temperature {model.category.temperature:.2f}")
    counts = confusion(task.labels, given, len(DEFAULT.codes))
    for code, one in zip(DEFAULT.codes, of_categories(counts), strict=True):
        print(f"  {code:11} recall {one.recall:.3f} precision {one.precision:.3f} f1 {one.f1:.3f} of {one.support}")
    for field in ("language", "domain"):
        for value in sorted({getattr(one, field) for one in examples}):
            chosen = np.array([getattr(one, field) == value for one in examples])
            score = macro_f1(confusion(task.labels[chosen], given[chosen], len(DEFAULT.codes)))
            print(f"  {value:11} macro-F1 {score:.3f} of {int(chosen.sum())}")
    toned = sentiment_task(examples, model.sentiment.scaling, features)
    feelings = confusion(toned.labels, cross_validate(toned).argmax(axis=1), len(toned.classes))
    print(f"  sentiment   macro-F1 {macro_f1(feelings):.3f}, accuracy {accuracy(feelings):.3f}")
    return model


async def few_shot(embedder: Embedder, train_file: Path, cases_file: Path) -> None:
    """Macro-F1 of taxonomies that have but names and three examples a category."""
    known, asked = by_label(train_file), by_label(cases_file)
    labels = sorted(known.keys() & asked.keys())
    scores: list[float] = []
    for draw in range(DRAWS):
        chance = np.random.default_rng([SEED, draw])
        chosen = [str(one) for one in chance.choice(labels, INTENTS, replace=False)]
        shots = {one: tuple(str(text) for text in chance.choice(known[one], SHOTS, replace=False)) for one in chosen}
        categories = tuple(
            Category(code=one, names={"en": one.replace("_", " ")}, examples=shots[one]) for one in chosen
        )
        taxonomy = Taxonomy(categories=categories, language="en")
        classifier = await classifier_for(taxonomy, embedder, await learn(taxonomy, embedder))
        cases = [(text, one) for one in chosen for text in asked[one]]
        found = await classify([text for text, _ in cases], classifier, embedder)
        truth, given = (places(chosen, names) for names in ([one for _, one in cases], [one.category for one in found]))
        scores.append(macro_f1(confusion(truth, given, INTENTS)))
    print(
        f"\n{INTENTS} random intents, {SHOTS} examples each, {DRAWS} draws: macro-F1 {np.mean(scores):.3f} "
        f"(deviation {np.std(scores):.3f}, least {min(scores):.3f})"
    )


def by_label(path: Path) -> dict[str, list[str]]:
    """Texts by label; rows without a label or out of scope are left out."""
    found: dict[str, list[str]] = {}
    for line in path.read_text("utf-8").splitlines():
        row = json.loads(line)
        if row.get("label") and row.get("answerable", True):
            found.setdefault(row["label"], []).append(row["text"])
    return found


if __name__ == "__main__":
    main()
