"""Texts of both languages as vectors: Portuguese is glossed first where the model reads English alone."""

from collections.abc import Sequence
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from ouvidor.engines.embeddings import Embedder
from ouvidor.knowledge.gloss import gloss
from ouvidor.text import Language

GLOSS_VERSION = 1


def vectors_name(embedder: Embedder) -> str:
    """Names the vectors that `embed_texts` makes; a change of model or gloss makes another name."""
    return f"{embedder.name}+gloss{GLOSS_VERSION}" if embedder.english_only else embedder.name


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
