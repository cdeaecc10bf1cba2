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
    if not embedder.english_only:
        return await embedder.embed(texts, project_id=project_id)
    given = [gloss(text) if language == "pt" else text for text, language in zip(texts, languages, strict=True)]
    return await embedder.embed(given, project_id=project_id)
