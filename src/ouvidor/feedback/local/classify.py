"""Comments classified from their features: category, confidence, sentiment, tags, language. Pure."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from ouvidor.feedback.classification import Classification
from ouvidor.feedback.local.features import LONGEST, features_of_read
from ouvidor.feedback.local.grams import Floats
from ouvidor.feedback.local.language import cue_language, language_of
from ouvidor.feedback.local.model import Model
from ouvidor.feedback.local.signals import read
from ouvidor.feedback.local.tags import TagIndex, tags_of
from ouvidor.feedback.local.train import SENTIMENTS
from ouvidor.text import Language

NOISE = "spam"
VERSION = "comments 1"
"""Names what judges where nothing was trained for a project; a change of weights or features makes another."""


@dataclass(frozen=True)
class Spoken:
    """A comment's language (ISO 639-1), and the one in whose cues and word list it is read."""

    language: str
    cues: Language


def spoken(texts: Sequence[str], default: Language) -> list[Spoken]:
    """The languages of comments; `default` is that of comments which have no words to tell."""
    found = [language_of(text[:LONGEST], default) for text in texts]
    return [Spoken(language, cue_language(language, default)) for language in found]


def classify_read(
    texts: Sequence[str], tongues: Sequence[Spoken], vectors: Floats, model: Model, index: TagIndex, language: Language
) -> list[Classification]:
    """A classification for each comment, in order; `vectors` (n, model.vector_length) are theirs.

    Codes of new tags are in `language`.
    """
    if not texts:
        return []
    comments = [read(text[:LONGEST], tongue.cues) for text, tongue in zip(texts, tongues, strict=True)]
    chances, feelings = model.judge(features_of_read(comments, vectors))
    best: list[int] = chances.argmax(axis=1).tolist()
    tones: list[int] = feelings.argmax(axis=1).tolist()
    confidences: list[float] = chances.max(axis=1).tolist()
    tags = tags_of(comments, vectors, index, language)
    even = 1 / len(model.category.classes)
    return [
        Classification(
            category=model.category.classes[best[place]],
            tags=tags[place],
            confidence=round(confidences[place], 4),
            sentiment=SENTIMENTS[tones[place]],
            language=tongues[place].language,
        )
        if _says_something(texts[place])
        else _blank(model.category.classes, even, tongues[place].language)
        for place in range(len(texts))
    ]


def _says_something(text: str) -> bool:
    return any(sign.isalnum() or sign == "?" or unicodedata.category(sign) == "So" for sign in text[:LONGEST])


def _blank(classes: Sequence[str], even: float, language: str) -> Classification:
    """Of a comment without a word, a number, a question mark or a picture: noise where there is such a category."""
    category = NOISE if NOISE in classes else classes[0]
    return Classification(category=category, confidence=round(even, 4), sentiment="neutral", language=language)
