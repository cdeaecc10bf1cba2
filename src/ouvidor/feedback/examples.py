"""Labelled comments: those that ship with the product (examples.jsonl, written for it) and those of a taxonomy."""

from functools import cache
from importlib.resources import files
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from ouvidor.feedback.taxonomy import Category, Taxonomy
from ouvidor.text import Language, detect_language

NEAR_DUPLICATE = 0.92


class Example(BaseModel):
    """A comment and its category; `also` is another that it holds besides, `domain` the trade that it comes from.

    `weight` is how much it counts in training; a project's corrections count more than what ships.
    """

    model_config = ConfigDict(frozen=True)

    text: str
    category: str
    language: Language
    domain: str = ""
    also: Literal["praise", "criticism", "suggestion", "question", "spam"] | None = None
    weight: float = 1.0


@cache
def own_examples() -> tuple[Example, ...]:
    """The comments of examples.jsonl, balanced over category, language and domain, in the order of the file."""
    text = files("ouvidor.feedback").joinpath("examples.jsonl").read_text(encoding="utf-8")
    return tuple(Example.model_validate_json(line) for line in text.splitlines() if line.strip())


def examples_of(taxonomy: Taxonomy) -> list[Example]:
    """What a classifier of the taxonomy starts from: the examples of its categories, and ours where they bear the code.

    A category without ours has its name and description as one more example.
    """
    codes = set(taxonomy.codes)
    ours = [example for example in own_examples() if example.category in codes]
    known = {example.category for example in ours}
    given = [
        Example(text=text, category=category.code, language=detect_language(text, taxonomy.language))
        for category in taxonomy.categories
        for text in (*category.examples, *([] if category.code in known else [_described(category, taxonomy.language)]))
    ]
    return [*given, *ours]


def near_duplicates(vectors: NDArray[np.float32], above: float = NEAR_DUPLICATE) -> list[tuple[int, int]]:
    """Places of the pairs of texts whose vectors (n, d), of length 1, have a cosine above `above`."""
    return [
        (int(first), int(second))
        for first, second in np.argwhere(vectors @ vectors.T > above).tolist()
        if first < second
    ]


def _described(category: Category, language: Language) -> str:
    name = category.name(language).lower()
    return f"{name}: {category.description}" if category.description else name
