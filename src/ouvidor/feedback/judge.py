"""Comments judged: by the language model where the project has one, else by the local classifier."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from uuid import UUID

import numpy as np

from ouvidor.accounts.models import Project
from ouvidor.engines.embeddings import EmbeddingFailed
from ouvidor.engines.local import LOCAL
from ouvidor.engines.spending import Spent
from ouvidor.feedback.classification import Classification
from ouvidor.feedback.classifier import Vectors, sort_texts
from ouvidor.feedback.in_use import InUse
from ouvidor.feedback.llm.by_model import Asked, ask
from ouvidor.feedback.local.classify import spoken
from ouvidor.feedback.models import By
from ouvidor.feedback.terms import terms_of
from ouvidor.knowledge.embedding import embed_texts, vectors_name
from ouvidor.runtime import Runtime

NO_ANSWER = "no_answer"


@dataclass(frozen=True)
class Judged:
    """A classification and who gave it; `vector` is that of the text (length 1), empty where there is no model for it.

    `version` is the prompt's label or the local classifier's, `taxonomy` the number of the version it was sorted by,
    `cost` its share of the call in US dollars, None where the price is not known. `terms` are its words for searching.
    """

    classification: Classification
    by: By
    model: str
    version: str
    prompt_version: UUID | None
    taxonomy: int
    cost: Decimal | None
    terms: tuple[str, ...]
    vector: Vectors
    vector_by: str


@dataclass(frozen=True)
class Failure:
    """Why a comment has no classification; `asked` tells whether the model was called at all."""

    reason: str
    asked: bool


@dataclass(frozen=True)
class Verdicts:
    """What came of texts, one for each in order, and what the `calls` of a model took together."""

    judged: list[Judged | Failure]
    spent: Spent = field(default_factory=Spent)
    calls: int = 0


async def judge(rt: Runtime, project: Project, use: InUse, texts: Sequence[str]) -> Verdicts:
    """Judge these texts, at most some hundreds; never called inside a transaction.

    Raises:
        EmbeddingFailed: the local classifier needs vectors, and their server gave none.
    """
    if not use.by_model:
        return Verdicts([*await judge_locally(use, texts)])
    return await verdicts_of(rt, project, use, await ask(rt, project, use.taxonomy, texts), texts)


async def verdicts_of(rt: Runtime, project: Project, use: InUse, asked: Asked, texts: Sequence[str]) -> Verdicts:
    """What a model said of these texts, ready to be stored: with vectors, words for searching, each with its cost."""
    vectors = await _vectors(rt, project, use, texts)
    share = None if asked.spent.cost is None or not texts else asked.spent.cost / len(texts)
    judged: list[Judged | Failure] = [
        Failure(asked.fault or NO_ANSWER, asked.asked)
        if answer is None
        else _judged_by_model(use, asked, answer, text, vector, share)
        for answer, text, vector in zip(asked.answers, texts, vectors, strict=True)
    ]
    return Verdicts(judged, asked.spent, asked.calls)


async def judge_locally(use: InUse, texts: Sequence[str]) -> list[Judged]:
    """By the local classifier, whatever engine there is.

    Raises:
        EmbeddingFailed: it needs vectors, and their server gave none.
    """
    found = await sort_texts(texts, use.classifier, use.embedder)
    name = vectors_name(use.embedder)
    terms = await asyncio.to_thread(terms_of, texts, [one.language for one in found.classifications], use.taxonomy)
    return [
        Judged(
            classification=classification,
            by=By.LOCAL,
            model=LOCAL,
            version=use.local_version,
            prompt_version=None,
            taxonomy=use.number,
            cost=Decimal(0),
            terms=words,
            vector=vector,
            vector_by=name,
        )
        for classification, words, vector in zip(found.classifications, terms, found.vectors, strict=True)
    ]


async def with_stand_ins(use: InUse, texts: Sequence[str], verdicts: Verdicts) -> Verdicts:
    """The verdicts, with the local classifier's where the model failed: somebody waits for an answer.

    Raises:
        EmbeddingFailed: it needs vectors, and their server gave none.
    """
    places = [place for place, one in enumerate(verdicts.judged) if isinstance(one, Failure)]
    if not places:
        return verdicts
    stand_ins = dict(zip(places, await judge_locally(use, [texts[place] for place in places]), strict=True))
    return replace(verdicts, judged=[stand_ins.get(place, one) for place, one in enumerate(verdicts.judged)])


async def _vectors(rt: Runtime, project: Project, use: InUse, texts: Sequence[str]) -> Vectors:
    """For searching only: where their server fails the comments are found by words, and by meaning never."""
    if not rt.embedder.available or not texts:
        return np.zeros((len(texts), 0), np.float32)
    tongues = await asyncio.to_thread(spoken, texts, use.taxonomy.language)
    try:
        return await embed_texts(use.embedder, texts, [one.cues for one in tongues], project_id=project.id)
    except EmbeddingFailed:
        return np.zeros((len(texts), 0), np.float32)


def _judged_by_model(
    use: InUse, asked: Asked, answer: Classification, text: str, vector: Vectors, cost: Decimal | None
) -> Judged:
    (words,) = terms_of([text], [answer.language], use.taxonomy)
    return Judged(
        classification=answer,
        by=By.MODEL,
        model=asked.model,
        version=asked.label,
        prompt_version=asked.prompt_version,
        taxonomy=use.number,
        cost=cost,
        terms=words,
        vector=vector,
        vector_by=vectors_name(use.embedder),
    )
