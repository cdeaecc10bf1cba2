"""A question that leans on what was said before ("and how much is it?"), completed so that it can be searched for."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pydantic import BaseModel, Field

from ouvidor.accounts.models import Project
from ouvidor.agent.about import About
from ouvidor.agent.asks import without_courtesies
from ouvidor.agent.contacts import addresses, disguises, handles, links
from ouvidor.agent.figures import borne_out, figures, told_figures
from ouvidor.agent.given import Said
from ouvidor.agent.person import wants_person
from ouvidor.agent.reading import content_stems
from ouvidor.agent.recall import introduced_name, recall
from ouvidor.agent.smalltalk import small_talk
from ouvidor.engines.base import EngineFailed, Task, Usage
from ouvidor.engines.local import LOCAL
from ouvidor.prompts.active import brief
from ouvidor.runtime import Runtime
from ouvidor.text import Language, fold, terms

_LOOKS_BACK = 8
_LONGEST_REWRITE = 300
_SHARED = 0.6
_FRAGMENT = 4

_LEAD: Mapping[Language, str] = {
    "pt": r"(?:(?:e|mas|ah|entao|ok|certo|legal|tambem|ou)[ ,]+)*(?:(?:e )?(?:quanto a|sobre|no caso d[eoa]s?)\s+)?",
    "en": r"(?:(?:and|but|so|ok|okay|oh|also|or|then|great|cool)[ ,]+)*(?:(?:what|how) (?:about|if)\s+)?",
}
_OPENS_LEANING: Mapping[Language, re.Pattern[str]] = {
    "pt": re.compile(
        r"^(?:(?:ah|ok|certo|legal|entao)[ ,]+)*(?:e|mas e|ou|e se|tambem)\b(?! ai\b)|^(?:quanto a|no caso d)"
    ),
    "en": re.compile(
        r"^(?:(?:oh|ok|okay|great|cool)[ ,]+)*(?:and|or|but|also|then)\b|^(?:\w+ )?(?:what|how) about\b|^what if\b"
    ),
}
_POINTS_BACK: Mapping[Language, re.Pattern[str]] = {
    "pt": re.compile(
        r"\b(?:el[ea]s?|iss[oa]|ess[ea]s?|aquel[ea]s?|aquilo|diss[oa]|dess[ea]s?|niss[oa]|ness[ea]s?|nel[ea]s?|del[ea]s?|la|mesm[oa]s?|tal)\b"
    ),
    "en": re.compile(
        r"(?<!is )(?<!was )\bit\b(?! (?:possible|true|allowed|necessary|okay|ok|worth|safe|rain|snow))|\bis it\b(?!"
        r" (?:possible|true|allowed|necessary"
        r"|okay|ok|worth|safe))|\b(?:its|they|them|theirs?|those|these|this one|that one|the same|ones?)\b"
        r"|\b(?:this|that)\b(?=[?.!,]|$| (?:one|cost|work"
        r"|take|include|apply|cover|mean|include))|\b(?:does|do|is|will|can|about|of|for|with|after|before|do)"
        r" (?:this|that)\b|(?<!is )(?<!are )(?<!was )"
        r"\bthere\b(?! (?:is|are|was|a|an|any)\b)"
    ),
}
_POINTERS: Mapping[Language, re.Pattern[str]] = {
    "pt": re.compile(r"\b(?:el[ea]s?|iss[oa]|aquilo|diss[oa]|niss[oa]|nel[ea]s?|del[ea]s?|la)\b"),
    "en": re.compile(r"\b(?:it|its|they|them|those|these|this one|that one|this|that|there|ones?)\b"),
}
_ASKS: Mapping[Language, re.Pattern[str]] = {
    "pt": re.compile(
        r"\b(?:qua(?:l|is)|quant[oa]s?|quando|onde|como|quem|que horas|por ?que|o que|posso|pode|podem|tem|ha|precisa"
        r"|preciso|custa|funciona|demora|aceita|aceitam|inclui|vale|da pra|abre|fecha|paga|cobra|serve|consigo|fica)\b"
    ),
    "en": re.compile(
        r"\b(?:what|when|where|who|why|how|which|can|could|may|do|does|is|are|will|would|should|did|has|have)\b"
    ),
}
_GENERIC = frozenset(
    [
        *terms(
            "hora horas horário preço valor custo custa custam quanto dia dias funciona fica abre fecha demora tempo"
            " prazo"
            " paga pago cobra precisa posso pode tem inclui serve vale aceita mais outra outro também incluso incluído"
            " consigo usar faço fazer mudar trocar cancelar permitido possível caro barato grátis leva levar",
            "pt",
        ),
        *terms(
            "time hours price cost costs day days open opens close work works long much many take takes include"
            " included pay"
            " need can get use change cancel allowed free expensive cheap else other same fee charge late early",
            "en",
        ),
    ]
)
_VAGUE = frozenset(
    [
        *terms("outro outra outros outras coisa coisas negócio resto mesmo mesma", "pt"),
        *terms("other others thing things stuff rest one ones same else", "en"),
    ]
)
"""What names nothing: "what about the other thing" leans, but nobody can tell on what."""
_IN_PT = r"\b(?:em|n[oa]s?)\s"
_LIKE: Mapping[str, str] = {
    **dict.fromkeys(("em", "no", "na", "nos", "nas"), _IN_PT),
    **dict.fromkeys(("para", "pra", "pro"), r"\b(?:para|pra|pro)\s"),
    **dict.fromkeys(("do", "da", "de", "dos", "das"), r"\b(?:d[eoa]s?)\s"),
    **dict.fromkeys(("com", "sem"), r"\b(?:com|sem)\s"),
    **dict.fromkeys(("in", "on", "at", "inside"), r"\b(?:in|on|at)\s"),
    **dict.fromkeys(("with", "without"), r"\b(?:with|without)\s"),
    "for": r"\bfor\s", "to": r"\bto\s", "from": r"\bfrom\s", "after": r"\b(?:after|before)\s",
    "before": r"\b(?:after|before)\s", "the": r"\bthe\s",
}  # fmt: skip
"""How a phrase begins that a fragment may take the place of: "e na Promocional?" that of "na tarifa Flexível"."""
_CHOICE = re.compile(r"[“\"]([^”\"]+)[”\"] (?:ou|or) [“\"]([^”\"]+)[”\"]\?\s*$")
_FIRST = re.compile(
    r"^(?:(?:a|o|the|e|eh|is|it s) )*(?:primeir[ao]|first|1|1[ao]|former)(?: (?:one|opcao|option|um|uma))?$"
)
_SECOND = re.compile(
    r"^(?:(?:a|o|the|e|eh|is|it s) )*(?:segund[ao]|second|2|2[ao]|latter|last|ultim[ao])(?: (?:one|opcao|option"
    r"|um|uma))?$"
)


@dataclass(frozen=True)
class Completed:
    """A question as it can be searched for: the `readings` that are tried, the likelier first; `leans` tells why.

    `usage` is what a language model took for it.
    """

    readings: tuple[str, ...]
    leans: bool = False
    usage: Usage | None = None

    @property
    def text(self) -> str:
        """The likeliest reading."""
        return self.readings[0]


@dataclass(frozen=True)
class FollowUp:
    """What is given to the task `rewrite`: `completed` is what the local rule makes of the question."""

    question: str
    history: tuple[Said, ...]
    language: Language
    completed: str


class Rewritten(BaseModel):
    """The customer's last question as it can be understood without the conversation."""

    question: str = Field(
        description="The completed question, in the customer's language; unchanged where it is whole."
    )


def _rewrite_locally(given: FollowUp) -> Rewritten:
    return Rewritten(question=given.completed)


def _present(given: FollowUp) -> str:
    """One JSON object, all of it data."""
    history = [{"role": said.role, "content": said.content} for said in given.history[-_LOOKS_BACK:]]
    shown = {"question": given.question, "language": given.language, "history": history}
    return json.dumps(shown, ensure_ascii=False)


REWRITE = Task(name="rewrite", output=Rewritten, local=_rewrite_locally, present=_present, patience=0.3)
"""The completion of a question that leans on the conversation."""


async def complete_question(
    rt: Runtime, project: Project, question: str, history: tuple[Said, ...], language: Language, about: About
) -> Completed:
    """The question with what it leaves out, taken from the conversation; the question itself where it is whole.

    A language model is asked only where the local rule says that the question leans; what it makes of it is searched
    for beside what the rule makes of it, never in its place.
    """
    completed = complete(question, history, language)
    if not completed.leans or rt.engine.name == LOCAL:
        return completed
    told = {"company": project.title, "persona": project.persona, "language": language}
    going_along = await brief(
        rt, project, REWRITE.name, told, conversation_id=about.conversation_id, turn_id=about.turn_id
    )
    given = FollowUp(question, history, language, completed.text)
    try:
        outcome = await rt.engine.run(REWRITE, given, going_along)
    except EngineFailed as failed:
        return replace(completed, usage=failed.effort.usage)
    written = outcome.output.question.strip()
    if written in completed.readings or not acceptable(written, given):
        return replace(completed, usage=outcome.effort.usage)
    return Completed((written, *completed.readings), leans=True, usage=outcome.effort.usage)


def complete(question: str, history: Sequence[Said], language: Language) -> Completed:
    """What the rules make of a question; it stands alone where it is whole, or no question at all."""
    chosen = _chosen(question, history)
    if chosen:
        return Completed((chosen,))
    before = _whole_question_before(history, language)
    if before is None or _conversational(question, language):
        return Completed((question,))
    leaning = _leaning(question, history, language)
    if leaning is None:
        return Completed((question,))
    joined = _joined(question, before, language)
    return Completed((*joined, question) if leaning == "maybe" else tuple(joined), leans=True)


def acceptable(written: str, given: FollowUp) -> bool:
    """Whether a model's completion only joins what was said: no figures, addresses or subjects of its own."""
    said = "\n".join([given.question, *(one.content for one in given.history)])
    if not written or len(written) > _LONGEST_REWRITE or disguises(written) or links(written) or addresses(written):
        return False
    known = told_figures(said)
    if handles(written) or not all(borne_out(figure, known) for figure in figures(written)):
        return False
    words, heard = content_stems(written, given.language), content_stems(said, given.language)
    kept = content_stems(given.question, given.language) - _GENERIC
    return bool(words) and len(words & heard) >= _SHARED * len(words) and len(kept & words) * 2 >= len(kept)


def _chosen(question: str, history: Sequence[Said]) -> str | None:
    """The topic that the customer picks of the two that the bot has just offered."""
    last = history[-1] if history else None
    offered = _CHOICE.search(last.content) if last and last.role == "AGENT" else None
    plain = _plain(question).strip(" .!?,")
    if offered is None or not plain:
        return None
    return offered[1] if _FIRST.match(plain) else offered[2] if _SECOND.match(plain) else None


def _conversational(message: str, language: Language) -> bool:
    return (
        small_talk(message, language) is not None
        or wants_person(message)
        or introduced_name(message) is not None
        or recall(message, ()) is not None
    )


def _leaning(question: str, history: Sequence[Said], language: Language) -> str | None:
    """ "surely" or "maybe" where the question leans on what was said, None where it is whole."""
    plain = _plain(without_courtesies(question, language))
    said = content_stems(plain, language) - _VAGUE
    own = said - _GENERIC
    points = bool(_POINTS_BACK[language].search(plain))
    opens = bool(_OPENS_LEANING[language].search(plain))
    asks = bool(_ASKS[language].search(_without_lead(plain, language)))
    if not own:
        return "surely" if asks or (said and (opens or "?" in question)) else None
    if opens and (points or not asks):
        return "surely" if len(own) <= _FRAGMENT else None
    if points and len(own) <= _FRAGMENT:
        return "maybe" if len(own) > 2 else "surely"
    if opens and len(own) <= 2:
        return "maybe"
    answers_back = bool(history) and history[-1].role == "AGENT" and history[-1].content.rstrip().endswith("?")
    short = len(plain.split()) <= _FRAGMENT and not _ASKS[language].search(plain)
    return "maybe" if answers_back and short else None


def _whole_question_before(history: Sequence[Said], language: Language) -> str | None:
    """The last thing that the customer spoke of, with what later questions that lean on it added."""
    asked = [said.content for said in history if said.role == "USER"][-_LOOKS_BACK:]
    added: list[str] = []
    for place in reversed(range(len(asked))):
        message = asked[place]
        if not _conversational(message, language):
            earlier = [Said("USER", one) for one in asked[:place]]
            if not earlier or _leaning(message, (), language) is None:
                return " ".join([without_courtesies(message, language), *reversed(added)])
            added += [_fragment(message, language)][: 1 - len(added)]
    return None


def _joined(question: str, before: str, language: Language) -> list[str]:
    """The question with the subject of the one before; a mere fragment takes its like's place there, or goes behind."""
    core = _fragment(without_courtesies(question, language), language)
    if _ASKS[language].search(_plain(core)):
        kept = " ".join(_POINTERS[language].sub(" ", core).split())
        return [f"{kept} {_subject(before, language)}"]
    behind = f"{before.rstrip('?!. ')} {core}"
    word = _plain(core).split(maxsplit=1)[0] if core else ""
    like = [found.start() for found in re.finditer(_LIKE.get(word, r"(?!)"), before, re.IGNORECASE)]
    return (
        [f"{before[: like[-1]]}{core}", behind]
        if like and like[-1]
        else [f"{core} {_subject(before, language)}", behind]
    )


def _subject(before: str, language: Language) -> str:
    """The words of a question that name something of its own."""
    wanted = content_stems(before, language) - _GENERIC
    words = re.findall(r"[\w-]+", before)
    named = [bool(set(terms(word, language)) & wanted) for word in words]
    joins = [
        not terms(word, language) and any(named[:place][-1:]) and any(named[place + 1 : place + 2])
        for place, word in enumerate(words)
    ]
    kept = [word for word, name, join in zip(words, named, joins, strict=True) if name or join]
    return " ".join(kept) or before.rstrip("?!. ")


def _fragment(message: str, language: Language) -> str:
    """The message without its leading "and" or "what about" and its closing mark."""
    return re.sub(rf"^{_LEAD[language]}", "", message.strip().rstrip("?!. "), flags=re.IGNORECASE).strip(" ,")


def _without_lead(plain: str, language: Language) -> str:
    return re.sub(rf"^{_LEAD[language]}", "", plain)


def _plain(message: str) -> str:
    return " ".join(fold(message).replace("'", " ").split())
