"""Comments that a program sends, once for each `Idempotency-Key`: a few are judged at once, many become a job."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, BinaryIO
from uuid import UUID, uuid5

from ouvidor.accounts.audit import Actor
from ouvidor.accounts.idempotency import mark, note_answer, note_failure
from ouvidor.accounts.issued_once import MarkedRequest
from ouvidor.accounts.models import Project
from ouvidor.conversations.imported import shown
from ouvidor.feedback.in_use import active_taxonomy
from ouvidor.feedback.intake.columns import CommentReading
from ouvidor.feedback.intake.reading import open_comment_stream
from ouvidor.feedback.intake.receive import AT_ONCE, NoComments, begin_job, take_in
from ouvidor.feedback.read import CommentOut, comment_out, read_comments
from ouvidor.feedback.refusals import CommentGone
from ouvidor.feedback.told import MAX_ID_CHARACTERS, Told, Unfit, is_number
from ouvidor.inputs import storable
from ouvidor.runtime import Runtime

SOURCE = "api"
IMPORT_ROUTE = "POST /api/v1/comments/import"
DELETED = "was deleted since"


@dataclass(frozen=True)
class Sent:
    """What came of the comments of a request: a result or an error for each, in order; or the job that they became."""

    results: tuple[CommentOut | Unfit, ...] = ()
    job: UUID | None = None


@dataclass(frozen=True)
class SentFile:
    """A file of comments: its bytes, which stay open, its name, how to read it.

    `batched` has a language model do it in the provider's batches, at half the price and within a day.
    """

    stream: BinaryIO
    name: str
    reading: CommentReading
    batched: bool = False


async def send(
    rt: Runtime, project: Project, items: Sequence[Told | Unfit], request: MarkedRequest, actor: Actor
) -> Sent:
    """Take these in: up to AT_ONCE are classified and stored before this returns, more are put on the workers' list.

    Sent again with the same key they give what came of them the first time, read as the comments are now: what people
    wrote is not kept a second time. A comment without an id gets one of the key, so that an attempt that was cut short
    doubles nothing.

    Raises:
        NoComments: there is none.
        KeyReused, StillRunning: see `ouvidor.accounts.idempotency`.
        NotClassified, EmbeddingFailed: see `ouvidor.feedback.intake.receive`.
    """
    if not items:
        raise NoComments

    async def act(marked_id: UUID | None) -> Sent:
        named = _named(items, marked_id) if marked_id else items
        if len(items) > AT_ONCE:
            return Sent(job=await begin_job(rt, project, named, source=SOURCE, actor=actor, marked_id=marked_id))
        return Sent(tuple(await take_in(rt, project, named)))

    answered = await _once(rt, project, request, act)
    return answered if isinstance(answered, Sent) else await _as_before(rt, project, items, answered)


async def send_file(rt: Runtime, project: Project, sent: SentFile, key: str | None, actor: Actor) -> UUID:
    """Put the comments of a file on the workers' list; the id of their job, the same for the same key.

    Raises:
        UnreadableComments, UnreadableText: see `ouvidor.feedback.intake.reading`.
        NoComments: there is none in it.
        KeyReused, StillRunning: see `ouvidor.accounts.idempotency`.
    """
    opening = open_comment_stream(sent.stream, sent.reading, rt.clock(), name=sent.name)
    with ExitStack() as stack:
        file = await asyncio.to_thread(stack.enter_context, opening)

        async def act(marked_id: UUID | None) -> Sent:
            job = await begin_job(
                rt,
                project,
                file.comments,
                source=file.form,
                name=shown(sent.name),
                actor=actor,
                batched=sent.batched,
                marked_id=marked_id,
            )
            return Sent(job=job)

        answered = await _once(rt, project, MarkedRequest(IMPORT_ROUTE, key, file.digest.encode()), act)
    job = answered.job if isinstance(answered, Sent) else UUID(answered["job"])
    assert job is not None
    return job


async def _once(
    rt: Runtime, project: Project, request: MarkedRequest, act: Callable[[UUID | None], Awaitable[Sent]]
) -> Sent | dict[str, Any]:
    """What the deed gives, which is handed the id of the mark; or what is kept of the request that came before."""
    if request.key is None:
        return await act(None)
    async with rt.db.begin() as session:
        marked = await mark(session, project.id, request.route, request.key, request.body, rt.clock())
    if marked.answer is not None:
        return marked.answer
    try:
        sent = Sent(job=marked.subject_id) if marked.subject_id else await act(marked.id)
        async with rt.db.begin() as session:
            await note_answer(session, marked.id, _kept(sent))
    except BaseException:
        await asyncio.shield(_give_up(rt, marked.id))
        raise
    return sent


def _named(items: Sequence[Told | Unfit], marked_id: UUID) -> list[Told | Unfit]:
    """With an id for each comment that can be stored, the same whenever the request is sent again."""
    return [
        replace(one, id=str(uuid5(marked_id, str(place)))) if isinstance(one, Told) and one.id is None else one
        for place, one in enumerate(items)
    ]


def _kept(sent: Sent) -> dict[str, Any]:
    """What is kept for a resend: ids and errors, none of the words."""
    if sent.job is not None:
        return {"job": str(sent.job)}
    return {"results": [_kept_one(one) for one in sent.results]}


def _kept_one(one: CommentOut | Unfit) -> dict[str, Any]:
    if isinstance(one, Unfit):
        return {"status": one.status, "reason": one.reason}
    return {"comment": str(one.id)}


async def _as_before(rt: Runtime, project: Project, items: Sequence[Told | Unfit], answer: dict[str, Any]) -> Sent:
    if "job" in answer:
        return Sent(job=UUID(answer["job"]))
    ids = [UUID(one["comment"]) for one in answer["results"] if "comment" in one]
    async with rt.db.read() as session:
        rows = await read_comments(session, project.id, ids)
        _, taxonomy = await active_taxonomy(session, project)
    shown = {str(id_): comment_out(row, taxonomy) for id_, row in rows.items()}
    results = (
        shown.get(one["comment"], Unfit(item.id, CommentGone.status, DELETED))
        if "comment" in one
        else Unfit(item.id, one["status"], one["reason"])
        for item, one in zip(items, answer["results"], strict=True)
    )
    return Sent(tuple(results))


async def _give_up(rt: Runtime, marked_id: UUID) -> None:
    async with rt.db.begin() as session:
        await note_failure(session, marked_id)


def as_text(value: object) -> str | None:
    """A plain value as the text that it is in JSON; None for lists, objects and nothing."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case _:
            return None


def id_of_unfit(value: object) -> str | None:
    """The id of a comment that cannot be stored, as far as one can be kept; a whole number as text."""
    text = str(value) if is_number(value) else value
    if not isinstance(text, str) or len(text) > MAX_ID_CHARACTERS:
        return None
    try:
        return storable(text.strip()) or None
    except ValueError:
        return None
