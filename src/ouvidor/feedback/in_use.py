"""What a project's comments are classified with at the moment: its taxonomy, its rules, its local classifier."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from ouvidor.accounts.models import Project
from ouvidor.engines.embeddings import Embedder
from ouvidor.engines.local import LOCAL
from ouvidor.feedback.classifier import Classifier, Trained, classifier_for
from ouvidor.feedback.local.classify import VERSION
from ouvidor.feedback.models import CommentModel, TaxonomyVersion
from ouvidor.feedback.rules import Rules, read_rules
from ouvidor.feedback.taxonomy import Taxonomy, default_in
from ouvidor.knowledge.embedding import embedder_of, vectors_name
from ouvidor.runtime import Runtime

DEFAULT_NUMBER = 0
NONE = 0


@dataclass(frozen=True)
class InUse:
    """`number` is that of the taxonomy's version (0: the default); `local_version` names the local classifier.

    `by_model` tells that a language model classifies: there is one, and the project wants it.
    """

    taxonomy: Taxonomy
    number: int
    rules: Rules
    classifier: Classifier
    local_version: str
    by_model: bool
    embedder: Embedder


async def in_use(rt: Runtime, project: Project) -> InUse:
    """What holds now; a classifier that was not used for long takes a moment, an untrained one some seconds.

    Never called inside a transaction.

    Raises:
        EmbeddingFailed: a server of vectors gave none.
    """
    embedder = embedder_of(rt, project)
    async with rt.db.read() as session:
        rules = await read_rules(session, project.id)
        number, taxonomy = await active_taxonomy(session, project)
        active = select(CommentModel).where(CommentModel.project_id == project.id, CommentModel.active)
        model = (await session.execute(active)).scalar_one_or_none()
    revision = hash((number, model.number if model else NONE, vectors_name(embedder)))
    key = ("comments", project.id)
    ready = rt.memory.get(key, revision)
    if not isinstance(ready, Classifier):
        trained = await _trained(rt, model, taxonomy)
        ready = rt.memory.put(key, revision, await classifier_for(taxonomy, embedder, trained))
    return InUse(
        taxonomy=taxonomy,
        number=number,
        rules=rules,
        classifier=ready,
        local_version=f"model {model.number}" if model and fits(ready.trained, taxonomy) else VERSION,
        by_model=rt.engine.name != LOCAL and rules.by_model,
        embedder=embedder,
    )


async def active_taxonomy(session: AsyncSession, project: Project) -> tuple[int, Taxonomy]:
    """The number of the version in force, and what it holds; the default, in the project's language, is version 0."""
    query = select(TaxonomyVersion).where(TaxonomyVersion.project_id == project.id, TaxonomyVersion.active)
    found = (await session.execute(query)).scalar_one_or_none()
    if found is None:
        return DEFAULT_NUMBER, default_taxonomy(project)
    return found.number, Taxonomy.model_validate(found.content)


def default_taxonomy(project: Project) -> Taxonomy:
    """What a project has that saved none: descriptions and codes of new tags are in its first language."""
    return default_in("en" if project.languages[0] == "en" else "pt")


def fits(trained: Trained, taxonomy: Taxonomy) -> bool:
    """Whether this was trained for the categories of the taxonomy, whatever their order."""
    return set(trained.by_words.category.classes) == set(taxonomy.codes)


async def _trained(rt: Runtime, model: CommentModel | None, taxonomy: Taxonomy) -> Trained | None:
    """What was learnt for the project, unless its categories are others by now."""
    if model is None:
        return None
    async with rt.db.read() as session:
        query = select(CommentModel).where(CommentModel.id == model.id).options(undefer(CommentModel.weights))
        weights = (await session.execute(query)).scalar_one().weights
    trained = Trained.from_bytes(weights) if weights else None
    return trained if trained and fits(trained, taxonomy) else None
