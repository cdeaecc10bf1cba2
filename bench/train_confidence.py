"""Trains the confidence of answering (src/ouvidor/knowledge/confidence.json) and tells how well it carries over.

    python bench/train_confidence.py --faq SECTIONS QUERIES … --phrasings SECTIONS … --intents TRAIN CASES [--write]

`--faq` takes sections and labelled queries, `--phrasings` sections whose phrasings are held out as queries, `--intents`
labelled utterances `{text, label, answerable}`. Cases are made by taking half of the sections away, five times: what
only they answer becomes unanswerable. Each family (one option) is judged by weights that were trained on the others.
"""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from confidence_cases import SEEDS, Case, Encoder, Floats, Index, faq_bases, make_cases, phrasing_bases, utterance_bases
from confidence_fit import (
    OPINION_NAMES,
    Names,
    Opinions,
    Table,
    fit_logit,
    fit_opinions,
    gather_opinions,
    probabilities,
)

from ouvidor.evals.decision_metrics import auroc, best_threshold, coverage_at, wrong_answer_rate_at
from ouvidor.knowledge import confidence
from ouvidor.settings import default_data_dir

WEIGHTS = Path(confidence.__file__).with_name("confidence.json")
THRESHOLD = 0.4
STRANGERS = 60
BY_VECTORS = (
    ("question_cosine", "whole_cosine", "window_cosine", "found", "found_weight", "asks"),
    ("constant", "mean_cosine", "mean_found_weight"),
)
BY_WORDS = (("found", "found_weight", "asked", "bm25", "asks"), ("constant", "mean_bm25"))


def leave_one_out(cases: Sequence[Case], names: Names) -> Floats:
    """Probability of each case's best section by weights that saw nothing of its family."""
    found = np.zeros(len(cases))
    families = np.array([case.family for case in cases])
    for family in sorted(set(families)):
        weights = fit_logit(Table.of([case for case in cases if case.family != family], names))
        own = np.flatnonzero(families == family)
        found[own] = probabilities(Table.of([cases[place] for place in own], names), weights)[:, 0]
    return found


def measures(scores: Floats, cases: Sequence[Case]) -> tuple[float, float, float]:
    """AUROC of `answerable`, AUROC of "the best section is right", coverage at 5 % wrong."""
    right = np.array([case.right for case in cases])
    best = best_threshold(scores, right, 0.05)
    covered = 0.0 if best is None else coverage_at(scores, best)
    return auroc(scores, np.array([case.answerable for case in cases])), auroc(scores, right), covered


def print_halves(cases: Sequence[Case], scores: Mapping[str, Floats]) -> None:
    """One line for each base and score, means over the seeds."""
    print(f"{'half of the sections gone':24s} {'score':28s} {'answerable':>10s} {'right':>7s} {'cov@5%':>7s}")
    for base in dict.fromkeys(case.base for case in cases):
        for name, values in scores.items():
            per_seed = []
            for seed in range(SEEDS):
                own = [row for row, case in enumerate(cases) if case.base == base and case.seed == seed]
                per_seed.append(measures(values[own], [cases[row] for row in own]))
            answerable, right, covered = np.mean(per_seed, axis=0)
            print(f"{base:24s} {name:28s} {answerable:10.3f} {right:7.3f} {covered:7.3f}")


def print_thresholds(cases: Sequence[Case], scores: Floats, title: str) -> None:
    """Coverage and wrong answers at a few thresholds, means over the bases."""
    print(f"{title}: threshold coverage wrong")
    for threshold in (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8):
        rows = []
        for base in dict.fromkeys(case.base for case in cases):
            own = np.array([case.base == base for case in cases])
            right = np.array([case.right for case in cases])[own]
            rows.append((coverage_at(scores[own], threshold), wrong_answer_rate_at(scores[own], right, threshold)))
        covered, wrong = np.nanmean(np.array(rows), axis=0)
        print(f"  {threshold:.1f} {covered:.3f} {wrong:.3f}   " + " ".join(f"{c:.2f}/{w:.2f}" for c, w in rows))


def print_opinions(opinions: Opinions) -> None:
    """Classifiers of each size judged by weights from the other sizes."""
    for group in sorted(set(opinions.group.tolist())):
        own = opinions.group == group
        scores = opinions.rows[own] @ fit_opinions(opinions, ~own)
        best = best_threshold(scores, opinions.right[own], 0.05)
        covered = 0.0 if best is None else coverage_at(scores, best)
        area = auroc(scores, opinions.answerable[own])
        print(f"classifiers of {group} sections: AUROC {area:.3f} coverage {covered:.3f}")


def fitted(cases: Sequence[Case], names: Names) -> dict[str, dict[str, float]]:
    """Weights from all cases, by name of evidence."""
    weights = [round(float(weight), 4) for weight in fit_logit(Table.of(cases, names))]
    width = len(names[0])
    return {
        "section": dict(zip(names[0], weights[:width], strict=True)),
        "query": dict(zip(names[1], weights[width:], strict=True)),
    }


def all_cases(arguments: argparse.Namespace, encoder: Encoder) -> Iterator[Case]:
    bases = [base for sections, queries in arguments.faq for base in faq_bases(sections, queries)]
    bases += [base for sections in arguments.phrasings for base in phrasing_bases(sections)]
    bases += [base for train, cases in arguments.intents for base in utterance_bases(train, cases)]
    for number, base in enumerate(bases):
        others = [query for other in bases if other.family != base.family for query in other.queries]
        strangers = np.random.default_rng(number).permutation(others)[:STRANGERS].tolist()
        yield from make_cases(Index(base, encoder), strangers, encoder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faq", nargs=2, type=Path, action="append", default=[], metavar=("SECTIONS", "QUERIES"))
    parser.add_argument("--phrasings", type=Path, action="append", default=[], metavar="SECTIONS")
    parser.add_argument("--intents", nargs=2, type=Path, action="append", default=[], metavar=("TRAIN", "CASES"))
    parser.add_argument("--data-dir", type=Path, default=default_data_dir())
    parser.add_argument("--write", action="store_true", help="store the weights in the package")
    arguments = parser.parse_args()
    encoder = Encoder(arguments.data_dir)
    cases = list(all_cases(arguments, encoder))
    scores = {
        "raw cosine": np.array([case.raw_cosine for case in cases]),
        "raw BM25": np.array([case.raw_bm25 for case in cases]),
        "words, left out": leave_one_out(cases, BY_WORDS),
        "vectors, left out": leave_one_out(cases, BY_VECTORS),
    }
    table = Table.of(cases, BY_VECTORS)
    scores["vectors, all seen"] = probabilities(table, fit_logit(table))[:, 0]
    print_halves(cases, scores)
    for title, whole in (("whole bases and strangers", True), ("halves", False)):
        own = [row for row, case in enumerate(cases) if (case.seed < 0) == whole]
        print_thresholds([cases[row] for row in own], scores["vectors, left out"][own], title)
    stored: dict[str, object] = {"by_vectors": fitted(cases, BY_VECTORS), "by_words": fitted(cases, BY_WORDS)}
    for train, asked in arguments.intents:
        unopinionated = {"classifier": dict.fromkeys(OPINION_NAMES, 0.0), "threshold": THRESHOLD}
        model = confidence.model_from_json(json.dumps(stored | unopinionated))
        opinions = gather_opinions(train, asked, encoder, model)
        print_opinions(opinions)
        weights = fit_opinions(opinions, np.ones(len(opinions.right), dtype=bool))
        stored["classifier"] = dict(zip(OPINION_NAMES, (round(float(weight), 4) for weight in weights), strict=True))
    stored["threshold"] = THRESHOLD
    print(json.dumps(stored, indent=2))
    if arguments.write:
        WEIGHTS.write_text(json.dumps(stored, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
