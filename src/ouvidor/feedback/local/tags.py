"""Tags of a comment: the project's where they fit, else new ones for what it is about. Pure."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from ouvidor.feedback.classification import TagGiven
from ouvidor.feedback.local.cues import Cues
from ouvidor.feedback.local.grams import Floats
from ouvidor.feedback.local.signals import Read
from ouvidor.feedback.taxonomy import Tag, Taxonomy
from ouvidor.text import Language, detect_language, terms

MOST = 3
FITS = 0.5
WORDS_WEIGHT = 0.5
WORDS_ALONE = 0.6
CLOSE = 5


@dataclass(frozen=True)
class TagText:
    """A text that tells what a tag is about: its explanation with its code, or an example; `tag` is the tag's place."""

    tag: int
    text: str
    language: Language


@dataclass(frozen=True)
class TagIndex:
    """The project's tags, ready to be found: `vectors` (m, d) of its `texts` (d may be 0), the terms of each text."""

    tags: tuple[Tag, ...]
    texts: tuple[TagText, ...]
    vectors: Floats
    terms: tuple[frozenset[str], ...]

    @classmethod
    def of(cls, taxonomy: Taxonomy, vectors: Floats) -> "TagIndex":
        """Of the taxonomy's tags, with the vectors of `tag_texts(taxonomy)` in that order; (m, 0) without a model."""
        texts = tag_texts(taxonomy)
        found = tuple(frozenset(terms(one.text, one.language)) for one in texts)
        return cls(taxonomy.tags, texts, vectors.astype(np.float32), found)


def tag_texts(taxonomy: Taxonomy) -> tuple[TagText, ...]:
    """What is to be embedded of a taxonomy's tags."""
    return tuple(
        TagText(place, text, detect_language(text, taxonomy.language))
        for place, tag in enumerate(taxonomy.tags)
        for text in (f"{tag.code.replace('_', ' ')}: {tag.explanation}", *tag.examples)
    )


def tags_of(comments: Sequence[Read], vectors: Floats, index: TagIndex, language: Language) -> list[list[TagGiven]]:
    """At most MOST tags of each comment, the best first; new ones, with codes in `language`, only where none fits."""
    scores = _scores(comments, vectors, index) if index.tags else np.zeros((len(comments), 0), np.float32)
    return [
        _fitting(row, index.tags) or list(proposed(comment, language))
        for comment, row in zip(comments, scores, strict=True)
    ]


def proposed(comment: Read, language: Language) -> Iterator[TagGiven]:
    """New tags for what a comment is about, at most MOST: pairs of aspects close to each other, then single ones."""
    aspects = _aspects()
    places: dict[str, int] = {}
    for cue in _aspect_cues(comment.language).find(comment.words):
        places.setdefault(cue.group, cue.start)
    order = [name for name in aspects if name in places]
    taken: set[str] = set()
    given = 0
    for name in sorted(order, key=lambda one: places[one]):
        if name in taken or given == MOST:
            continue
        away = {other: abs(places[other] - places[name]) for other in order if other not in {name, *taken}}
        partner = min((other for other in away if away[other] <= CLOSE), key=lambda one: away[one], default=name)
        group = sorted({name, partner}, key=order.index)
        taken.update(group)
        given += 1
        yield _tag([aspects[one][language] for one in group])


def _tag(aspects: Sequence[Mapping[str, str]]) -> TagGiven:
    named = ", ".join(aspect["name"] for aspect in aspects)
    return TagGiven(code="_".join(aspect["code"] for aspect in aspects), explanation=named[:1].upper() + named[1:])


def _scores(comments: Sequence[Read], vectors: Floats, index: TagIndex) -> Floats:
    """How well each tag fits each comment, (n, tags): by meaning and by shared words, FITS and above is a fit."""
    near = np.zeros((len(comments), len(index.texts)), np.float32)
    if vectors.shape[1] and vectors.shape[1] == index.vectors.shape[1]:
        near = (vectors @ index.vectors.T).astype(np.float32)
    words = _shared_words(comments, index)
    by_text = np.maximum(near + WORDS_WEIGHT * words, words * (FITS / WORDS_ALONE))
    scores = np.full((len(comments), len(index.tags)), -1.0, np.float32)
    for column, text in enumerate(index.texts):
        scores[:, text.tag] = np.maximum(scores[:, text.tag], by_text[:, column])
    return scores


def _shared_words(comments: Sequence[Read], index: TagIndex) -> Floats:
    """Which share of each text's terms each comment has, (n, texts)."""
    shared = np.zeros((len(comments), len(index.texts)), np.float32)
    wanted = [found for found in index.terms if found]
    if not wanted:
        return shared
    for row, comment in enumerate(comments):
        there = set(terms(comment.written, comment.language))
        for column, found in enumerate(index.terms):
            if found and not found.isdisjoint(there):
                shared[row, column] = len(found & there) / len(found)
    return shared


def _fitting(scores: Floats, tags: Sequence[Tag]) -> list[TagGiven]:
    order: list[int] = np.argsort(-scores, kind="stable")[:MOST].tolist()
    return [
        TagGiven(code=tags[place].code, explanation=tags[place].explanation) for place in order if scores[place] >= FITS
    ]


@cache
def _aspects() -> dict[str, dict[Language, dict[str, str]]]:
    return tomllib.loads(files("ouvidor.feedback.local").joinpath("aspects.toml").read_text(encoding="utf-8"))


@cache
def _aspect_cues(language: Language) -> Cues:
    return Cues(
        {
            name: [tuple(re.findall(r"\w+\*?", phrase)) for phrase in _phrases(aspect[language]["words"])]
            for name, aspect in _aspects().items()
        }
    )


def _phrases(words: str) -> Iterator[str]:
    for phrase in words.split(","):
        bracket = re.search(r"\[(\w+)\]", phrase)
        yield from [phrase.replace(bracket[0], letter) for letter in bracket[1]] if bracket else [phrase]
