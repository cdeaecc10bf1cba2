"""The demo label's comments brought in: classified here, whatever engine there is."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from ouvidor.accounts.models import Project
from ouvidor.demo.comments import past_comments
from ouvidor.feedback.in_use import InUse, in_use
from ouvidor.feedback.judge import judge_locally
from ouvidor.feedback.models import Comment
from ouvidor.feedback.store import Fresh, known, store_new
from ouvidor.feedback.told import Told
from ouvidor.runtime import Runtime

AT_ONCE = 250
FIELDS = ("artista", "album", "canal")


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
    async with rt.db.begin() as session:
        await store_new(session, project.id, fresh, use.rules, rt.clock())


def _told(rt: Runtime, row: dict[str, Any]) -> Told:
    fields = {name: row[name] for name in FIELDS if row[name]}
    return Told(row["texto"], row["id"], fields, written_at=rt.clock() - timedelta(days=row["days_ago"]))
