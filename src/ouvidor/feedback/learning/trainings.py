"""The trainings of a project: which model is in use, what it has not learnt yet, and going back to an earlier one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.audit import Actor, Subject, note
from ouvidor.accounts.models import Project
from ouvidor.errors import Conflict, NotFound
from ouvidor.feedback.in_use import active_taxonomy
from ouvidor.feedback.models import Comment, CommentModel, ModelState
from ouvidor.runtime import Runtime

SUGGESTED_FROM = 20
"""So many new corrections are worth a training."""
SHIPPED = 0
"""The number that stands for the classifier without a training of the project's own."""
LEARNT_UNTIL = "learnt_until"


class UnknownModel(NotFound):
    """This project has no model of that number."""


class NeverPromoted(Conflict):
    """This training was not promoted, so it cannot be used; only promoted ones can."""


@dataclass(frozen=True)
class Learning:
    """Where a project stands: the model in use (None: what ships) and the one that is being trained, if any.

    `corrections` are those that can be learnt, `new` of them what the model in use has not learnt, `untried` what no
    training has seen.
    """

    active: CommentModel | None
    training: CommentModel | None
    corrections: int
    new: int
    untried: int

    @property
    def suggested(self) -> bool:
        """Whether a training is worth proposing."""
        return self.training is None and self.untried >= SUGGESTED_FROM


async def learning_of(session: AsyncSession, project: Project) -> Learning:
    """Where the project stands."""
    active, training = await active_model(session, project.id), await in_training(session, project.id)
    tried = [learnt_until(model) for model in (active, *await list_models(session, project.id, limit=1))]
    _, taxonomy = await active_taxonomy(session, project)
    own = (*corrected(project.id), Comment.category.in_(taxonomy.codes))
    since = [learnt_until(active), max((at for at in tried if at), default=None)]
    counts = [func.count().filter(Comment.corrected_at > at) if at else func.count() for at in since]
    row = (await session.execute(select(func.count(), *counts).select_from(Comment).where(*own))).one()
    return Learning(active, training, *row)


async def activate_model(rt: Runtime, project: Project, number: int, actor: Actor) -> CommentModel | None:
    """Classify with a model that was promoted earlier, or (number 0) with what ships; the model in use from now on.

    Raises:
        UnknownModel: there is none of this number.
        NeverPromoted: it was kept out, or is not ready.
    """
    async with rt.db.begin() as session:
        await alone(session, project.id)
        model = None if number == SHIPPED else await read_model(session, project.id, number)
        if model is not None and model.state != ModelState.PROMOTED:
            raise NeverPromoted
        active = await active_model(session, project.id)
        if (active and active.id) == (model and model.id):
            return model
        await put_into_use(session, project.id, model)
        told: dict[str, Any] = {"model": number, "before": active.number if active else SHIPPED}
        about, now = Subject("comment_model", model.id) if model else None, rt.clock()
        await note(session, actor, "comment_model.activated", at=now, project_id=project.id, subject=about, **told)
        return model


async def list_models(session: AsyncSession, project_id: UUID, *, limit: int = 100) -> list[CommentModel]:
    """The project's trainings, the newest first, without their weights."""
    query = select(CommentModel).where(CommentModel.project_id == project_id)
    return list((await session.execute(query.order_by(CommentModel.number.desc()).limit(limit))).scalars())


async def read_model(session: AsyncSession, project_id: UUID, number: int) -> CommentModel:
    """The project's training of this number.

    Raises:
        UnknownModel: there is none.
    """
    query = select(CommentModel).where(CommentModel.project_id == project_id, CommentModel.number == number)
    found = (await session.execute(query)).scalar_one_or_none()
    if found is None:
        raise UnknownModel
    return found


async def active_model(session: AsyncSession, project_id: UUID) -> CommentModel | None:
    """The project's own model in use, if there is one."""
    query = select(CommentModel).where(CommentModel.project_id == project_id, CommentModel.active)
    return (await session.execute(query)).scalar_one_or_none()


def learnt_until(model: CommentModel | None) -> datetime | None:
    """When the newest correction was made that the model has learnt; None where it has learnt none."""
    told = model.measured.get(LEARNT_UNTIL) if model else None
    return datetime.fromisoformat(told) if isinstance(told, str) else None


async def put_into_use(session: AsyncSession, project_id: UUID, model: CommentModel | None) -> None:
    """Make this the model in use, None what ships; whoever calls is `alone`."""
    others = update(CommentModel).where(CommentModel.project_id == project_id, CommentModel.active)
    await session.execute(others.values(active=False))
    if model is not None:
        await session.execute(update(CommentModel).where(CommentModel.id == model.id).values(active=True))


async def in_training(session: AsyncSession, project_id: UUID) -> CommentModel | None:
    """The training that was ordered and is not over, if there is one."""
    query = select(CommentModel).where(CommentModel.project_id == project_id, CommentModel.state == ModelState.TRAINING)
    return (await session.execute(query.order_by(CommentModel.number).limit(1))).scalar_one_or_none()


async def alone(session: AsyncSession, project_id: UUID) -> None:
    """Wait until nobody else changes which model of the project is in use."""
    await session.execute(select(Project.id).where(Project.id == project_id).with_for_update(key_share=True))


def corrected(project_id: UUID) -> Sequence[Any]:
    """What a comment meets of which a person's word holds."""
    return (Comment.project_id == project_id, Comment.corrected_at.is_not(None))
