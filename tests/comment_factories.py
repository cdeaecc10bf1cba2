"""Comments for tests, as they are stored once they were classified."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pgvector import HalfVector
from sqlalchemy import func

from ouvidor.accounts.models import Project
from ouvidor.db import new_id
from ouvidor.feedback.local.language import cue_language, language_of
from ouvidor.feedback.models import Comment, CommentClassification, CommentVector
from ouvidor.feedback.taxonomy import DEFAULT
from ouvidor.feedback.terms import terms_of
from ouvidor.knowledge.embedding import embed_texts, vectors_name
from ouvidor.runtime import Runtime


async def build_comment(
    rt: Runtime, project: Project, text: str, *, at: datetime | None = None, tags: tuple[str, ...] = (), **columns: Any
) -> UUID:
    """A comment of the project with its classification in the history, and a vector where the runtime makes them.

    `at` is when it was written and came; `tags` are codes; `columns` are of `Comment` and differ from the usual:
    criticism, negative, confidence 0.9, by the local classifier, nobody has corrected it and it waits for nobody.
    """
    moment, comment_id = at or rt.clock(), new_id()
    language = columns.get("language") or language_of(text, "pt")
    given_tags = [{"code": code, "explanation": f"About {code}"} for code in tags]
    usual: dict[str, Any] = {
        "external_id": str(comment_id),
        "fields": {},
        "author": None,
        "language": language,
        "sentiment": "negative",
        "category": "criticism",
        "tags": given_tags,
        "tag_codes": list(tags),
        "confidence": 0.9,
        "taxonomy": 0,
        "waits": None,
        "corrected_at": None,
        "terms": func.array_to_tsvector(list(terms_of([text], [language], DEFAULT)[0])),
        "written_at": moment,
        "received_at": moment,
        "updated_at": moment,
    }
    told = usual | columns
    told.setdefault("given_category", told["category"])
    vector = await _vector(rt, project, text, language)
    classification = CommentClassification(
        project_id=project.id,
        comment_id=comment_id,
        by="local",
        model="local",
        version="local 1",
        taxonomy=told["taxonomy"],
        category=told["given_category"],
        tags=given_tags,
        sentiment=told["sentiment"],
        language=language,
        confidence=told["confidence"],
        created_at=moment,
    )
    async with rt.db.begin() as session:
        session.add(Comment(id=comment_id, project_id=project.id, content=text, **told))
        await session.flush()
        session.add_all([classification, *vector(comment_id)])
    return comment_id


async def _vector(rt: Runtime, project: Project, text: str, language: str) -> Any:
    """Makes the row of the vector, made before any transaction; none where there is no model."""
    if not rt.embedder.available:
        return lambda _: []
    vectors = await embed_texts(rt.embedder, [text], [cue_language(language, "pt")])
    name = vectors_name(rt.embedder)
    return lambda comment_id: [
        CommentVector(
            comment_id=comment_id, project_id=project.id, made_by=name, embedding=HalfVector(vectors[0].tolist())
        )
    ]
