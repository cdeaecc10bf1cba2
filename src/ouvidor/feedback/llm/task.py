"""What a language model is asked of comments: many in one call, each by its number, in the project's categories."""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Annotated, Any, Literal, cast

import numpy as np
from pydantic import BaseModel, BeforeValidator, Field, ValidationError, create_model

from ouvidor.engines.base import Task
from ouvidor.engines.masking import holds_mark
from ouvidor.engines.personal_data import find
from ouvidor.feedback.classification import MOST_TAGS, Classification, Sentiment, TagGiven
from ouvidor.feedback.classifier import shipped
from ouvidor.feedback.local.classify import classify_read, spoken
from ouvidor.feedback.local.language import language_of
from ouvidor.feedback.local.tags import TagIndex, tag_texts
from ouvidor.feedback.taxonomy import Code, Taxonomy
from ouvidor.text import fold

COMMENTS = "comments"
"""The name of the task, and of its prompt."""
KEPT_TYPES = 256
LONGEST_CODE = 60
LONGEST_EXPLANATION = 600

_NO_CODE = re.compile(r"[^a-z0-9]+")
_LANGUAGE = re.compile(r"([a-z]{2})(?:[-_].*)?", re.DOTALL)


class SaidTag(BaseModel):
    """A tag as a model names it."""

    code: str = Field(description="A code of the list, or a new one: small letters, digits and _.")
    explanation: str = Field(default="", description="Of a new one: what it means, in a few words. Else empty.")


def _sound(kind: type[BaseModel], value: object, *, some: bool) -> object:
    """Of a list the parts that are of this kind; with `some` the list as it is where there are none at all."""
    if not isinstance(value, list):
        return value
    given = cast("list[object]", value)
    parts = [part for part in given if _holds(kind, part)]
    return given if some and not parts else parts


def _holds(kind: type[BaseModel], part: object) -> bool:
    try:
        kind.model_validate(part)
    except ValidationError:
        return False
    return True


class Answer(BaseModel):
    """What a model says of the comment with the number `n`."""

    n: int = Field(description="The comment's number.")
    category: str
    tags: Annotated[list[SaidTag], BeforeValidator(partial(_sound, SaidTag, some=False))] = Field(
        default=[], description="What it is about: at most three."
    )
    confidence: float = Field(ge=0, le=1, description="How likely the category is right, 0 to 1.")
    sentiment: Sentiment
    language: str = Field(default="", description="ISO 639-1.")


class Answers(BaseModel):
    """What a model says of the comments of one call."""

    comments: list[Answer]


@dataclass(frozen=True)
class Comments:
    """The comments of one call in the order of their numbers, from 1; `shown` is what is told of the taxonomy."""

    texts: tuple[str, ...]
    taxonomy: Taxonomy
    shown: Mapping[str, Any]


def present(given: Comments) -> str:
    """Taxonomy and comments as one JSON object, all of it data; what stays the same over calls stands first."""
    numbered = [{"n": number, "text": text} for number, text in enumerate(given.texts, 1)]
    return json.dumps({**given.shown, "comments": numbered}, ensure_ascii=False)


@lru_cache(maxsize=KEPT_TYPES)
def output_for(codes: tuple[Code, ...]) -> type[Answers]:
    """The schema of an answer: no other categories than these.

    What does not hold to it concerns one comment: of a list of answers the sound ones are kept. Where none is, the
    whole is refused, so that the model is told why.
    """
    category = cast("Any", Literal)[codes]
    one = create_model("Answer", __base__=Answer, category=(category, ...))
    many = cast("Any", Annotated)[list[one], BeforeValidator(partial(_sound, one, some=True))]
    return create_model("Answers", __base__=Answers, comments=(many, ...))


@lru_cache(maxsize=KEPT_TYPES)
def _task_for(codes: tuple[Code, ...]) -> Task[Comments, Answers]:
    return Task(name=COMMENTS, output=output_for(codes), local=_sort_by_words, present=present, degrades=False)


def task_for(taxonomy: Taxonomy) -> Task[Comments, Answers]:
    """The task for comments of a project with this taxonomy.

    It does not degrade: the local classifier, which reads vectors too, is not a rule that stands in unasked. The task's
    own rule goes by words alone and knows the default categories; where there are others it answers nothing.
    """
    return _task_for(taxonomy.codes)


def _sort_by_words(given: Comments) -> Answers:
    """The answers of what ships, without vectors."""
    taxonomy, output = given.taxonomy, output_for(given.taxonomy.codes)
    model = shipped().by_words
    if not given.texts or set(model.category.classes) != set(taxonomy.codes):
        return output(comments=[])
    index = TagIndex.of(taxonomy, np.zeros((len(tag_texts(taxonomy)), 0), np.float32))
    vectors = np.zeros((len(given.texts), 0), np.float32)
    tongues = spoken(given.texts, taxonomy.language)
    found = classify_read(given.texts, tongues, vectors, model, index, taxonomy.language)
    return output.model_validate({"comments": [{"n": n, **one.model_dump()} for n, one in enumerate(found, 1)]})


def read_answers(answers: Answers, texts: Sequence[str], taxonomy: Taxonomy) -> list[Classification | None]:
    """A classification for each text by its number, from 1; None where the answer names it not at all or twice.

    Numbers that stand for no text are nothing.
    """
    times = Counter(one.n for one in answers.comments)
    by_number = {one.n: one for one in answers.comments if times[one.n] == 1}
    tags = _tags_by(taxonomy)
    return [
        None if (said := by_number.get(number)) is None else _classification(said, text, taxonomy, tags)
        for number, text in enumerate(texts, 1)
    ]


def _classification(
    said: Answer, text: str, taxonomy: Taxonomy, tags: Callable[[Sequence[SaidTag]], list[TagGiven]]
) -> Classification:
    told = _LANGUAGE.fullmatch(said.language.strip().lower())
    return Classification(
        category=said.category,
        tags=tags(said.tags),
        confidence=round(said.confidence, 4),
        sentiment=said.sentiment,
        language=told[1] if told else language_of(text, taxonomy.language),
    )


def _tags_by(taxonomy: Taxonomy) -> Callable[[Sequence[SaidTag]], list[TagGiven]]:
    """Reads tags: those of the taxonomy with its own explanation, others with a code of the form that codes have."""
    known = {tag.code: TagGiven(code=tag.code, explanation=tag.explanation) for tag in taxonomy.tags}

    def read(said: Sequence[SaidTag]) -> list[TagGiven]:
        given: dict[Code, TagGiven] = {}
        for one in said:
            tag = known.get(one.code.strip()) or known.get(_code_of(one.code)) or _new_tag(one)
            if tag is not None:
                given.setdefault(tag.code, tag)
        return list(given.values())[:MOST_TAGS]

    return read


def _new_tag(said: SaidTag) -> TagGiven | None:
    """A tag that is proposed; other people will read it, so it holds nobody's personal data."""
    code = _code_of(said.code)
    if not code or _personal(said.code):
        return None
    explanation = said.explanation.strip()[:LONGEST_EXPLANATION]
    return TagGiven(code=code, explanation="" if _personal(explanation) else explanation)


def _personal(text: str) -> bool:
    """Whether it holds personal data, or the mark that stands for some: nobody undoes those of a batch."""
    return bool(find(text)) or holds_mark(text)


def _code_of(written: str) -> Code:
    return _NO_CODE.sub("_", fold(written)).strip("_")[:LONGEST_CODE].rstrip("_")
