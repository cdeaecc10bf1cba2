"""Whether to answer: how likely it is that a section really answers the query. Pure.

A conditional logit (McFadden 1974) over the candidate sections and the alternative that none of them answers: each
section's utility is a weighted sum of its evidence, that of "none" a weighted sum of what the query finds everywhere.
So a section's probability falls where others are as good, and where the knowledge base offers the like to any query.
Where the project has a classifier of its own (intents.py), its opinion is mixed in by its strength.
The weights are in confidence.json, made by bench/train_confidence.py.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from ouvidor.knowledge.intents import Guess, Intents
from ouvidor.knowledge.ranking import (
    K1,
    Candidates,
    Floats,
    QueryTerms,
    Statistics,
    bm25_weights,
    inverse_document_frequency,
)
from ouvidor.text import Language, terms

NEIGHBOURS = 20
FEWEST_NEIGHBOURS = 5
FUNCTION_WORD_WEIGHT = 0.25
CLASSIFIER_FLOOR = -8.0

# Words that tell how one asks, not what about; few stand in passages, so that missing them says little.
_FUNCTION_WORDS: dict[Language, str] = {
    "en": """
        what who whom whose which when where why how do does did can could should would will may might is are there any
        i my me we our us you your please tell know want need get give find show make use let much many long often if or
        and not no about some more
    """,
    "pt": """
        que qual quais quem quando onde como por quanto quanta quantos quantas porque pra para posso pode podem poderia
        quero queria gostaria saber preciso tem ter tenho ha existe fazer faz faco e ser sao esta estao estar eu meu
        minha voces voce me nao sim algum alguma mais ou se ja sobre dar
    """,
}


@dataclass(frozen=True)
class Evidence:
    """What speaks for n candidate sections, each value (n,), and what the query finds everywhere, each a number.

    Of sections: `question_cosine` with the nearest of heading and phrasings (where a section asks nothing, of all its
    texts), `whole_cosine`, `window_cosine` (all 0 without vectors); `found`, the share of the query's words in the
    section by weight, `found_weight`, the same as a sum where the rarest possible word weighs 1, `asked`, their share
    in question and phrasings; `bm25` as a share of the greatest possible; `asks`, whether it has a question or
    phrasings. Of the query: `constant` 1, `mean_cosine`, `mean_found_weight`, `mean_bm25` over the NEIGHBOURS best.
    """

    sections: Mapping[str, Floats]
    query: Mapping[str, float]
    by_vectors: bool


@dataclass(frozen=True)
class Weights:
    """Of one conditional logit: by name of evidence, for a section's utility and for that of "none"."""

    section: Mapping[str, float]
    query: Mapping[str, float]


@dataclass(frozen=True)
class ClassifierWeights:
    """Of the logistic regression over the log-odds without a classifier, its log-probability and best logit, and the
    cosine with the nearest phrasing; the last two in standard deviations from what is typical.
    """

    constant: float
    odds: float
    log_probability: float
    best_logit: float
    cosine: float


@dataclass(frozen=True)
class Model:
    """All trained numbers of this module; `threshold` is the confidence from which on the product answers."""

    by_vectors: Weights
    by_words: Weights
    classifier: ClassifierWeights
    threshold: float


@dataclass(frozen=True)
class Classified:
    """A project's classifier and what it says of the query; `columns` (n,) are the candidates' places in the guess.

    -1 stands for a candidate that the classifier does not know.
    """

    intents: Intents
    guess: Guess
    columns: NDArray[np.int64]

    @classmethod
    def of(cls, intents: Intents, guess: Guess, numbers: NDArray[np.int64]) -> "Classified":
        """For candidates with these section numbers."""
        places = np.searchsorted(guess.sections, numbers).clip(max=guess.sections.size - 1)
        return cls(intents, guess, np.where(guess.sections[places] == numbers, places, -1))

    def log_probability(self) -> Floats:
        """Of each candidate, (n,), at least CLASSIFIER_FLOOR; an even share where the classifier has never seen it."""
        known = self.guess.log_probability[self.columns].astype(np.float64)
        even = -np.log(self.guess.sections.size)
        return np.where(self.columns >= 0, known, even).clip(min=CLASSIFIER_FLOOR)


def load_model() -> Model:
    """The trained numbers that ship with the package."""
    return model_from_json(files("ouvidor.knowledge").joinpath("confidence.json").read_text(encoding="utf-8"))


def model_from_json(text: str) -> Model:
    """From the text of confidence.json."""
    stored = json.loads(text)
    return Model(
        by_vectors=Weights(**stored["by_vectors"]),
        by_words=Weights(**stored["by_words"]),
        classifier=ClassifierWeights(**stored["classifier"]),
        threshold=stored["threshold"],
    )


def gather(query: QueryTerms, candidates: Candidates, statistics: Mapping[Language, Statistics]) -> Evidence:
    """The evidence of all candidates (at least one); gaps between vectors are filled with the mean of the others."""
    asks = candidates.has_question | (candidates.phrasings_length > 0)
    whole = _filled(candidates.whole_cosine)
    asked = np.fmax(candidates.heading_cosine, candidates.phrasing_cosine)
    window = np.fmax(candidates.window_cosine, whole)
    best = np.fmax(np.fmax(asked, whole), window)
    words = _words_found(query, candidates, statistics)
    sections = {
        "question_cosine": _filled(np.where(asks, asked, best)),
        "whole_cosine": whole,
        "window_cosine": window,
        "found": words.found,
        "found_weight": words.found_weight,
        "asked": words.asked * asks,
        "bm25": words.bm25,
        "asks": asks.astype(np.float64),
    }
    means = {"mean_cosine": best, "mean_found_weight": words.found_weight, "mean_bm25": words.bm25}
    everywhere = {name: _mean_of_best(values) for name, values in means.items()}
    return Evidence(sections, {"constant": 1.0, **everywhere}, bool(np.isfinite(candidates.whole_cosine).any()))


def relevance(evidence: Evidence, model: Model, classified: Classified | None = None) -> Floats:
    """Probability that each section, of all candidates and none of them, is the one that answers, (n,), 0 to 1.

    Without a classifier they add up to at most 1. That of the best section is the confidence of answering from it.
    """
    utility, none = _utilities(evidence, model)
    everything = np.append(utility, none)
    likelihood = np.exp(everything - everything.max())
    rest = likelihood.sum() - likelihood
    odds = np.log(likelihood[:-1].clip(min=1e-300)) - np.log(rest[:-1].clip(min=1e-300))
    return _logistic(_with_opinion(odds, evidence, model.classifier, classified))


def _with_opinion(
    odds: Floats, evidence: Evidence, weights: ClassifierWeights, classified: Classified | None
) -> Floats:
    """Log-odds mixed with those of the classifier by its strength, (n,); untouched where it does not know a section."""
    if classified is None:
        return odds
    typical = classified.intents.cosine
    opinion = (
        weights.constant
        + weights.odds * odds
        + weights.log_probability * classified.log_probability()
        + weights.best_logit * classified.guess.best_logit
        + weights.cosine * (evidence.sections["question_cosine"] - typical.mean) / typical.deviation
    )
    strength = np.where(classified.columns >= 0, classified.intents.strength, 0.0)
    return (1 - strength) * odds + strength * opinion


def _utilities(evidence: Evidence, model: Model) -> tuple[Floats, float]:
    """Of each section, (n,), and of "none"."""
    weights = model.by_vectors if evidence.by_vectors else model.by_words
    utility = sum((weight * evidence.sections[name] for name, weight in weights.section.items()), np.zeros(1))
    return utility, sum(weight * evidence.query[name] for name, weight in weights.query.items())


def _logistic(odds: Floats) -> Floats:
    return 1 / (1 + np.exp(-odds.clip(-30, 30)))


@dataclass(frozen=True)
class _Words:
    found: Floats
    found_weight: Floats
    asked: Floats
    bm25: Floats


def _words_found(query: QueryTerms, candidates: Candidates, statistics: Mapping[Language, Statistics]) -> _Words:
    """How much of the query's words each section holds; a word weighs its idf as a share of the greatest, (n,) each."""
    sections = np.array([statistics[language].sections for language in query.languages], dtype=np.int64)
    rarest = inverse_document_frequency(np.zeros_like(sections), sections)
    share = inverse_document_frequency(query.document_frequency, sections) / rarest
    function = [term in _function_terms(lang) for term, lang in zip(query.terms, query.languages, strict=True)]
    own = np.array(candidates.languages)[:, None] == np.array(query.languages)[None, :]
    idf = own * share
    weight = idf * np.where(function, FUNCTION_WORD_WEIGHT, 1.0)
    total = np.maximum(weight.sum(axis=1), 1e-9)
    heading = candidates.heading_counts + candidates.phrasings_counts
    found_weight = (weight * ((heading + candidates.content_counts) > 0)).sum(axis=1)
    bm25 = (idf * bm25_weights(candidates, statistics) / (K1 + 1)).sum(axis=1) / np.maximum(idf.sum(axis=1), 1e-9)
    return _Words(found_weight / total, found_weight, (weight * (heading > 0)).sum(axis=1) / total, bm25)


def _mean_of_best(values: Floats) -> float:
    """Mean of the NEIGHBOURS greatest; a knowledge base of fewer than FEWEST_NEIGHBOURS is filled up with zeros."""
    best = np.sort(values)[-NEIGHBOURS:]
    return float(best.sum() / max(best.size, FEWEST_NEIGHBOURS))


def _filled(cosines: Floats) -> Floats:
    """Gaps filled with the mean of what there is, 0 where there is nothing."""
    present = cosines[np.isfinite(cosines)]
    return np.where(np.isfinite(cosines), cosines, present.mean() if present.size else 0.0)


@cache
def _function_terms(language: Language) -> frozenset[str]:
    return frozenset(terms(_FUNCTION_WORDS[language], language))
