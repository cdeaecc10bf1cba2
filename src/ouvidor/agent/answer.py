"""One turn of the bot: search, let the engine draft, let the policy decide, put it into words."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.models import Project
from ouvidor.accounts.presence import nobody_there
from ouvidor.accounts.rules import Mode, SpecialistReply
from ouvidor.agent.given import support
from ouvidor.agent.lookup import look_up
from ouvidor.agent.phrases import Phrase, clarification, phrase
from ouvidor.agent.policy import Decision, Facts, Move, Policy, Reason, decide
from ouvidor.agent.reply import REPLY, Draft, Given, Said, Source
from ouvidor.knowledge.search import FoundSection, SearchResult
from ouvidor.runtime import Runtime
from ouvidor.text import Language, detect_language


@dataclass(frozen=True)
class Reply:
    """What the bot says in a turn, and on what ground. `cited` are indexes into `sections`."""

    text: str
    decision: Decision
    sections: tuple[FoundSection, ...]
    cited: frozenset[int]
    confidence: float
    gate: float
    language: Language
    model: str


@dataclass(frozen=True)
class Suggested:
    """What a person may say next; `text` is empty where nothing is grounded. `cited` are indexes into `sections`."""

    text: str
    sections: tuple[FoundSection, ...]
    cited: frozenset[int]
    confidence: float
    gate: float


@dataclass(frozen=True)
class _Drafted:
    """The engine's proposal with what was found for it."""

    draft: Draft
    found: SearchResult
    gate: float
    language: Language
    model: str


async def answer(
    rt: Runtime,
    project: Project,
    question: str,
    history: tuple[Said, ...] = (),
    *,
    language: str | None = None,
    clarifications: int = 0,
) -> Reply:
    """The bot's reply to `question`; `language` is that of the conversation so far, `clarifications` those asked."""
    drafted = await _draft(rt, project, question, history, language)
    decision = decide(facts_of(drafted.draft, drafted.found, drafted.gate), policy_of(project), clarifications)
    transfer = await _transfer(rt, project, decision)
    return Reply(
        text=wording(project, drafted.draft, decision, drafted.language, transfer),
        decision=decision,
        sections=drafted.found.sections,
        cited=frozenset(drafted.draft.cited) if decision.move is not Move.CLARIFY else frozenset(),
        confidence=drafted.found.confidence,
        gate=drafted.gate,
        language=drafted.language,
        model=drafted.model,
    )


async def suggest_answer(
    rt: Runtime, project: Project, question: str, history: tuple[Said, ...] = (), *, language: str | None = None
) -> Suggested:
    """What the engine would have a person answer: a grounded answer or nothing, of N1 and N2 content alike."""
    drafted = await _draft(rt, project, question, history, language)
    found = drafted.found
    grounded = facts_of(drafted.draft, found, drafted.gate).grounded
    return Suggested(
        text=drafted.draft.text if grounded else "",
        sections=found.sections,
        cited=frozenset(number for number in drafted.draft.cited if 0 <= number < len(found.sections)),
        confidence=found.confidence,
        gate=drafted.gate,
    )


async def _draft(
    rt: Runtime, project: Project, question: str, history: tuple[Said, ...], language: str | None
) -> _Drafted:
    spoken = customer_language(project, question, language)
    found = await look_up(rt, project, question, spoken)
    gate = found.gate if project.relevance_gate is None else project.relevance_gate
    given = Given(
        question=question,
        history=history,
        sources=tuple(_source(number, section) for number, section in enumerate(found.sections)),
        language=spoken,
        confidence=found.confidence,
        threshold=gate,
        persona=project.persona,
    )
    outcome = await rt.engine.run(REPLY, given)
    return _Drafted(draft=outcome.output, found=found, gate=gate, language=spoken, model=outcome.model)


def customer_language(project: Project, question: str, before: str | None) -> Language:
    """The language of the question where the project speaks it; else that of the conversation, else its first."""
    first: Language = "en" if project.languages[0] == "en" else "pt"
    default: Language = first if before not in {"pt", "en"} else ("en" if before == "en" else "pt")
    spoken = detect_language(question, default)
    return spoken if spoken in project.languages else first


def policy_of(project: Project) -> Policy:
    """The project's rules as the policy reads them."""
    return Policy(mode=Mode(project.mode), max_clarifications=project.max_clarifications)


def facts_of(draft: Draft, found: SearchResult, gate: float) -> Facts:
    """What the policy may know of a draft. Citations outside what was retrieved make it ungrounded.

    N2 content counts where the draft cites it; where nothing is answered, where it passes the gate.
    """
    in_range = bool(draft.cited) and all(0 <= number < len(found.sections) for number in draft.cited)
    cited = [found.sections[number].score for number in draft.cited] if in_range else []
    grounded = draft.kind == "answer" and in_range and support(cited, found.confidence) >= gate
    specialist = {number for number, section in enumerate(found.sections) if section.tier == "N2"}
    relevant = {number for number, section in enumerate(found.sections) if section.score >= gate}
    return Facts(
        grounded=grounded,
        conversational=draft.kind in {"smalltalk", "recall"},
        specialist=bool(specialist & (set(draft.cited) if grounded else relevant)),
        wants_person=draft.kind == "wants_person",
    )


def wording(project: Project, draft: Draft, decision: Decision, language: Language, transfer: Phrase) -> str:
    """The words of a decision: the draft, a clarification, or the phrase `transfer` with or without the answer."""
    if decision.move is Move.ANSWER:
        return draft.text
    if decision.move is Move.CLARIFY:
        return clarification(project.phrases, draft.topics, language)
    passed_on = phrase(project.phrases, transfer, language)
    answers_first = project.n2_reply == SpecialistReply.ANSWER_AND_TRANSFER and draft.kind == "answer"
    if decision.reason is Reason.SPECIALIST_CONTENT and answers_first and draft.text:
        return f"{draft.text}\n\n{passed_on}"
    return passed_on


async def transfer_phrase(session: AsyncSession, project: Project, now: datetime) -> Phrase:
    """Which phrase a hand-over takes: another one where nobody is there to answer."""
    return Phrase.NOBODY if await nobody_there(session, project, now) else Phrase.TRANSFER


async def _transfer(rt: Runtime, project: Project, decision: Decision) -> Phrase:
    if decision.move is not Move.HANDOVER:
        return Phrase.TRANSFER
    async with rt.db.read() as session:
        return await transfer_phrase(session, project, rt.clock())


def _source(number: int, section: FoundSection) -> Source:
    return Source(
        number=number,
        question=section.heading,
        text=section.content,
        tier="N2" if section.tier == "N2" else "N1",
        language=section.language,
        score=section.score,
        phrasings=section.phrasings,
    )
