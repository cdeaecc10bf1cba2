"""One turn of the bot: search, let the engine draft, let the policy decide, put it into words."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.models import Project
from ouvidor.accounts.presence import nobody_there
from ouvidor.accounts.rules import Mode, SpecialistReply
from ouvidor.agent.about import NOTHING, About
from ouvidor.agent.checks import Checked, Finding, check
from ouvidor.agent.fitting import Fitted, fit
from ouvidor.agent.follow_up import complete_question
from ouvidor.agent.given import support
from ouvidor.agent.lookup import look_up_all
from ouvidor.agent.phrases import Phrase, clarification, phrase
from ouvidor.agent.policy import Decision, Facts, Move, Policy, Reason, decide
from ouvidor.agent.reply import REPLY, Draft, Given, Said, Source
from ouvidor.engines.base import Brief, EngineFailed, FaultKind, Outcome, Usage, sum_of_usage
from ouvidor.engines.local import LOCAL
from ouvidor.engines.tokens import tokens_for_data
from ouvidor.knowledge.search import FoundSection, SearchResult
from ouvidor.prompts.active import brief
from ouvidor.runtime import Runtime
from ouvidor.text import Language, detect_language


@dataclass(frozen=True)
class Reply:
    """What the bot says in a turn, and on what ground. `cited` are indexes into `sections`.

    `searched_for` is the question as it was completed, None where it was whole. `withheld` is a model's draft that was
    not said, `findings` why. `prompt_version` and `prompt_label` name the prompt that the model read; `degraded` is the
    fault for which the local rule answered in its place; `usage` is what the model's server counted, None where it was
    not asked or did not tell. What did not fit the model's window was left out.
    """

    text: str
    decision: Decision
    sections: tuple[FoundSection, ...]
    cited: frozenset[int]
    confidence: float
    gate: float
    language: Language
    model: str
    searched_for: str | None = None
    withheld: str | None = None
    findings: tuple[Finding, ...] = ()
    prompt_version: UUID | None = None
    prompt_label: str = ""
    degraded: FaultKind | None = None
    usage: Usage | None = None
    messages_left_out: int = 0
    sections_left_out: int = 0


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
    """The engine's proposal, checked, with what was found for it; `outcome` is None where the engine failed."""

    checked: Checked
    outcome: Outcome[Draft] | None
    brief: Brief
    found: SearchResult
    gate: float
    language: Language
    searched_for: str
    failed: EngineFailed | None = None
    usage: Usage | None = None
    messages_left_out: int = 0
    sections_left_out: int = 0

    @property
    def draft(self) -> Draft:
        return self.checked.draft


async def answer(
    rt: Runtime,
    project: Project,
    question: str,
    history: tuple[Said, ...] = (),
    *,
    language: str | None = None,
    clarifications: int = 0,
    about: About = NOTHING,
) -> Reply:
    """The bot's reply to `question`; `language` is that of the conversation so far, `clarifications` those asked.

    Raises:
        EngineFailed: the language model is down, and the operator wants an error then.
    """
    drafted = await _draft(rt, project, question, history, language, about)
    decision = _decision(drafted, project, clarifications)
    transfer = await _transfer(rt, project, decision)
    return Reply(
        text=wording(project, drafted.draft, decision, drafted.language, transfer),
        decision=decision,
        sections=drafted.found.sections,
        cited=frozenset(drafted.draft.cited) if decision.move is not Move.CLARIFY else frozenset(),
        confidence=drafted.found.confidence,
        gate=drafted.gate,
        language=drafted.language,
        model=drafted.outcome.model if drafted.outcome else rt.engine.name,
        searched_for=None if drafted.searched_for == question else drafted.searched_for,
        withheld=drafted.checked.withheld,
        findings=drafted.checked.findings,
        prompt_version=drafted.brief.version,
        prompt_label=drafted.brief.label,
        degraded=drafted.outcome.degraded if drafted.outcome else drafted.failed and drafted.failed.kind,
        usage=drafted.usage,
        messages_left_out=drafted.messages_left_out,
        sections_left_out=drafted.sections_left_out,
    )


async def suggest_answer(
    rt: Runtime,
    project: Project,
    question: str,
    history: tuple[Said, ...] = (),
    *,
    language: str | None = None,
    about: About = NOTHING,
) -> Suggested:
    """What the engine would have a person answer: a grounded answer or nothing, of N1 and N2 content alike."""
    drafted = await _draft(rt, project, question, history, language, about)
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
    rt: Runtime, project: Project, question: str, history: tuple[Said, ...], language: str | None, about: About
) -> _Drafted:
    about.tell("searching")
    spoken = customer_language(project, question, language)
    completed = await complete_question(rt, project, question, history, spoken, about)
    looked_up = await look_up_all(rt, project, completed.readings, spoken)
    found, searched_for = looked_up.found, looked_up.reading
    gate = found.gate if project.relevance_gate is None else project.relevance_gate
    given = Given(
        question=question,
        history=history,
        sources=tuple(_source(number, section) for number, section in enumerate(found.sections)),
        language=spoken,
        confidence=found.confidence,
        threshold=gate,
        persona=project.persona,
        searched_for=searched_for,
    )
    told = {"company": project.title, "persona": project.persona, "language": spoken}
    going_along = await brief(
        rt, project, REPLY.name, told, conversation_id=about.conversation_id, turn_id=about.turn_id
    )
    fitted = _fitted(rt, given, going_along)
    given, left_out = fitted.given, (fitted.messages_left_out, fitted.sources_left_out)
    about.tell("drafting")
    try:
        outcome = await rt.engine.run(REPLY, given, going_along)
    except EngineFailed as failed:
        if rt.settings.llm_when_down == "error":
            raise
        silent = Checked(Draft(kind="unsure", language=spoken))
        spent = sum_of_usage(completed.usage, failed.effort.usage)
        return _Drafted(silent, None, going_along, found, gate, spoken, searched_for, failed, spent, *left_out)
    about.tell("checking")
    spent = sum_of_usage(completed.usage, outcome.effort.usage)
    written_by_us = outcome.model == LOCAL
    names = (project.title, project.name, project.persona)
    checked = (
        Checked(outcome.output)
        if written_by_us
        else check(outcome.output, given, prompt=going_along.prompt, names=names)
    )
    return _Drafted(checked, outcome, going_along, found, gate, spoken, searched_for, None, spent, *left_out)


def _fitted(rt: Runtime, given: Given, going_along: Brief) -> Fitted:
    """What is given, cut down to the language model's window where there is one."""
    if rt.settings.llm_model is None:
        return Fitted(given)
    return fit(given, tokens_for_data(REPLY, going_along.prompt, rt.settings.llm_context_tokens))


def _decision(drafted: _Drafted, project: Project, clarifications: int) -> Decision:
    if drafted.outcome is None:
        return Decision(Move.HANDOVER, Reason.ENGINE_DOWN)
    withheld = bool(drafted.checked.findings)
    trusted = drafted.outcome.model == LOCAL or drafted.checked.agreed
    owed = frozenset[int]() if trusted else drafted.checked.owed
    facts = facts_of(drafted.draft, drafted.found, drafted.gate, withheld=withheld, trusted=trusted, owed=owed)
    return decide(facts, policy_of(project), clarifications)


def customer_language(project: Project, question: str, before: str | None) -> Language:
    """The language of the question where the project speaks it; else that of the conversation, else its first."""
    first: Language = "en" if project.languages[0] == "en" else "pt"
    default: Language = first if before not in {"pt", "en"} else ("en" if before == "en" else "pt")
    spoken = detect_language(question, default)
    return spoken if spoken in project.languages else first


def policy_of(project: Project) -> Policy:
    """The project's rules as the policy reads them."""
    return Policy(mode=Mode(project.mode), max_clarifications=project.max_clarifications)


def facts_of(
    draft: Draft,
    found: SearchResult,
    gate: float,
    *,
    withheld: bool = False,
    trusted: bool = True,
    owed: frozenset[int] = frozenset(),
) -> Facts:
    """What the policy may know of a draft. Citations outside what was retrieved make it ungrounded.

    N2 content counts where the draft cites it; where nothing is answered, where it passes the gate. Of a draft that is
    not `trusted` (a model wrote it, and no rule of ours agrees) it counts wherever it passes the gate, or is `owed`
    by our own rule: a model cannot keep a specialist out by not citing.
    """
    in_range = bool(draft.cited) and all(0 <= number < len(found.sections) for number in draft.cited)
    cited = [found.sections[number].score for number in draft.cited] if in_range else []
    grounded = draft.kind == "answer" and in_range and support(cited, found.confidence) >= gate
    specialist = {number for number, section in enumerate(found.sections) if section.tier == "N2"}
    relevant = {number for number, section in enumerate(found.sections) if section.score >= gate}
    counting = set(draft.cited) if grounded and trusted else relevant | owed | set(draft.cited if grounded else ())
    return Facts(
        grounded=grounded,
        conversational=draft.kind in {"smalltalk", "recall"} and (trusted or not specialist & counting),
        specialist=bool(specialist & counting),
        wants_person=draft.kind == "wants_person",
        withheld=withheld,
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
