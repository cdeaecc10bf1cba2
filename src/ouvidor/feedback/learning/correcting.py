"""A person's word on a comment: said, taken back, or left unsaid. The AI's value stays beside it, the history whole.

A confirmation is a correction to the same category. Corrections teach the next model (`learning`) and are golden cases.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.audit import Actor, Subject, note
from ouvidor.accounts.models import Project
from ouvidor.errors import Conflict, Unprocessable
from ouvidor.feedback.classification import MOST_TAGS, Sentiment, TagGiven
from ouvidor.feedback.in_use import active_taxonomy
from ouvidor.feedback.models import By, Comment, CommentClassification, Waits
from ouvidor.feedback.read import CommentOut, UnknownComment, comment_out, name_of, read_comment
from ouvidor.feedback.rules import read_rules
from ouvidor.feedback.store import waits_of
from ouvidor.feedback.taxonomy import Taxonomy
from ouvidor.runtime import Runtime

SETTLE = text("""
update comment c set
    category = held.category, sentiment = held.sentiment, tags = held.tags,
    tag_codes = array(select tag ->> 'code' from jsonb_array_elements(held.tags) tag), taxonomy = held.taxonomy,
    corrected_at = case when held.by = 'person' then held.created_at end,
    waits = case when held.by <> 'person' then freed.waited end, updated_at = :now
from unnest(cast(:ids as uuid[]), cast(:waited as text[])) as freed (id, waited),
lateral (
    select h.by, h.category, h.sentiment, h.tags, h.taxonomy, h.created_at from comment_classification h
    where h.comment_id = freed.id and h.withdrawn_at is null and (h.by <> 'person' or h.category = any(:codes))
    order by h.by = 'person' desc, h.created_at desc, h.id desc limit 1
) as held
where c.project_id = :project and c.id = freed.id
""")
"""What holds of comments of which a word was taken back: a person's before it, else the AI's."""


class UnknownCategory(Unprocessable):
    """This project's taxonomy has no such category."""


class TooManyTags(Unprocessable):
    """A comment has at most five tags."""


class AlreadyCorrected(Conflict):
    """Somebody else has corrected this comment meanwhile."""


class NothingToTakeBack(Conflict):
    """Nobody has corrected this comment, so there is nothing to take back."""


class NotYours(Conflict):
    """That was said by somebody else; ask them, or a manager, to take it back."""


@dataclass(frozen=True)
class Word:
    """What a person says of comments; tags and sentiment that are None stay as they are."""

    category: str
    tags: tuple[TagGiven, ...] | None
    sentiment: Sentiment | None

    def changes(self, comment: Comment) -> bool:
        """Whether the comment is something else so far."""
        tags = comment.tag_codes if self.tags is None else [tag.code for tag in self.tags]
        before = (comment.category, comment.tag_codes, comment.sentiment)
        return (self.category, tags, self.sentiment or comment.sentiment) != before


async def correct(
    rt: Runtime,
    project: Project,
    comment_id: UUID,
    category: str,
    *,
    tags: Sequence[TagGiven] | None = None,
    sentiment: Sentiment | None = None,
    actor: Actor,
    seen: bool = False,
    instead_of: str | None = None,
) -> CommentOut:
    """Say what the comment is: `category` by code or name; the AI's own category confirms it.

    `seen` tells that the person saw the AI's value of a comment that was to be judged blindly. Where somebody else has
    said something different, that stays, unless `instead_of` names their category.

    Raises:
        UnknownComment: the project has none of this id.
        UnknownCategory, TooManyTags: that cannot be said.
        AlreadyCorrected: somebody else has said something different.
    """
    now = rt.clock()
    async with rt.db.begin() as session:
        number, taxonomy = await active_taxonomy(session, project)
        comment = await _locked(session, project.id, comment_id)
        word = word_of(taxonomy, category, tags, sentiment)
        if comment.corrected_at is not None:
            if not word.changes(comment):
                return comment_out(comment, taxonomy)
            await _respect(session, comment, taxonomy, actor, instead_of)
        blindly = comment.waits == Waits.BLIND and not seen
        waited = comment.waits if blindly or comment.waits == Waits.UNSURE else None
        _say(comment, word, number, now)
        session.add(_entry(comment, actor, waited, now))
        about, confirmed = Subject("comment", comment.id), word.category == comment.given_category
        told = {"before": comment.given_category, "category": word.category, "confirmed": confirmed}
        await note(session, actor, "comment.corrected", at=now, project_id=project.id, subject=about, **told)
        return comment_out(comment, taxonomy)


async def confirm(rt: Runtime, project: Project, comment_id: UUID, *, actor: Actor) -> CommentOut:
    """Say that the AI's category, which was seen, is right.

    Raises:
        UnknownComment: the project has none of this id.
        UnknownCategory: the taxonomy has that category no more.
        AlreadyCorrected: somebody else has said something different.
    """
    async with rt.db.read() as session:
        given = (await read_comment(session, project.id, comment_id)).given_category
    return await correct(rt, project, comment_id, given, actor=actor, seen=True)


async def take_back(
    rt: Runtime, project: Project, comment_id: UUID, *, actor: Actor, anyones: bool = False
) -> CommentOut:
    """Take back what was said last of the comment: what a person said before it holds again, else the AI's value.

    `anyones` lets somebody take back what another has said.

    Raises:
        UnknownComment: the project has none of this id.
        NothingToTakeBack: nobody has said anything.
        NotYours: it was somebody else's word.
    """
    now = rt.clock()
    async with rt.db.begin() as session:
        _, taxonomy = await active_taxonomy(session, project)
        comment = await _locked(session, project.id, comment_id)
        entry = await _standing(session, comment_id)
        if comment.corrected_at is None or entry is None:
            raise NothingToTakeBack
        if entry.person != actor.name and not anyones:
            raise NotYours
        entry.withdrawn_at = now
        await session.flush()
        await settle(session, project.id, taxonomy, [(comment_id, entry.waited)], now)
        about = Subject("comment", comment_id)
        await note(session, actor, "comment.correction_withdrawn", at=now, project_id=project.id, subject=about)
        await session.refresh(comment)
        return comment_out(comment, taxonomy)


async def skip(rt: Runtime, project: Project, comment_id: UUID, *, actor: Actor) -> None:
    """Take the comment off the list without a word: nobody can tell. Nothing where it does not wait.

    Raises:
        UnknownComment: the project has none of this id.
    """
    await _list(rt, project, comment_id, actor, waits=False)


async def list_again(rt: Runtime, project: Project, comment_id: UUID, *, actor: Actor) -> None:
    """Put a comment that was skipped back on the list. Nothing where it waits, or a person has corrected it.

    Raises:
        UnknownComment: the project has none of this id.
    """
    await _list(rt, project, comment_id, actor, waits=True)


def word_of(taxonomy: Taxonomy, category: str, tags: Sequence[TagGiven] | None, sentiment: Sentiment | None) -> Word:
    """What is said, checked against the taxonomy; each tag once, explained as the taxonomy does.

    Raises:
        UnknownCategory, TooManyTags: it cannot be said.
    """
    code = taxonomy.code_named(category)
    if code is None:
        raise UnknownCategory(f"There is no such category; this project has {', '.join(taxonomy.codes)}.")
    if tags is None:
        return Word(code, None, sentiment)
    known = {tag.code: tag.explanation for tag in taxonomy.tags}
    each = {tag.code: TagGiven(code=tag.code, explanation=tag.explanation or known.get(tag.code, "")) for tag in tags}
    if len(each) > MOST_TAGS:
        raise TooManyTags
    return Word(code, tuple(each.values()), sentiment)


async def settle(
    session: AsyncSession, project_id: UUID, taxonomy: Taxonomy, freed: Iterable[tuple[UUID, str | None]], now: datetime
) -> None:
    """Have what holds in force for comments of which a word was taken back, each with what it had waited for."""
    told = sorted(freed, key=lambda one: one[0])
    values: dict[str, Any] = {"ids": [id_ for id_, _ in told], "waited": [waited for _, waited in told]}
    await session.execute(SETTLE, values | {"project": project_id, "codes": list(taxonomy.codes), "now": now})


async def _list(rt: Runtime, project: Project, comment_id: UUID, actor: Actor, *, waits: bool) -> None:
    now = rt.clock()
    async with rt.db.begin() as session:
        comment = await _locked(session, project.id, comment_id)
        if waits == (comment.waits is not None) or comment.corrected_at is not None:
            return
        rules = await read_rules(session, project.id)
        comment.waits = (waits_of(comment.id, comment.confidence, rules) or Waits.UNSURE) if waits else None
        action, about = "comment.listed_again" if waits else "comment.skipped", Subject("comment", comment.id)
        await note(session, actor, action, at=now, project_id=project.id, subject=about)


async def _locked(session: AsyncSession, project_id: UUID, comment_id: UUID) -> Comment:
    own = (Comment.project_id == project_id, Comment.id == comment_id)
    found = (await session.execute(select(Comment).where(*own).with_for_update())).scalar_one_or_none()
    if found is None:
        raise UnknownComment
    return found


async def _standing(session: AsyncSession, comment_id: UUID) -> CommentClassification | None:
    """What a person said last and has not taken back."""
    entry = CommentClassification
    mine = (entry.comment_id == comment_id, entry.by == By.PERSON, entry.withdrawn_at.is_(None))
    query = select(entry).where(*mine).order_by(entry.created_at.desc(), entry.id.desc()).limit(1)
    return (await session.execute(query)).scalar_one_or_none()


async def _respect(
    session: AsyncSession, comment: Comment, taxonomy: Taxonomy, actor: Actor, instead_of: str | None
) -> None:
    said = await _standing(session, comment.id)
    if said is None or said.person == actor.name or (instead_of and taxonomy.code_named(instead_of) == said.category):
        return
    name = name_of(said.category, taxonomy)
    raise AlreadyCorrected(f"{said.person} has corrected this comment to {name} meanwhile; that was kept.")


def _say(comment: Comment, word: Word, number: int, now: datetime) -> None:
    comment.category = word.category
    comment.sentiment = word.sentiment or comment.sentiment
    if word.tags is not None:
        comment.tags = [tag.model_dump() for tag in word.tags]
        comment.tag_codes = [tag.code for tag in word.tags]
    comment.taxonomy = number
    comment.corrected_at = comment.updated_at = now
    comment.waits = None


def _entry(comment: Comment, actor: Actor, waited: str | None, now: datetime) -> CommentClassification:
    return CommentClassification(
        project_id=comment.project_id,
        comment_id=comment.id,
        by=By.PERSON,
        model="",
        version="",
        person=actor.name,
        taxonomy=comment.taxonomy,
        category=comment.category,
        tags=comment.tags,
        sentiment=comment.sentiment,
        language=comment.language,
        waited=waited,
        created_at=now,
    )
