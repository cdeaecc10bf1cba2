"""The classifier of a project's comments: with vectors where there is a model for them, else by words alone.

`shipped` is there at once; `learn` trains one for a taxonomy of its own, from corrections, or for another model.
Neither touches a database; both can be called while no transaction is open, and should.
"""

import asyncio
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from ouvidor.engines.embeddings import Embedder
from ouvidor.feedback.classification import Classification
from ouvidor.feedback.examples import Example, examples_of, own_examples
from ouvidor.feedback.local.classify import Spoken, classify_read, spoken
from ouvidor.feedback.local.features import LONGEST, Features, features_of
from ouvidor.feedback.local.model import Model
from ouvidor.feedback.local.tags import TagIndex, tag_texts
from ouvidor.feedback.local.train import Comparison, compare, scaling_for, train
from ouvidor.feedback.taxonomy import DEFAULT, Taxonomy
from ouvidor.knowledge.embedding import texts_for, vectors_name
from ouvidor.text import Language

BATCH = 1_000
WORDS_ALONE = "none"
WEIGHTS = "weights.zip"
_BY_VECTORS, _BY_WORDS, _VECTORS = "by_vectors", "by_words", "vectors"

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Trained:
    """What training makes of a taxonomy's categories: a model for vectors of the name `vectors`, and one without."""

    by_words: Model
    by_vectors: Model | None
    vectors: str = WORDS_ALONE

    def model_for(self, embedder: Embedder) -> Model:
        """The one that fits the vectors of the embedder, else the one that needs none."""
        fits = self.by_vectors is not None and embedder.available and vectors_name(embedder) == self.vectors
        return self.by_vectors if fits and self.by_vectors is not None else self.by_words

    def to_bytes(self) -> bytes:
        """For a file or a binary column, about 200 kB for five categories."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as parts:
            parts.writestr(zipfile.ZipInfo(_VECTORS), self.vectors)
            parts.writestr(zipfile.ZipInfo(_BY_WORDS), self.by_words.to_bytes())
            if self.by_vectors:
                parts.writestr(zipfile.ZipInfo(_BY_VECTORS), self.by_vectors.to_bytes())
        return packed.getvalue()

    @classmethod
    def from_bytes(cls, stored: bytes) -> "Trained":
        """What `to_bytes` made."""
        with zipfile.ZipFile(io.BytesIO(stored)) as parts:
            by_vectors = Model.from_bytes(parts.read(_BY_VECTORS)) if _BY_VECTORS in parts.namelist() else None
            return cls(Model.from_bytes(parts.read(_BY_WORDS)), by_vectors, parts.read(_VECTORS).decode())


@dataclass(frozen=True)
class Classifier:
    """A taxonomy and what was trained for its categories; `tags` finds its tags, with vectors of the name `vectors`."""

    taxonomy: Taxonomy
    trained: Trained
    tags: TagIndex


@cache
def shipped() -> Trained:
    """What ships for the default categories, made by bench/train_comments.py."""
    return Trained.from_bytes(files("ouvidor.feedback.local").joinpath(WEIGHTS).read_bytes())


async def classifier_for(taxonomy: Taxonomy, embedder: Embedder, trained: Trained | None = None) -> Classifier:
    """The classifier of the taxonomy: of `trained`, else of what ships, else trained now (seconds).

    What ships serves a taxonomy of the default categories, whatever its names and tags.
    """
    ready = trained or (shipped() if taxonomy.codes == DEFAULT.codes else await learn(taxonomy, embedder))
    texts = tag_texts(taxonomy)
    vectors = await _embed(embedder, [one.text for one in texts], [one.language for one in texts])
    return Classifier(taxonomy, ready, TagIndex.of(taxonomy, vectors))


@dataclass(frozen=True)
class Sorted:
    """Texts classified: a classification for each, in order, and their vectors (n, d); d is 0 without a model."""

    classifications: list[Classification]
    vectors: Vectors


async def classify(texts: Sequence[str], classifier: Classifier, embedder: Embedder) -> list[Classification]:
    """A classification for each text, in order, duplicates and empty ones included.

    Works in batches of BATCH off the event loop, so that memory stays even and other tasks go on.

    Raises:
        EmbeddingFailed: a server of vectors gave none.
    """
    found: list[Classification] = []
    for start in range(0, len(texts), BATCH):
        found += (await sort_texts(texts[start : start + BATCH], classifier, embedder)).classifications
    return found


async def sort_texts(texts: Sequence[str], classifier: Classifier, embedder: Embedder) -> Sorted:
    """These texts at once, at most a thousand or so, with the vectors that were made for it.

    Raises:
        EmbeddingFailed: a server of vectors gave none.
    """
    model = classifier.trained.model_for(embedder)
    language = classifier.taxonomy.language
    tongues = await asyncio.to_thread(spoken, texts, language)
    vectors = await _vectors_for(model, embedder, texts, tongues)
    found = await asyncio.to_thread(classify_read, texts, tongues, vectors, model, classifier.tags, language)
    return Sorted(found, vectors)


async def learn(taxonomy: Taxonomy, embedder: Embedder, corrections: Sequence[Example] = ()) -> Trained:
    """Train on the taxonomy's examples, ours and the corrections: some seconds, off the event loop.

    Corrections whose category the taxonomy does not have are left out.

    Raises:
        EmbeddingFailed: a server of vectors gave none.
    """
    examples = _all(taxonomy, corrections)
    ours = own_examples()
    vectors = await _embed_examples(embedder, examples)
    by_words = await asyncio.to_thread(
        lambda: train(examples, _features(examples, vectors[:, :0]), taxonomy.codes, base=shipped().by_words)
    )
    if not vectors.shape[1]:
        return Trained(by_words, None)
    base = shipped().by_vectors if vectors_name(embedder) == shipped().vectors else None
    if base is None:
        own_vectors = await _embed_examples(embedder, ours)
        base = await asyncio.to_thread(lambda: train(ours, _features(ours, own_vectors), DEFAULT.codes))
    by_vectors = await asyncio.to_thread(
        lambda: train(examples, _features(examples, vectors), taxonomy.codes, base=base)
    )
    return Trained(by_words, by_vectors, vectors_name(embedder))


async def compare_corrections(
    taxonomy: Taxonomy, embedder: Embedder, known: Sequence[Example], new: Sequence[Example]
) -> Comparison:
    """Whether a model that learnt `new` corrections is no worse than one that knows but the `known` ones.

    Both judge every example in cross-validation; `promoted` of the answer decides.

    Raises:
        EmbeddingFailed: a server of vectors gave none.
    """
    examples = _all(taxonomy, [*known, *new])
    before = len(_all(taxonomy, known))
    vectors = await _embed_examples(embedder, examples)

    def run() -> Comparison:
        features = _features(examples, vectors)
        scaling = scaling_for(examples, features, taxonomy.codes, shipped().by_words)
        return compare(examples, features, taxonomy.codes, before, scaling=scaling)

    return await asyncio.to_thread(run)


def _all(taxonomy: Taxonomy, corrections: Sequence[Example]) -> list[Example]:
    codes = set(taxonomy.codes)
    return [*examples_of(taxonomy), *(one for one in corrections if one.category in codes)]


def _features(examples: Sequence[Example], vectors: Vectors) -> Features:
    return features_of([one.text for one in examples], [one.language for one in examples], vectors)


async def _embed_examples(embedder: Embedder, examples: Sequence[Example]) -> Vectors:
    return await _embed(embedder, [one.text for one in examples], [one.language for one in examples])


async def _vectors_for(model: Model, embedder: Embedder, texts: Sequence[str], tongues: Sequence[Spoken]) -> Vectors:
    if not model.vector_length:
        return np.zeros((len(texts), 0), np.float32)
    return await _embed(embedder, texts, [tongue.cues for tongue in tongues])


async def _embed(embedder: Embedder, texts: Sequence[str], languages: Sequence[Language]) -> Vectors:
    if not embedder.available or not texts:
        return np.zeros((len(texts), 0), np.float32)
    given = await asyncio.to_thread(texts_for, embedder, [text[:LONGEST] for text in texts], languages)
    return await embedder.embed(given)
