"""Hashed letter and word groups of many texts at once, as sparse rows. Pure."""

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Numbers = NDArray[np.int64]

BITS = 12
BINS = 1 << BITS
LETTERS = (3, 4)
_SHORTEST = np.float32(1e-6)
_SHIFT = np.uint64(64 - BITS)
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_PRIME = np.uint64(1099511628211)
_WORD = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True)
class Sparse:
    """Sparse rows: the columns of row r are `columns[starts[r] : starts[r + 1]]`, with their `values`."""

    starts: Numbers
    columns: Numbers
    values: Floats

    @property
    def rows(self) -> int:
        """How many."""
        return self.starts.size - 1

    def times(self, weights: Floats) -> Floats:
        """The product with (columns, k), shape (rows, k)."""
        return _sums(weights[self.columns] * self.values[:, None], self.starts)

    def of(self, chosen: Numbers) -> "Sparse":
        """The chosen rows, in their order."""
        sizes = np.diff(self.starts)[chosen]
        starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
        take: Numbers = np.arange(int(starts[-1])) - np.repeat(starts[:-1] - self.starts[chosen], sizes)
        return Sparse(starts, self.columns[take], self.values[take])

    def transposed(self, width: int) -> "Sparse":
        """Rows and columns changed over, with `width` rows."""
        order = np.argsort(self.columns, kind="stable")
        owner = np.repeat(np.arange(self.rows, dtype=np.int64), np.diff(self.starts))
        starts = np.searchsorted(self.columns[order], np.arange(width + 1, dtype=np.int64))
        return Sparse(starts, owner[order], self.values[order])

    def weighted(self, weights: Floats) -> "Sparse":
        """Each value times its column's weight (columns,), then each row brought to length 1."""
        values: Floats = (self.values * weights[self.columns]).astype(np.float32)
        length = np.sqrt(_sums(np.square(values)[:, None], self.starts)[:, 0]).clip(min=_SHORTEST)
        values /= np.repeat(length, np.diff(self.starts))
        return Sparse(self.starts, self.columns, values)


def inverse_frequency(grams: Sparse) -> Floats:
    """What each of the BINS columns weighs: the logarithm of how rarely a row has it (Spärck Jones 1972)."""
    count = np.bincount(grams.columns, minlength=BINS)
    return np.log((1 + grams.rows) / (1 + count)).astype(np.float32)


def _sums(products: Floats, starts: Numbers) -> Floats:
    """Sums of the stretches of rows between neighbouring `starts`; 0 of empty ones."""
    summed = np.zeros((starts.size - 1, products.shape[1]), products.dtype)
    filled = np.flatnonzero(starts[1:] > starts[:-1])
    if filled.size:
        summed[filled] = np.add.reduceat(products, starts[filled], axis=0)
    return summed


def hash_grams(texts: Sequence[str]) -> Sparse:
    """The bins of the letter groups and words and word pairs of folded texts, once each, with value 1.

    Takes BINS bytes a text while it runs.
    """
    documents, hashes = _letter_groups(texts)
    word_documents, word_hashes = _word_groups(texts)
    bins = ((np.concatenate([hashes, word_hashes]) * _FACTOR) >> _SHIFT).astype(np.int64)
    there = np.zeros(len(texts) * BINS, bool)
    there[np.concatenate([documents, word_documents]) * BINS + bins] = True
    keys = np.flatnonzero(there)
    starts = np.searchsorted(keys, np.arange(len(texts) + 1, dtype=np.int64) * BINS)
    return Sparse(starts, keys % BINS, np.ones(keys.size, np.float32))


def _letter_groups(texts: Sequence[str]) -> tuple[Numbers, NDArray[np.uint64]]:
    """Of each group of letters its text's number and its hash; spaces count as letters, also at either end."""
    encoded = [f" {' '.join(_WORD.findall(text))} ".encode(errors="replace") for text in texts]
    sizes = np.array([len(one) for one in encoded], np.int64)
    letters = np.frombuffer(b"".join(encoded), np.uint8).astype(np.uint64)
    owner = np.repeat(np.arange(len(texts), dtype=np.int64), sizes)
    documents: list[Numbers] = []
    hashes: list[NDArray[np.uint64]] = []
    for size in LETTERS:
        count = max(letters.size - size + 1, 0)
        value = np.full(count, size, np.uint64)
        for step in range(size):
            value = value * _PRIME + letters[step : step + count]
        inside = owner[:count] == owner[size - 1 : size - 1 + count]
        documents.append(owner[:count][inside])
        hashes.append(value[inside])
    return np.concatenate(documents), np.concatenate(hashes)


def _word_groups(texts: Sequence[str]) -> tuple[Numbers, NDArray[np.uint64]]:
    words = [[_word_hash(word) for word in _WORD.findall(text)] for text in texts]
    sizes = np.array([len(one) for one in words], np.int64)
    flat = np.array([one for row in words for one in row], np.uint64)
    owner = np.repeat(np.arange(len(texts), dtype=np.int64), sizes)
    pairs = flat[:-1] * _PRIME + flat[1:]
    neighbours = owner[:-1] == owner[1:]
    return np.concatenate([owner, owner[:-1][neighbours]]), np.concatenate([flat, pairs[neighbours]])


@lru_cache(maxsize=8192)
def _word_hash(word: str) -> int:
    return zlib.crc32(word.encode(errors="replace")) + (1 << 40)
