"""Which section a query belongs to, learnt from a project's own phrasings. Pure; worth it where phrasings are many.

A multinomial logistic regression over the phrasing's vector and its hashed words and letter groups. The background job
trains it and stores it with the project; how well it finds the sections of phrasings it has not seen decides how much
it counts (`Intents.strength`), so that a knowledge base of few or unlike phrasings is served without it.
"""

import io
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ouvidor.knowledge.lbfgs import Array, minimise
from ouvidor.text import fold

HASHED = 512
HASHED_WEIGHT = 0.7
PENALTY = 1e-5
FEWEST_PHRASINGS = 3
MOST_SECTIONS = 1_500
LARGEST_PROBLEM = 8_000_000
COMPARED = 2_000

Vectors = NDArray[np.float32]
Numbers = NDArray[np.int64]

_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Phrasings:
    """Texts that ask for a section: n of them, their vectors (n, d) and the numbers of their sections (n,)."""

    texts: Sequence[str]
    vectors: Vectors
    sections: Numbers


@dataclass(frozen=True)
class Typical:
    """Mean and standard deviation of a measure over phrasings that the classifier was not trained on."""

    mean: float
    deviation: float

    @classmethod
    def of(cls, values: Array) -> "Typical":
        """Those of the values."""
        return cls(float(values.mean()), max(float(values.std()), 1e-3))

    def standardise(self, value: float) -> float:
        """How many standard deviations `value` lies above the mean."""
        return (value - self.mean) / self.deviation


@dataclass(frozen=True)
class Guess:
    """What the classifier says of a query: the log-probability of each of its sections (k,), and the best logit.

    `best_logit` is in standard deviations above that of unseen phrasings: far below 0 means "about something else".
    """

    sections: Numbers
    log_probability: Array
    best_logit: float


@dataclass(frozen=True)
class Intents:
    """A trained classifier over k sections.

    `weights` (d + HASHED + 1, k) give the logits. `accuracy` is the share of unseen phrasings that it assigns rightly;
    `logit` and `cosine` describe their best logits and their cosines with the nearest other phrasing.
    """

    sections: Numbers
    weights: Vectors
    accuracy: float
    logit: Typical
    cosine: Typical

    @property
    def strength(self) -> float:
        """How much the classifier counts, 0 to 1: nothing up to an accuracy of .5, all from .8 on."""
        return float(np.clip((self.accuracy - 0.5) / 0.3, 0.0, 1.0))

    def guess(self, query: str, vector: Vectors) -> Guess:
        """What the classifier says of a query with its vector (d,)."""
        row = _rows([query], vector[None, :])[0]
        logits = _centred(row @ self.weights)
        peak = float(logits.max())
        log_probability = logits - (peak + float(np.log(np.exp(logits - peak).sum())))
        return Guess(self.sections, log_probability, self.logit.standardise(peak))

    def to_bytes(self) -> bytes:
        """For the table's binary column: weights as int8 with a scale per section, about 900 bytes a section."""
        scale = np.maximum(np.abs(self.weights).max(axis=0), 1e-9) / 127
        weights: NDArray[np.int8] = np.rint(self.weights / scale).astype(np.int8)
        numbers = (self.accuracy, self.logit.mean, self.logit.deviation, self.cosine.mean, self.cosine.deviation)
        packed = io.BytesIO()
        np.savez_compressed(packed, sections=self.sections, weights=weights, scale=scale, numbers=np.array(numbers))
        return packed.getvalue()

    @classmethod
    def from_bytes(cls, stored: bytes) -> "Intents":
        """What `to_bytes` made, to 1 part in 250 of a section's largest weight."""
        with np.load(io.BytesIO(stored), allow_pickle=False) as parts:
            accuracy, *typical = (float(number) for number in parts["numbers"])
            logit, cosine = Typical(*typical[:2]), Typical(*typical[2:])
            return cls(parts["sections"], parts["weights"] * parts["scale"], accuracy, logit, cosine)


def learnable(phrasings_of_section: Sequence[int]) -> bool:
    """Whether a classifier is worth training, by how many phrasings each of the project's sections has.

    Four fifths of the sections need three, and sections × phrasings must stay within about a minute of one core.
    """
    sections, total = len(phrasings_of_section), sum(phrasings_of_section)
    enough = sum(count >= FEWEST_PHRASINGS for count in phrasings_of_section) >= 0.8 * sections
    return enough and 2 <= sections <= MOST_SECTIONS and sections * total <= LARGEST_PROBLEM


def train(phrasings: Phrasings) -> Intents:
    """Fit the classifier to all phrasings, after measuring on either half what the other half has not seen."""
    sections, labels = np.unique(phrasings.sections, return_inverse=True)
    rows = _rows(phrasings.texts, phrasings.vectors)
    half = _alternate(labels)
    hits: list[Array] = []
    peaks: list[Array] = []
    for seen, unseen in ((half, ~half), (~half, half)):
        logits = _centred(rows[unseen] @ _fit(rows[seen], labels[seen], sections.size))
        hits.append((logits.argmax(axis=1) == labels[unseen]).astype(np.float64))
        peaks.append(logits.max(axis=1))
    return Intents(
        sections=sections,
        weights=_fit(rows, labels, sections.size),
        accuracy=float(np.concatenate(hits).mean()),
        logit=Typical.of(np.concatenate(peaks)),
        cosine=Typical.of(_nearest_other(phrasings.vectors)),
    )


def _fit(rows: Vectors, labels: Numbers, sections: int) -> Vectors:
    """Weights (width, sections) of the penalised multinomial logistic regression."""
    transposed = np.ascontiguousarray(rows.T)
    each = np.arange(labels.size)

    def loss(weights: Array) -> tuple[float, Array]:
        logits = rows @ weights
        logits -= logits.max(axis=1, keepdims=True)
        likelihood = np.exp(logits)
        total = likelihood.sum(axis=1, keepdims=True)
        value = float((np.log(total[:, 0]) - logits[each, labels]).mean())
        likelihood /= total
        likelihood[each, labels] -= 1
        gradient = (transposed @ likelihood) / labels.size + PENALTY * weights
        return value + PENALTY / 2 * float(np.vdot(weights, weights)), gradient

    start = np.zeros((rows.shape[1], sections), dtype=np.float32)
    return minimise(loss, start, iterations=60).astype(np.float32)


def _rows(texts: Sequence[str], vectors: Vectors) -> Vectors:
    """Vector, hashed grams (of length HASHED_WEIGHT) and a constant of each text, (n, d + HASHED + 1)."""
    hashed = np.zeros((len(texts), HASHED), dtype=np.float32)
    for row, text in zip(hashed, texts, strict=True):
        for gram in set(_grams(text)):
            place = zlib.crc32(gram.encode())
            row[(place >> 1) % HASHED] += 1 if place & 1 else -1
    length = np.maximum(np.linalg.norm(hashed, axis=1, keepdims=True), 1e-9)
    constant = np.ones((len(texts), 1), dtype=np.float32)
    return np.concatenate(
        [vectors.astype(np.float32), hashed * (HASHED_WEIGHT / length), constant], axis=1, dtype=np.float32
    )


def _grams(text: str) -> Iterator[str]:
    """Words, pairs of neighbours, and groups of three and four letters within a word."""
    words = _WORD.findall(fold(text))
    yield from words
    yield from (f"{first} {second}" for first, second in pairwise(words))
    for word in words:
        bounded = f"<{word}>"
        for size in (3, 4):
            yield from (f"#{bounded[at : at + size]}" for at in range(len(bounded) - size + 1))


def _centred(logits: Array) -> Array:
    """Logits less their mean, which is all that is fixed by a multinomial model."""
    return logits - logits.mean(axis=-1, keepdims=True)


def _alternate(labels: Numbers) -> NDArray[np.bool_]:
    """Every second phrasing of each section."""
    order = np.argsort(labels, kind="stable")
    first = np.concatenate([[0], np.flatnonzero(np.diff(labels[order])) + 1])
    place = np.arange(labels.size) - np.repeat(first, np.diff(np.append(first, labels.size)))
    chosen = np.zeros(labels.size, dtype=bool)
    chosen[order] = place % 2 == 0
    return chosen


def _nearest_other(vectors: Vectors) -> Array:
    """Cosine of at most COMPARED of the vectors with the nearest of all the others."""
    step = -(-len(vectors) // COMPARED)
    sample = np.arange(0, len(vectors), step)
    cosines = vectors[sample] @ vectors.T
    cosines[np.arange(sample.size), sample] = -1
    return cosines.max(axis=1)
