"""The demo label's comments brought in as if they had come over nine weeks: classified here, whatever engine there is,
and the older ones looked through by a person.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from ouvidor.accounts.audit import Actor
from ouvidor.accounts.models import Project
from ouvidor.demo.comments import past_comments, planted
from ouvidor.feedback.in_use import InUse, in_use
from ouvidor.feedback.judge import judge_locally
from ouvidor.feedback.learning.correcting import correct
from ouvidor.feedback.models import Comment, Waits
from ouvidor.feedback.store import Fresh, known, store_new
from ouvidor.feedback.told import Told
from ouvidor.runtime import Runtime

AT_ONCE = 100
FIELDS = ("artista", "album", "canal")
ANALYST = Actor("user", "Helena Prado")
LOOKED_AT = {Waits.BLIND: timedelta(days=7), Waits.UNSURE: timedelta(days=35)}
"""How long ago a comment came that she has looked at, by why it waited."""
A_DAY = timedelta(days=1)


async def load_comments(rt: Runtime, project: Project) -> None:
    """Bring in those that are missing; a load that was cut short is continued."""
    rows = list(past_comments(rt.clock()))
    async with rt.db.read() as session:
        stored = await session.scalar(select(func.count()).where(Comment.project_id == project.id))
    if stored == len(rows):
        return
    use = await in_use(rt, project)
    for start in range(0, len(rows), AT_ONCE):
        await _load(rt, project, use, [_told(rt, row) for row in rows[start : start + AT_ONCE]])


async def _load(rt: Runtime, project: Project, use: InUse, told: Sequence[Told]) -> None:
    async with rt.db.read() as session:
        there = await known(session, project.id, told)
    new = [one for one, met in zip(told, there, strict=True) if met is None]
    judged = await judge_locally(use, [one.text for one in new])
    fresh = [Fresh(*pair) for pair in zip(new, judged, strict=True)]
    came = max((one.written_at for one in new if one.written_at), default=rt.clock())
    async with rt.db.begin() as session:
        await store_new(session, project.id, fresh, use.rules, came)
    await _look_through(rt, project, came, [one.id for one in new])


async def _look_through(rt: Runtime, project: Project, came: datetime, ids: Sequence[str | None]) -> None:
    """What the analyst said the day after of those that waited: what they were written as."""
    waited = [why for why, ago in LOOKED_AT.items() if came < rt.clock() - ago]
    query = select(Comment.id, Comment.external_id).where(
        Comment.project_id == project.id, Comment.external_id.in_(ids), Comment.waits.in_(waited)
    )
    async with rt.db.read() as session:
        waiting = (await session.execute(query.order_by(Comment.id))).all()
    next_day = replace(rt, clock=lambda: came + A_DAY)
    for row in waiting:
        await correct(next_day, project, row.id, planted()[row.external_id].category, actor=ANALYST)


def _told(rt: Runtime, row: dict[str, Any]) -> Told:
    fields = {name: row[name] for name in FIELDS if row[name]}
    return Told(row["texto"], row["id"], fields, written_at=rt.clock() - timedelta(days=row["days_ago"]))
