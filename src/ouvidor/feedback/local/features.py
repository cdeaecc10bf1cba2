"""What a classifier sees of comments: sentence vectors, typed signals, letter and word groups. Pure.

The vectors come from outside (ouvidor.knowledge.embedding); without a model they have no columns and nothing else
changes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from ouvidor.feedback.local.grams import BINS, Floats, Numbers, Sparse, hash_grams, inverse_frequency
from ouvidor.feedback.local.signals import Read, read, signals
from ouvidor.text import Language

LONGEST = 4_000  # letters of a comment that are read; what people say stands at the beginning
VECTOR_WEIGHT = 1.5
SIGNAL_WEIGHT = 0.2
SIGNAL_WEIGHT_OF_FEW = 0.05
LANGUAGE_WEIGHT = 0.7
WAVES = 512
WAVE_WEIGHT = 1.4
REACH = 0.03
SEED = 7
FARTHEST = 4.0
SMALLEST_SCALE = 0.1


@dataclass(frozen=True)
class Features:
    """Of n comments: vectors (n, d), signals (n, s), hashed groups (n rows); 1 for Portuguese, -1 for English (n,)."""

    vectors: Floats
    signals: Floats
    grams: Sparse
    portuguese: Floats

    @property
    def count(self) -> int:
        """How many comments."""
        return len(self.signals)

    def of(self, chosen: Numbers) -> "Features":
        """Those of the chosen comments, in their order."""
        return Features(self.vectors[chosen], self.signals[chosen], self.grams.of(chosen), self.portuguese[chosen])

    def without_vectors(self) -> "Features":
        """The same as where there is no model."""
        return replace(self, vectors=self.vectors[:, :0])


def features_of(texts: Sequence[str], languages: Sequence[Language], vectors: Floats) -> Features:
    """The features of the comments, each read in the language beside it, with their vectors (n, d); d may be 0."""
    return features_of_read(
        [read(text[:LONGEST], language) for text, language in zip(texts, languages, strict=True)], vectors
    )


def features_of_read(comments: Sequence[Read], vectors: Floats) -> Features:
    """The same of comments already taken apart."""
    return Features(
        vectors.astype(np.float32),
        signals(comments),
        hash_grams([comment.folded for comment in comments]),
        np.array([1.0 if comment.language == "pt" else -1.0 for comment in comments], np.float32),
    )


@dataclass(frozen=True)
class Scaling:
    """How features become rows: mean and deviation of each signal (s,), what each group of letters weighs (BINS,).

    `signal_weight` is how much the signals count beside the vectors.
    """

    mean: Floats
    deviation: Floats
    rarity: Floats
    signal_weight: float = SIGNAL_WEIGHT

    @classmethod
    def of(cls, features: Features) -> "Scaling":
        """That which fits these features; at least one comment."""
        mean, deviation = features.signals.mean(axis=0), features.signals.std(axis=0)
        return cls(mean, deviation + SMALLEST_SCALE, inverse_frequency(features.grams))

    def for_few(self) -> "Scaling":
        """The same for categories that have a handful of examples each: what they share by chance counts less."""
        return replace(self, signal_weight=SIGNAL_WEIGHT_OF_FEW)

    def rows(self, features: Features) -> "Rows":
        """The features as a linear model takes them.

        Each signal stands twice, the second time with its sign turned in English: a cue may weigh otherwise there.
        Waves over all signals let the model see what occurs together.
        """
        standard = ((features.signals - self.mean) / self.deviation).clip(-FARTHEST, FARTHEST)
        scaled = self.signal_weight * standard
        turned = scaled * (LANGUAGE_WEIGHT * features.portuguese[:, None])
        waves = (WAVE_WEIGHT * self.signal_weight / SIGNAL_WEIGHT) * _waves(standard)
        constant = np.ones((features.count, 1), np.float32)
        parts = [VECTOR_WEIGHT * features.vectors, scaled, turned, waves, constant]
        return Rows(np.concatenate(parts, axis=1, dtype=np.float32), features.grams.weighted(self.rarity))


@dataclass(frozen=True)
class Rows:
    """Rows of a linear model: a dense part (n, m) and a sparse one with BINS columns."""

    dense: Floats
    sparse: Sparse

    @property
    def width(self) -> int:
        """How many weights one output has."""
        return self.dense.shape[1] + BINS

    def times(self, weights: Floats) -> Floats:
        """The product with (width, k), shape (n, k)."""
        own = self.dense.shape[1]
        return self.dense @ weights[:own] + self.sparse.times(weights[own:])


def _waves(standard: Floats) -> Floats:
    """Random Fourier features of standardised signals (Rahimi & Recht 2007), (n, WAVES), of length about 1.

    Linear in them is smooth in the signals, as with a Gaussian kernel exp(-REACH × squared distance).
    """
    directions, phases = _projection(standard.shape[1])
    return (np.sqrt(np.float32(2 / WAVES)) * np.cos(standard @ directions + phases)).astype(np.float32)


@cache
def _projection(signals: int) -> tuple[Floats, Floats]:
    """The same numbers for ever: what ships was trained with them, and RandomState's stream is frozen (NEP 19)."""
    chance = np.random.RandomState(SEED)
    directions = chance.normal(size=(signals, WAVES)) * np.sqrt(2 * REACH)
    return directions.astype(np.float32), chance.uniform(0, 2 * np.pi, WAVES).astype(np.float32)
