"""The cited sections as evidence, and the statements of a text that they do not bear out. Pure."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from ouvidor.agent.contacts import addresses, handles, links, plain_signs, same_address
from ouvidor.agent.figure import Figure
from ouvidor.agent.figures import told_figures
from ouvidor.agent.given import Source
from ouvidor.agent.lexicon import FINITE, word_class
from ouvidor.agent.meanings import Word, denies, opposites_of, words_of
from ouvidor.agent.smalltalk import small_talk
from ouvidor.knowledge.gloss import is_common
from ouvidor.text import Language, fold, sentences

_ENOUGH = 0.62
_ASKED_WEIGHS = 0.75
_RARE_WEIGHS = 1.5
_STRANGE_RUN = 3
_ALIKE = 0.6
_NEAR_BEST = 0.15
_CLAUSE_END = re.compile(
    r"[,;:()–—]\s|\s[-–—]\s|\s(?:but|mas|porem|and|e|while|enquanto|although|embora|however)\s", re.IGNORECASE
)
_STOP = re.compile(r"(?<=[a-zà-ÿ\d]{2}[.!?])\s+")
_WORDS = re.compile(r"[^\W\d_]+")
_ORDERS = tuple(
    re.compile(pattern)
    for pattern in (
        (
            r"\b(?:ignor[ea]|disregard|forget|override|bypass|esqueca|desconsidere|desobedeca)\b.{0,60}\b(?:instruc|instruct|prompt"
            r"|previous|above|earlier|rules?|regras|anterior|acima|ordens|guideline|told|everything|tudo)"
        ),
        (
            r"\b(?:system|developer|admin) (?:prompt|message|override|mode|note|command)\b|\bsystem ?:|\[/?(?:system"
            r"|inst)\b|<\|?(?:im_start|system|end)"
            r"|\b(?:prompt|mensagem|nota|comando) d[oe] sistema\b|#{2,} ?instruc"
        ),
        (
            r"\b(?:assistants?|ais?|language models?|chat ?bots?|bots?|llms?|gpt|modelos? de linguagem|assistentes?(?:"
            r" virtua(?:l|is))?|ia|robos?)\b.{0,40}"
            r"\b(?:must|should|shall|deve|precisa|respon\w+|reply|answer|say|tell|diga|output|print|reveal|revele|obey|obedec\w+)\b"
        ),
        (
            r"\b(?:you are now|voce agora e|act as|aja como|finja|pretend to be|from now on,? (?:you|say|answer|reply)"
            r"|new instructions?"
            r"|novas? instruc\w+|nova tarefa|new task|a partir de agora,? (?:voce|responda|diga))\b"
        ),
        (
            r"(?:^|[.!?:;]\s*|please |por favor,? )(?:reply|respond|answer|say|tell (?:the |every |all )?(?:customer"
            r"|user|guest|client)s?"
            r"|responda|diga|informe a\w* clientes?|output|print|repeat|repita|reveal|revele)\b.{0,40}"
            r"\b(?:with|only|exactly|that|apenas|somente|exatamente|que|prompt|instruc\w*|verbatim|word|palavra)\b"
        ),
        (
            r"\b(?:do not|don.?t|never|nao|nunca)\b.{0,20}\b(?:hand ?over|escalate|cite|mencione|transfira|encaminhe"
            r"|call a (?:person|human))"
        ),
    )
)


@dataclass(frozen=True)
class Clause:
    """A stretch of a section: what it speaks of, and whether it denies."""

    keys: frozenset[str]
    denied: bool


@dataclass(frozen=True)
class Evidence:
    """What the cited sections say; a section that gives orders to whoever reads it says nothing."""

    sources: tuple[Source, ...]

    @cached_property
    def texts(self) -> tuple[tuple[str, Language], ...]:
        """Headings and texts with their languages, letters as a person reads them."""
        return tuple(
            (plain_signs(text), source.language)
            for source in self.sources
            for text in (source.question or "", source.text)
        )

    @cached_property
    def whole(self) -> str:
        """All of it in one."""
        return "\n".join(text for text, _ in self.texts)

    @cached_property
    def raw(self) -> str:
        """All of it letter by letter."""
        return "\n".join(f"{source.question or ''}\n{source.text}" for source in self.sources)

    @cached_property
    def keys(self) -> frozenset[str]:
        """What its words mean."""
        return frozenset(key for text, language in self.texts for word in words_of(text, language) for key in word.keys)

    @cached_property
    def told_keys(self) -> frozenset[str]:
        """What the words of the texts mean, without the headings that only ask."""
        return frozenset(
            key for source in self.sources for word in words_of(_stated(source), source.language) for key in word.keys
        )

    @cached_property
    def figures(self) -> tuple[Figure, ...]:
        """Its figures, and the days and months between those that it names."""
        return told_figures(self.whole)

    @cached_property
    def contacts(self) -> frozenset[str]:
        """Its links, e-mail addresses and handles."""
        return frozenset([*map(same_address, links(self.whole)), *addresses(self.whole), *handles(self.whole)])

    @cached_property
    def clauses(self) -> tuple[Clause, ...]:
        """Its sentences and their clauses."""
        return tuple(
            clause
            for source in self.sources
            for sentence in sentences(plain_signs(_stated(source)))
            for written in _stretches(sentence)
            for clause in [Clause(_keys(written, source.language), denies(written, source.language))]
        )

    @cached_property
    def statements(self) -> tuple[tuple[frozenset[str], tuple[Figure, ...]], ...]:
        """Of each sentence what its words mean, and its figures."""
        return tuple(
            (_keys(sentence, source.language), told_figures(sentence))
            for source in self.sources
            for sentence in sentences(plain_signs(_stated(source)))
        )

    def holds(self, word: Word) -> bool:
        """Whether it speaks of what the word means."""
        return bool(word.keys & self.keys)


def evidence_of(sources: Iterable[Source]) -> Evidence:
    """The sections that may bear something out."""
    return Evidence(tuple(source for source in sources if not gives_orders(f"{source.question or ''}. {source.text}")))


def gives_orders(text: str) -> bool:
    """Whether a text speaks to the program that reads it instead of the customer."""
    plain = " ".join(fold(plain_signs(text)).split())
    return any(pattern.search(plain) for pattern in _ORDERS)


def unsupported(
    text: str, language: Language, evidence: Evidence, asked: frozenset[str], named: frozenset[str] = frozenset()
) -> list[str]:
    """The statements of a text, in its words, that the evidence does not bear out.

    `asked` are the keys of the customer's own words: they may be repeated beside what is borne out, never alone.
    `named` are those of the company's and the bot's names, which say nothing.
    """
    found: list[str] = []
    supported_any = False
    for sentence in (part for whole in sentences(text) for part in _STOP.split(whole)):
        words = [word for word in words_of(sentence, language) if not word.neutral and not word.keys & named]
        supported_any |= any(evidence.holds(word) for word in words)
        if small_talk(sentence, language, names=_names(sentence, asked)):
            continue
        wrong = _strange(words, evidence, asked, _proper(sentence)) or _overweight(words, evidence)
        wrong = wrong or _misplaced(words, evidence)
        wrong = wrong or _contradicts(sentence, language, evidence)
        if wrong:
            found.append(wrong if len(wrong) < 120 else wrong[:117] + "…")
    return found if found or supported_any else [text[:120]]


def _strange(words: Sequence[Word], evidence: Evidence, asked: frozenset[str], proper: frozenset[str]) -> str:
    """The words that neither the sections nor the customer used, where they outweigh the others or stand in a row."""
    held = run = worst = 0
    missing = 0.0
    strange: list[str] = []
    for word in words:
        if evidence.holds(word):
            held, run = held + 1, 0
        elif word.keys & asked and word.written not in proper:
            missing, run = missing + _ASKED_WEIGHS, 0
        else:
            missing += 1.0 if is_common(word.written) and word.written not in proper else _RARE_WEIGHS
            run += 1
            strange.append(word.written)
        worst = max(worst, run)
    if not missing or (held / (held + missing) >= _ENOUGH and worst < _STRANGE_RUN):
        return ""
    return " ".join(strange) or " ".join(word.written for word in words)


def _overweight(words: Sequence[Word], evidence: Evidence) -> str:
    """A weighty word that no section says, or one whose contrary alone they say."""
    for word in words:
        if word.weighty and f"={word.weighty}" not in evidence.told_keys and not _literal(word, evidence):
            return word.written
        contrary = opposites_of(word)
        if contrary and contrary & evidence.told_keys and not evidence.holds(word):
            return word.written
    return ""


def _misplaced(words: Sequence[Word], evidence: Evidence) -> str:
    """A weighty word that the sections say of something else alone."""
    others = [word for word in words if not word.weighty and evidence.holds(word)]
    for word in words:
        said = [keys for keys, _ in evidence.statements if word.weighty and f"={word.weighty}" in keys]
        if said and others and not any(other.keys & keys for other in others for keys in said):
            return word.written
    return ""


def _proper(sentence: str) -> frozenset[str]:
    """Words with a capital that do not open the sentence: names, of whom much can be claimed."""
    return frozenset(fold(word) for word in _WORDS.findall(sentence)[1:] if word[0].isupper())


def _names(sentence: str, asked: frozenset[str]) -> list[str]:
    """Words with a capital that the customer used too: how they are called."""
    return [word for word in _WORDS.findall(sentence) if word[0].isupper() and {fold(word)} & asked]


def _literal(word: Word, evidence: Evidence) -> bool:
    return word.written in evidence.told_keys


def _contradicts(sentence: str, language: Language, evidence: Evidence) -> str:
    """A clause that denies what the sections say, or says what they deny."""
    for written in _stretches(sentence):
        words = [word for word in words_of(written, language) if not word.neutral and evidence.holds(word)]
        if not words:
            continue
        denied = denies(written, language)
        alike = [
            (sum(bool(word.keys & clause.keys) for word in words) / len(words), clause) for clause in evidence.clauses
        ]
        best = max((share for share, _ in alike), default=0.0)
        near = [clause for share, clause in alike if share >= best - _NEAR_BEST]
        if best >= _ALIKE and all(clause.denied != denied for clause in near):
            return written.strip()
    return ""


def _stretches(sentence: str) -> list[str]:
    """The clauses of a sentence; what has no verb of its own goes with what follows it, or with what it follows."""
    found: list[str] = []
    waiting = ""
    for part in _CLAUSE_END.split(sentence):
        whole = f"{waiting}, {part}" if waiting else part
        has_verb = any(word_class(word, opens_sentence=True) in FINITE for word in _WORDS.findall(part))
        waiting = "" if has_verb else whole
        if has_verb:
            found.append(whole)
    if waiting.strip():
        found[-1:] = [f"{found[-1]}, {waiting}" if found else waiting]
    return [part for part in found if part.strip()]


def _keys(text: str, language: Language) -> frozenset[str]:
    return frozenset(key for word in words_of(text, language) if not word.neutral for key in word.keys)


def _stated(source: Source) -> str:
    """What a section states: its text, and its heading unless that asks."""
    heading = source.question or ""
    return source.text if heading.rstrip().endswith("?") else f"{heading}.\n{source.text}"
