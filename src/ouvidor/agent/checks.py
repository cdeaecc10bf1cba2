"""Whether what a language model drafted may be said: every statement must stand in what was cited. Pure."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import TypeAlias

from ouvidor.agent.contacts import addresses, disguises, handles, links, plain_signs, same_address
from ouvidor.agent.conversational import agreed, known_topics, vouched
from ouvidor.agent.evidence import Evidence, evidence_of, unsupported
from ouvidor.agent.figure import Figure
from ouvidor.agent.figures import borne_out, figures, told_figures
from ouvidor.agent.given import Given
from ouvidor.agent.meanings import words_of
from ouvidor.agent.promises import Promise, promises
from ouvidor.agent.reply import Draft, rests_on
from ouvidor.agent.testimony import folded_words
from ouvidor.agent.topics import likely_topics
from ouvidor.knowledge.gloss import is_common
from ouvidor.text import Language, detect_language, fold

_LONGEST = 6000
_LEAKED_RUN = 6
_LEAST_LEAKED_WORD = 5
_PROMPTS_KEPT = 64
_MARKS_CITATION = re.compile(r"\[\d{1,2}\]")
_OF_THE_CUSTOMER = re.compile(
    r"\b(?:your|yours|seus?|suas?|teus?|tuas?)\s+(?:[a-z-]+\s+){0,3}(?:(?:de|of|with|com)\s+)?$"
)
_COUNTS = re.compile(
    r"\s(?:options?|plans?|ways|types|kinds|steps|opc(?:oes|ao)|planos|formas|tipos|passos|jeitos|maneiras)\b"
)
_Run: TypeAlias = tuple[str, ...]
_CUSTOMERS_UNITS = frozenset({"kg", "g", "lb", "cm", "m", "year", "person", "night"})


class FindingKind(StrEnum):
    """What is wrong with a draft."""

    UNCITED = "uncited"
    UNKNOWN_CITATION = "unknown_citation"
    NUMBER = "number"
    LINK = "link"
    EMAIL = "email"
    PROMISE = "promise"
    UNSUPPORTED = "unsupported"
    DISGUISED = "disguised"
    PROMPT = "prompt"
    NOT_VOUCHED = "not_vouched"


@dataclass(frozen=True)
class Finding:
    """One reason to withhold a draft, and the words of the draft that it is about."""

    kind: FindingKind
    what: str = ""


@dataclass(frozen=True)
class Checked:
    """A draft as it may go on: where there are `findings` its text is `withheld` and it answers nothing.

    `agreed` tells that our own rules too take the message for small talk or for a question about what was said; `owed`
    are the sections on which our own rule would answer, whatever a model cites.
    """

    draft: Draft
    findings: tuple[Finding, ...] = ()
    withheld: str | None = None
    agreed: bool = False
    owed: frozenset[int] = frozenset()


def check(draft: Draft, given: Given, *, prompt: str = "", names: Collection[str] = ()) -> Checked:
    """The draft held against its sources; nothing of `prompt` but the company's `names` may stand in it.

    Where a model names no doubt, a wish for a person or a courtesy in words that we vouch for, and its answer is not
    borne out by what it cites, the draft becomes a doubt.
    """
    owed = frozenset(part.source.number for part in rests_on(given))
    return replace(_checked(draft, given, prompt, names), owed=owed)


def _checked(draft: Draft, given: Given, prompt: str, names: Collection[str]) -> Checked:
    if draft.kind == "wants_person":
        return Checked(draft.model_copy(update={"text": "", "cited": [], "topics": []}))
    if draft.kind == "unsure":
        return Checked(_in_doubt(draft, given))
    if draft.kind != "answer":
        words = vouched(draft, given)
        return (
            Checked(words, agreed=agreed(given))
            if words
            else _withheld(draft, given, [Finding(FindingKind.NOT_VOUCHED, draft.kind)])
        )
    findings = list(dict.fromkeys(_findings(draft, given, prompt, names)))
    return _withheld(draft, given, findings) if findings else Checked(draft.model_copy(update={"topics": []}))


def _withheld(draft: Draft, given: Given, findings: list[Finding]) -> Checked:
    return Checked(_in_doubt(draft, given), tuple(findings), draft.text[:_LONGEST])


def _in_doubt(draft: Draft, given: Given) -> Draft:
    """The draft without its words; what it may be about are headings of ours, never a model's words."""
    topics = known_topics(draft, given) or likely_topics(given.sources)
    return draft.model_copy(update={"kind": "unsure", "text": "", "cited": [], "topics": topics})


def _findings(draft: Draft, given: Given, prompt: str, names: Collection[str]) -> Iterator[Finding]:
    known = range(len(given.sources))
    if not draft.cited:
        yield Finding(FindingKind.UNCITED)
    yield from (Finding(FindingKind.UNKNOWN_CITATION, str(one)) for one in draft.cited if one not in known)
    if len(draft.text) > _LONGEST or not draft.text.strip():
        yield Finding(FindingKind.UNSUPPORTED, draft.text[:80])
        return
    evidence = evidence_of(given.sources[number] for number in draft.cited if number in known)
    text = _MARKS_CITATION.sub(" ", plain_signs(draft.text))
    language = detect_language(text, draft.language)
    yield from _disguised(draft.text, evidence)
    yield from _figures(text, evidence, given)
    yield from _contacts(text, evidence)
    yield from (
        Finding(FindingKind.PROMISE, one.written) for one in promises(text) if not _kept(one, language, evidence)
    )
    yield from _leaks(text, evidence, prompt, names)
    asked = frozenset(key for said in _theirs(given) for word in words_of(said, language) for key in word.keys)
    named = frozenset(key for name in (*names, given.persona) for word in words_of(name, language) for key in word.keys)
    yield from (Finding(FindingKind.UNSUPPORTED, what) for what in unsupported(text, language, evidence, asked, named))


def _theirs(given: Given) -> list[str]:
    """The customer's own words, as far as they are on record."""
    return [given.question, *(said.content for said in given.history if said.role == "USER" and said.verified)]


def _disguised(text: str, evidence: Evidence) -> Iterator[Finding]:
    for one in disguises(text):
        if not any(one in section.disguises for section in evidence.sections):
            yield Finding(FindingKind.DISGUISED, one)


def _figures(text: str, evidence: Evidence, given: Given) -> Iterator[Finding]:
    plain = fold(text)
    for figure in figures(text):
        if (
            borne_out(figure, evidence.figures)
            or _COUNTS.match(plain, figure.end)
            or _of_the_customer(figure, plain, given)
        ):
            continue
        yield Finding(FindingKind.NUMBER, figure.written)


def _of_the_customer(figure: Figure, plain: str, given: Given) -> bool:
    """Whether a figure only says again what the customer said of their own: "your 8 kg dog", never a price."""
    own = figure.unit in _CUSTOMERS_UNITS and _OF_THE_CUSTOMER.search(plain[max(0, figure.start - 40) : figure.start])
    return bool(own) and any(borne_out(figure, told_figures(said)) for said in _theirs(given))


def _contacts(text: str, evidence: Evidence) -> Iterator[Finding]:
    yield from (Finding(FindingKind.LINK, one) for one in links(text) if same_address(one) not in evidence.contacts)
    yield from (Finding(FindingKind.EMAIL, one) for one in addresses(text) if one not in evidence.contacts)
    yield from (Finding(FindingKind.LINK, one) for one in handles(text) if one not in evidence.contacts)


def _kept(promise: Promise, language: Language, evidence: Evidence) -> bool:
    """Whether a section says so: in the same words what is claimed as done, in any words what is announced."""
    if promise.own:
        return any(promise.written in section.spoken for section in evidence.sections)
    return all(evidence.holds(word) or word.neutral for word in words_of(promise.deed, language))


def _leaks(text: str, evidence: Evidence, prompt: str, names: Collection[str]) -> Iterator[Finding]:
    """Runs of words of the prompt, and its uncommon words, that no section has."""
    if not prompt:
        return
    said, secret = folded_words(text), _words_and_runs(prompt)
    leaked = _runs(said) & secret.runs
    leaked -= {run for section in evidence.sections for run in _runs(section.words)} if leaked else leaked
    yield from (Finding(FindingKind.PROMPT, " ".join(run)) for run in sorted(leaked)[:1])
    allowed = evidence.words.union(*(folded_words(name) for name in names))
    for word in sorted(secret.words.intersection(said) - allowed):
        if len(word) >= _LEAST_LEAKED_WORD and not is_common(word):
            yield Finding(FindingKind.PROMPT, word)


@dataclass(frozen=True)
class _WordsAndRuns:
    words: frozenset[str]
    runs: frozenset[_Run]


@lru_cache(maxsize=_PROMPTS_KEPT)
def _words_and_runs(prompt: str) -> _WordsAndRuns:
    """Of a prompt, which is the same turn after turn."""
    words = folded_words(prompt)
    return _WordsAndRuns(frozenset(words), _runs(words))


def _runs(words: Sequence[str]) -> frozenset[_Run]:
    return frozenset(tuple(words[place : place + _LEAKED_RUN]) for place in range(len(words) - _LEAKED_RUN + 1))
