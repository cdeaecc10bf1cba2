"""One sample of every page, and the states that are hard to reach through the door."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from ouvidor.web.citations import ReplyPart, reply_parts
from ouvidor.web.contexts.entry import ErrorPage, NoProjectPage, SignInPage
from ouvidor.web.contexts.frame import Frame, Page, ProjectLink
from ouvidor.web.contexts.knowledge import KnowledgePage, SectionPage, SectionRow
from ouvidor.web.contexts.reference import ApiAnswer, ApiField, ApiOperation, ApiTag, ReferencePage, Span
from ouvidor.web.contexts.talk import ChatPage, Outcome, SourceView, Trouble, TurnFragment, TurnView
from ouvidor.web.words import Language

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOSTILE = "<script>alert('x')</script> & \"quoted\""
OUTCOMES: tuple[Outcome, ...] = ("answer", "clarify", "handover", "silent", "running", "lost", "failed")


def turn_view(number: int, outcome: Outcome, reply: tuple[ReplyPart, ...]) -> TurnView:
    source = SourceView(1, "018f-1", HOSTILE, HOSTILE, "N2", 0.734, cited=True, relevant=True)
    return TurnView(
        number=number,
        at=NOW - timedelta(minutes=2),
        said=HOSTILE,
        reply=reply,
        outcome=outcome,
        reason="",
        clarifications=1,
        cap=2,
        language="en",
        milliseconds=12.3,
        confidence=0.81,
        gate=0.5,
        model="local",
        message_id="018f",
        retrieved=2,
        sources=(source, replace(source, rank=2, tier="N1", score=0.2, cited=False, relevant=False, section_id="")),
    )


def samples(language: Language) -> list[Page]:
    """Pages with hostile text in every place that people fill."""
    own = ProjectLink("seaside", HOSTILE)
    alone = Frame(language, "system", "/x", NOW)
    frame = Frame(language, "dark", "/x?a=1", NOW, "chat", HOSTILE, "token", own, (own, ProjectLink("other", "Other")))
    said = reply_parts(f"{HOSTILE} [1]", [1])
    turns = tuple(
        turn_view(number, outcome, said if number < 4 else ()) for number, outcome in enumerate(OUTCOMES, start=1)
    )
    trouble = Trouble(503, HOSTILE, "018f", HOSTILE, "key")
    chat = ChatPage(frame, helpdesk="chat-abc", key="key", sections=3)
    row = SectionRow("018f-1", HOSTILE, HOSTILE, "N2", "pt", (HOSTILE,), 3, updated_at=NOW)
    field = ApiField("a[].b", "string", required=True, place="query", description=((Span(HOSTILE, code=True),),))
    answers = (ApiAnswer("200", ((Span(HOSTILE, code=False),),), (field,), HOSTILE),)
    operation = ApiOperation("x", "POST", "/x", HOSTILE, (), True, (field,), (field,), HOSTILE, answers)
    return [
        SignInPage(alone, username=HOSTILE, refused=True),
        *[ErrorPage(alone, status, HOSTILE, "018f") for status in (400, 401, 403, 404, 409, 429, 500, 503)],
        ErrorPage(frame, 404, HOSTILE, "018f"),
        NoProjectPage(replace(frame, project=None)),
        chat,
        replace(chat, suggestions=(HOSTILE,)),
        replace(chat, sections=0),
        *[
            replace(chat, turns=turns, selected=turn, last=7, earlier=3, later=9, opened=True, source=1)
            for turn in turns
        ],
        replace(chat, turns=turns, selected=turns[0], last=7, trouble=trouble, status="waiting"),
        replace(chat, turns=turns, selected=turns[0], last=7, playable=False, status="person"),
        TurnFragment(frame, "chat-abc", "key", "closed", turns[0], 1),
        KnowledgePage(frame, (row, replace(row, updated_at=None, score=0.5)), 2, query=HOSTILE, after="018f"),
        KnowledgePage(frame, (), 2, query="nothing", continued=True),
        KnowledgePage(frame, (), 0),
        SectionPage(
            frame, "018f-1", HOSTILE, HOSTILE, HOSTILE, "N2", "pt", (HOSTILE,), (HOSTILE,), NOW, NOW, "/back?q=%22"
        ),
        ReferencePage(frame, "1.0", ((Span(HOSTILE, code=False),),), (ApiTag("tag", (operation,)),)),
    ]
