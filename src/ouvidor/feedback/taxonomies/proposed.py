"""Tags that classifiers proposed: taken into the project's list by one deed, or not to be shown any more."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.audit import Actor, note
from ouvidor.accounts.models import Project
from ouvidor.errors import Unprocessable
from ouvidor.feedback.classification import TagGiven
from ouvidor.feedback.models import Comment, CommentRules
from ouvidor.feedback.taxonomies.draft import TagDraft, draft_of
from ouvidor.feedback.taxonomies.versions import (
    Saved,
    active_version,
    lock_taxonomies,
    newest_version,
    save_taxonomy,
)
from ouvidor.feedback.taxonomy import Taxonomy
from ouvidor.runtime import Runtime

SHOWN = 12
MOST_IGNORED = 2_000

USES = text("""
select code, count(*) as comments, max(comment.id::text) as newest
from comment, unnest(tag_codes) as code
where project_id = :project
group by code
order by code = any(cast(:known as text[])) desc, count(*) desc, code
limit :most
""")


class NotProposed(Unprocessable):
    """No comment has such a tag, or it is in the list already."""


class TooManyIgnored(Unprocessable):
    """So many tags are ignored already that no more can be; bring some back first."""


@dataclass(frozen=True)
class Proposed:
    """A tag that is not in the project's list: how many comments have it, and the words of the newest of them."""

    code: str
    comments: int
    explanation: str
    example: UUID
    text: str


@dataclass(frozen=True)
class TagUses:
    """How many comments have each tag of the list, the most frequent of those that are not in it, what is ignored."""

    known: dict[str, int]
    proposed: tuple[Proposed, ...]
    ignored: tuple[str, ...]


async def tag_uses(session: AsyncSession, project: Project, taxonomy: Taxonomy, *, most: int = SHOWN) -> TagUses:
    """The tags that the project's comments have, and at most so many that are proposed."""
    known = [tag.code for tag in taxonomy.tags]
    ignored = await _ignored(session, project.id)
    limit = len(known) + len(ignored) + most
    rows = (await session.execute(USES, {"project": project.id, "known": known, "most": limit})).all()
    new = [row for row in rows if row.code not in {*known, *ignored}][:most]
    examples = await _examples(session, project.id, [UUID(row.newest) for row in new])
    return TagUses(
        known={row.code: row.comments for row in rows if row.code in known},
        proposed=tuple(_proposed(row.code, row.comments, examples[UUID(row.newest)]) for row in new),
        ignored=tuple(ignored),
    )


async def take_tags(rt: Runtime, project: Project, codes: Collection[str], *, actor: Actor) -> Saved:
    """Add proposed tags to the list: a new version, in use at once; no comment has to be classified again.

    Raises:
        NotProposed: none of them is proposed.
        UnacceptableTaxonomy: the list would be too long.
        SavedMeanwhile: somebody saved a version at the same moment.
    """
    async with rt.db.read() as session:
        version, newest = await active_version(session, project), await newest_version(session, project)
        uses = await tag_uses(session, project, version.taxonomy, most=len(codes) + SHOWN)
    taken = [TagDraft(one.code, one.explanation) for one in uses.proposed if one.code in codes]
    if not taken:
        raise NotProposed
    draft = draft_of(version.taxonomy)
    wanted = replace(draft, tags=(*draft.tags, *taken))
    return await save_taxonomy(rt, project, wanted, based_on=newest.number, actor=actor, activate=True)


async def ignore_tags(rt: Runtime, project: Project, codes: Sequence[str], *, actor: Actor) -> None:
    """Do not show these proposals any more; comments keep their tags.

    Raises:
        TooManyIgnored: there would be more than MOST_IGNORED.
    """
    async with rt.db.begin() as session:
        await lock_taxonomies(session, project.id)
        ignored = await _ignored(session, project.id)
        await _write(session, rt, project, ignored, list(dict.fromkeys([*ignored, *codes])), actor)


async def show_tags(rt: Runtime, project: Project, codes: Collection[str], *, actor: Actor) -> None:
    """Show these again among the proposals."""
    async with rt.db.begin() as session:
        await lock_taxonomies(session, project.id)
        ignored = await _ignored(session, project.id)
        await _write(session, rt, project, ignored, [code for code in ignored if code not in codes], actor)


async def _write(
    session: AsyncSession, rt: Runtime, project: Project, before: list[str], after: list[str], actor: Actor
) -> None:
    if after == before:
        return
    if len(after) > max(MOST_IGNORED, len(before)):
        raise TooManyIgnored
    statement = insert(CommentRules).values(project_id=project.id, ignored_tags=after)
    kept = statement.on_conflict_do_update(index_elements=["project_id"], set_={"ignored_tags": after})
    await session.execute(kept)
    told: dict[str, Any] = {"before": len(before), "after": len(after)}
    await note(session, actor, "taxonomy.ignored_tags", at=rt.clock(), project_id=project.id, **told)


async def _ignored(session: AsyncSession, project_id: UUID) -> list[str]:
    kept = await session.scalar(select(CommentRules.ignored_tags).where(CommentRules.project_id == project_id))
    return list(kept or [])


async def _examples(session: AsyncSession, project_id: UUID, ids: Sequence[UUID]) -> dict[UUID, Comment]:
    query = select(Comment).where(Comment.project_id == project_id, Comment.id.in_(ids))
    return {row.id: row for row in (await session.execute(query)).scalars()}


def _proposed(code: str, comments: int, example: Comment) -> Proposed:
    given = [TagGiven.model_validate(tag) for tag in example.tags]
    explanation = next((tag.explanation for tag in given if tag.code == code), "")
    return Proposed(code, comments, explanation, example.id, example.content)
