"""Every comment of a project gone over once more: with another taxonomy, another model, or because somebody says so."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.audit import Actor, Subject, note
from ouvidor.accounts.models import Project
from ouvidor.db import new_id
from ouvidor.feedback.models import CommentJob, JobKind

PUT = text("""
with put as (
    insert into comment_item (
        job_id, position, project_id, numbered, fields, comment_id, state, attempts, losses, due_at, reserved
    )
    select cast(:job as uuid), row_number() over (order by written_at desc, id desc), project_id, false, '{}', id,
        'pending', 0, 0, cast(:now as timestamptz), 0
    from comment where project_id = :project
    returning 1
)
update comment_job set total = (select count(*) from put) where id = :job returning total
""")
INSTEAD = text("""
update comment_job set state = 'cancelled', paused_for = null, finished_at = :now
where project_id = :project and kind = 'again' and state in ('pending', 'running', 'paused') and id <> :job
""")
EMPTY = text("delete from comment_job where id = :job")


async def begin_again(
    session: AsyncSession, project: Project, *, source: str, actor: Actor, now: datetime, batched: bool = False
) -> UUID | None:
    """Put all comments of the project on the list of the workers, the newest first; the job's id.

    `source` tells why (`taxonomy`, `model`, `again`). It does the work of those of its kind that are still open, which
    are cancelled. None where the project has no comment.
    """
    job = CommentJob(
        id=new_id(),
        project_id=project.id,
        kind=JobKind.AGAIN,
        source=source,
        ordered_by=actor.name,
        batched=batched,
        created_at=now,
    )
    session.add(job)
    await session.flush()
    values = {"job": job.id, "project": project.id, "now": now}
    total = (await session.execute(PUT, values)).scalar_one()
    if not total:
        session.expunge(job)
        await session.execute(EMPTY, {"job": job.id})
        return None
    await session.execute(INSTEAD, values)
    about = Subject("comment_job", job.id)
    await note(session, actor, "comments.reclassified", at=now, project_id=project.id, subject=about, comments=total)
    return job.id
