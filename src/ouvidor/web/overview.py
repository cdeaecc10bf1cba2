"""The overview: who waits, how much the bot answers by itself, why it hands over, and what to do next."""

from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from ouvidor.accounts.permissions import Permission
from ouvidor.conversations.overview import Day, Overview, ReasonCount, read_overview
from ouvidor.conversations.read import ConversationFilter, list_conversations
from ouvidor.knowledge.read import count_sections
from ouvidor.runtime import RuntimeDep
from ouvidor.web.answers import go_to, show
from ouvidor.web.contexts.bars import side_by_side
from ouvidor.web.contexts.inbox import Colleague
from ouvidor.web.contexts.overview import DayBar, HolderRow, OverviewPage, ReasonRow, Steps
from ouvidor.web.frames import frame_of
from ouvidor.web.visits import Member, member_with

router = APIRouter(include_in_schema=False)

Onlooker = Annotated[Member, member_with(Permission.PROJECT_READ)]


@router.get("/projects/{project}/overview")
async def get_overview(
    request: Request, rt: RuntimeDep, member: Onlooker, days: Annotated[Literal["7", "30"], Query()] = "7"
) -> Response:
    """The state of the project over a week or a month."""
    project = member.project
    async with rt.db.read() as session:
        seen = await read_overview(session, project, rt.clock(), days=int(days))
        sections = await count_sections(session, project.id)
        any_talk = await list_conversations(session, project.id, ConversationFilter(), after=None, limit=1)
    top = max((day.conversations for day in seen.days), default=0)
    page = OverviewPage(
        frame=frame_of(request, rt, member, "overview"),
        days=int(days),
        since=seen.since.date(),
        waiting=seen.waiting,
        longest_wait=seen.longest_wait,
        conversations=seen.conversations,
        alone=seen.alone,
        share_alone=None if seen.share_alone is None else round(100 * seen.share_alone),
        handovers=seen.turns.handover,
        replies=seen.first_replies.replies,
        median=_length(seen.first_replies.median),
        ninetieth=_length(seen.first_replies.ninetieth),
        bars=day_bars(seen.days, top),
        top=top,
        reasons=_reason_rows(seen.reasons),
        holders=tuple(HolderRow(holder.name, holder.conversations) for holder in seen.holders),
        members=tuple(Colleague(found.name, found.there, found.away) for found in seen.members),
        steps=_steps(seen, sections, talked=bool(any_talk.data)),
    )
    return show(request, page)


@router.get("/projects/{project}")
async def get_project(member: Onlooker) -> Response:
    """The project's own address leads to its overview."""
    return go_to(f"/projects/{member.project.name}/overview")


def day_bars(days: tuple[Day, ...], top: int) -> tuple[DayBar, ...]:
    """The bars of these days side by side from a zero base; the highest takes the whole height. Today has a label."""
    return tuple(
        DayBar(
            day=day.day,
            conversations=day.conversations,
            messages=day.messages,
            handovers=day.turns.handover,
            place=place,
            height=100 * day.conversations / top if top else 0.0,
        )
        for day, place in zip(days, side_by_side(len(days)), strict=True)
    )


def _reason_rows(reasons: tuple[ReasonCount, ...]) -> tuple[ReasonRow, ...]:
    most = max((reason.turns for reason in reasons), default=1)
    return tuple(ReasonRow(reason.reason, reason.turns, round(100 * reason.turns / most)) for reason in reasons)


def _steps(seen: Overview, sections: int, *, talked: bool) -> Steps:
    return Steps(knowledge=sections == 0, conversations=not talked, members=len(seen.members) < 2)


def _length(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)
