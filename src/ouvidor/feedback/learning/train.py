"""A project's own classifier: trained on its corrections, measured against what is in use, promoted when not worse."""

import time
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.audit import SYSTEM, Actor, Subject, note
from ouvidor.accounts.models import Project
from ouvidor.db import new_id
from ouvidor.engines.embeddings import EmbeddingFailed
from ouvidor.errors import Conflict
from ouvidor.feedback.classifier import Trained, compare_corrections, learn
from ouvidor.feedback.examples import Example
from ouvidor.feedback.in_use import active_taxonomy
from ouvidor.feedback.learning.golden import GoldenCase, golden_cases
from ouvidor.feedback.learning.trainings import (
    LEARNT_UNTIL,
    SHIPPED,
    active_model,
    alone,
    in_training,
    learning_of,
    learnt_until,
    list_models,
    put_into_use,
)
from ouvidor.feedback.local.language import cue_language
from ouvidor.feedback.local.train import Comparison
from ouvidor.feedback.models import CommentModel, ModelState
from ouvidor.feedback.taxonomy import Taxonomy
from ouvidor.jobs import enqueue
from ouvidor.knowledge.embedding import embedder_of
from ouvidor.runtime import Runtime

RETRAIN_JOB = "comments.retrain"
MOST_LEARNT = 5_000
"""Of more corrections the latest are learnt."""
WEIGHT = 3.0
"""A correction counts as much in training as so many examples of ours."""
ATTEMPTS = "attempts"


class NothingToLearn(Conflict):
    """There are no corrections yet that the model in use has not learnt; correct some comments first."""


@dataclass(frozen=True)
class Lesson:
    """What a training begins from: which model was in use, what it had learnt, and what is new."""

    taxonomy: Taxonomy
    number: int
    active: UUID | None
    known: list[Example]
    new: list[Example]
    until: datetime | None


async def order_training(rt: Runtime, project: Project, actor: Actor) -> CommentModel:
    """Have a model trained on all corrections so far; where one is being trained already, that one.

    Ordering again takes up a training whose process was killed.

    Raises:
        NothingToLearn: nobody has corrected anything since the model in use was trained.
    """
    async with rt.db.begin() as session:
        await alone(session, project.id)
        model = await in_training(session, project.id)
        if model is None:
            if not (await learning_of(session, project)).new:
                raise NothingToLearn
            number, _ = await active_taxonomy(session, project)
            newest = select(func.max(CommentModel.number)).where(CommentModel.project_id == project.id)
            model = CommentModel(
                id=new_id(),
                project_id=project.id,
                number=((await session.execute(newest)).scalar_one() or SHIPPED) + 1,
                taxonomy=number,
                ordered_by=actor.name,
                created_at=rt.clock(),
            )
            session.add(model)
            await session.flush()
            about, now = Subject("comment_model", model.id), rt.clock()
            told: dict[str, Any] = {"model": model.number}
            await note(session, actor, "comment_model.ordered", at=now, project_id=project.id, subject=about, **told)
        ids = {"project": str(project.id), "model": str(model.id)}
        await enqueue(session, rt.jobs, RETRAIN_JOB, once=f"{RETRAIN_JOB}:{project.id}", **ids)
        return model


async def retrain(rt: Runtime, project_id: UUID, model_id: UUID) -> None:
    """Carry out a training that was ordered; nothing where it is over, or its project gone.

    Raises:
        EmbeddingFailed: a server of vectors gave none; the model says so, and a later run takes it up.
    """
    project = await _begin(rt, project_id, model_id)
    if project is None:
        return
    began = time.monotonic()
    try:
        lesson, embedder = await _lesson(rt, project), embedder_of(rt, project)
        comparison = await compare_corrections(lesson.taxonomy, embedder, lesson.known, lesson.new)
        examples = [*lesson.known, *lesson.new]
        trained = await learn(lesson.taxonomy, embedder, examples) if comparison.promoted else None
    except Exception as fault:
        reason = "no_vectors" if isinstance(fault, EmbeddingFailed) else "error"
        await _end(rt, project_id, model_id, {"state": ModelState.FAILED, "reason": reason})
        raise
    await _judge(rt, project, model_id, lesson, comparison, trained, time.monotonic() - began)


def example_of(case: GoldenCase, taxonomy: Taxonomy) -> Example:
    """What a training makes of a correction."""
    language = cue_language(case.language, taxonomy.language)
    return Example(text=case.text, category=case.category, language=language, weight=WEIGHT)


async def _begin(rt: Runtime, project_id: UUID, model_id: UUID) -> Project | None:
    """The project, once the training is marked as under way; a run that was killed has left such a mark before."""
    own = (CommentModel.project_id == project_id, CommentModel.id == model_id)
    async with rt.db.begin() as session:
        model = (await session.execute(select(CommentModel).where(*own).with_for_update())).scalar_one_or_none()
        newest = next(iter(await list_models(session, project_id, limit=1)), None)
        if model is None or not (model.state == ModelState.TRAINING or (model.state == "failed" and model is newest)):
            return None
        attempts = int(model.measured.get(ATTEMPTS, 0))
        model.reason = "interrupted" if attempts and model.state == ModelState.TRAINING else None
        model.measured = {ATTEMPTS: attempts + 1}
        model.state, model.finished_at = ModelState.TRAINING, None
        return await session.get(Project, project_id)


async def _lesson(rt: Runtime, project: Project) -> Lesson:
    async with rt.db.read() as session:
        number, taxonomy = await active_taxonomy(session, project)
        active = await active_model(session, project.id)
        cases = await golden_cases(session, project.id, taxonomy)
    latest = sorted(cases, key=lambda case: case.corrected_at)[-MOST_LEARNT:]
    since = learnt_until(active)
    known = [case for case in latest if since is not None and case.corrected_at <= since]
    return Lesson(
        taxonomy=taxonomy,
        number=number,
        active=active.id if active else None,
        known=[example_of(case, taxonomy) for case in known],
        new=[example_of(case, taxonomy) for case in latest[len(known) :]],
        until=max((case.corrected_at for case in cases), default=None),
    )


async def _judge(
    rt: Runtime,
    project: Project,
    model_id: UUID,
    lesson: Lesson,
    comparison: Comparison,
    trained: Trained | None,
    seconds: float,
) -> None:
    """Put the model into use, or keep it out with the reason."""
    async with rt.db.begin() as session:
        await alone(session, project.id)
        active = await active_model(session, project.id)
        _, taxonomy = await active_taxonomy(session, project)
        told = {
            "taxonomy": lesson.number,
            "corrections": len(lesson.known) + len(lesson.new),
            "measured": _measured(lesson, comparison, seconds),
        }
        reason = None if trained else "worse"
        if set(taxonomy.codes) != set(lesson.taxonomy.codes):
            reason = "other_taxonomy"
        elif (active.id if active else None) != lesson.active:
            reason = "other_model"
        if reason or trained is None:
            await _write(session, rt, model_id, told | {"state": ModelState.KEPT_OUT, "reason": reason})
        else:
            promoted = {"state": ModelState.PROMOTED, "reason": None, "weights": trained.to_bytes()}
            await _write(session, rt, model_id, told | promoted)
            await put_into_use(session, project.id, await session.get_one(CommentModel, model_id))
        action = "comment_model.kept_out" if reason else "comment_model.promoted"
        about, now = Subject("comment_model", model_id), rt.clock()
        figures = {"before": comparison.before.macro_f1, "after": comparison.after.macro_f1}
        await note(session, SYSTEM, action, at=now, project_id=project.id, subject=about, reason=reason, **figures)


def _measured(lesson: Lesson, comparison: Comparison, seconds: float) -> dict[str, Any]:
    return {
        "before": asdict(comparison.before),
        "after": asdict(comparison.after),
        "noise": round(comparison.noise, 4),
        "new_before": round(comparison.new_before, 4),
        "new_after": round(comparison.new_after, 4),
        "known": len(lesson.known),
        "new": len(lesson.new),
        "seconds": round(seconds, 1),
        LEARNT_UNTIL: lesson.until.isoformat() if lesson.until else None,
    }


async def _end(rt: Runtime, project_id: UUID, model_id: UUID, values: dict[str, Any]) -> None:
    async with rt.db.begin() as session:
        await alone(session, project_id)
        await _write(session, rt, model_id, values)


async def _write(session: AsyncSession, rt: Runtime, model_id: UUID, values: dict[str, Any]) -> None:
    told = {**values, "finished_at": rt.clock()}
    await session.execute(update(CommentModel).where(CommentModel.id == model_id).values(told))
