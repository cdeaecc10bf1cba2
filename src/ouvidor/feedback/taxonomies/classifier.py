"""The classifier that a change of taxonomy brings into use."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.audit import Actor
from ouvidor.accounts.models import Project
from ouvidor.db import new_id
from ouvidor.feedback.in_use import DEFAULT_NUMBER, default_taxonomy
from ouvidor.feedback.learning.trainings import LEARNT_UNTIL, alone, put_into_use
from ouvidor.feedback.models import CommentModel, ModelState, TaxonomyVersion
from ouvidor.feedback.taxonomies.changes import teaches_the_same
from ouvidor.feedback.taxonomy import Taxonomy


async def use_fitting_classifier(
    session: AsyncSession, project: Project, before: Taxonomy, row: TaxonomyVersion, actor: Actor, now: datetime
) -> None:
    """Classify with what was trained for the version, else with the newest model for its categories, else with none.

    What is in use stays where the version teaches nothing else than `before`, or only other examples that nothing was
    trained on yet.
    """
    after = Taxonomy.model_validate(row.content)
    if teaches_the_same(before, after):
        return
    own = select(TaxonomyVersion.weights).where(TaxonomyVersion.id == row.id)
    weights = (await session.execute(own)).scalar_one()
    if weights is None and set(before.codes) == set(after.codes):
        return
    await alone(session, project.id)
    model = await _fitting(session, project, after) if weights is None else None
    if weights is not None:
        model = await _store(session, project.id, row, weights, actor, now)
    await put_into_use(session, project.id, model)


async def _store(
    session: AsyncSession, project_id: UUID, row: TaxonomyVersion, weights: bytes, actor: Actor, now: datetime
) -> CommentModel:
    """Make a model of what was trained for the preview."""
    preview = row.preview or {}
    newest = select(func.max(CommentModel.number)).where(CommentModel.project_id == project_id)
    model = CommentModel(
        id=new_id(),
        project_id=project_id,
        number=(await session.scalar(newest) or 0) + 1,
        taxonomy=row.number,
        state=ModelState.PROMOTED,
        corrections=preview.get("learnt", 0),
        measured={LEARNT_UNTIL: preview.get("learnt_until")},
        weights=weights,
        ordered_by=actor.name,
        created_at=now,
        finished_at=now,
    )
    session.add(model)
    row.weights = None
    await session.flush()
    return model


async def _fitting(session: AsyncSession, project: Project, taxonomy: Taxonomy) -> CommentModel | None:
    """The newest promoted model that was trained for these categories."""
    codes = {DEFAULT_NUMBER: default_taxonomy(project).codes}
    versions = select(TaxonomyVersion).where(TaxonomyVersion.project_id == project.id)
    for row in (await session.execute(versions)).scalars():
        codes[row.number] = Taxonomy.model_validate(row.content).codes
    query = select(CommentModel).where(
        CommentModel.project_id == project.id,
        CommentModel.state == ModelState.PROMOTED,
        CommentModel.taxonomy.in_([number for number, found in codes.items() if set(found) == set(taxonomy.codes)]),
    )
    return (await session.execute(query.order_by(CommentModel.number.desc()).limit(1))).scalar_one_or_none()
