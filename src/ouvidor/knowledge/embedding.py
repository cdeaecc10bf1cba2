"""Texts of both languages as vectors: Portuguese is glossed first where the model reads English alone."""

from collections.abc import Sequence
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from ouvidor.accounts.models import Project
from ouvidor.engines.embeddings import Embedder, EmbeddingFailed
from ouvidor.engines.masking import mask
from ouvidor.knowledge.gloss import gloss
from ouvidor.runtime import Runtime
from ouvidor.text import Language, detect_language

GLOSS_VERSION = 1


def vectors_name(embedder: Embedder) -> str:
    """Names the vectors that `embed_texts` makes; a change of model or gloss makes another name."""
    return f"{embedder.name}+gloss{GLOSS_VERSION}" if embedder.english_only else embedder.name


class _OfProject:
    """A model on somebody else's machine, as a project uses it: nothing personal leaves, calls are recorded for it."""

    remote = True

    def __init__(self, embedder: Embedder, project: Project) -> None:
        self._embedder = embedder
        self._project = project

    @property
    def name(self) -> str:
        return self._embedder.name

    @property
    def dimension(self) -> int:
        return self._embedder.dimension

    @property
    def available(self) -> bool:
        return self._embedder.available

    @property
    def english_only(self) -> bool:
        return self._embedder.english_only

    async def embed(self, texts: Sequence[str], *, project_id: UUID | None = None) -> NDArray[np.float32]:
        masks = self._project.mask_personal_data
        given = [mask(text).text for text in texts] if masks else texts
        return await self._embedder.embed(given, project_id=project_id or self._project.id)


def embedder_of(rt: Runtime, project: Project) -> Embedder:
    """The model that makes the project's vectors; personal data is masked before it leaves the machine."""
    return _OfProject(rt.embedder, project) if rt.embedder.remote else rt.embedder


async def vector_of_query(rt: Runtime, project: Project, query: str) -> NDArray[np.float32] | None:
    """The vector of what somebody looks for, None where there is no model or its server fails.

    Masked before it leaves the machine.
    """
    if not rt.embedder.available:
        return None
    language = detect_language(query, "en" if project.languages[0] == "en" else "pt")
    try:
        return (await embed_texts(embedder_of(rt, project), [query], [language], project_id=project.id))[0]
    except EmbeddingFailed:
        return None


async def embed_texts(
    embedder: Embedder, texts: Sequence[str], languages: Sequence[Language], *, project_id: UUID | None = None
) -> NDArray[np.float32]:
    """Vectors of the texts, each in the language beside it: (n, dimension), of length 1; made for this project."""
    return await embedder.embed(texts_for(embedder, texts, languages), project_id=project_id)


def texts_for(embedder: Embedder, texts: Sequence[str], languages: Sequence[Language]) -> Sequence[str]:
    """The texts as the embedder is given them: Portuguese as its gloss where the model reads English alone.

    Costs a third of a millisecond a text or so: many are better glossed off the event loop.
    """
    if not embedder.english_only:
        return texts
    return [gloss(text) if language == "pt" else text for text, language in zip(texts, languages, strict=True)]
