"""The cited sections as evidence, and the statements of a text that they do not bear out. Pure."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from ouvidor.agent.figure import Figure
from ouvidor.agent.given import Source
from ouvidor.agent.meanings import Word, denies, opposites_of, words_of
from ouvidor.agent.smalltalk import small_talk
from ouvidor.agent.testimony import Clause, Testimony, stretches, testimony_of
from ouvidor.knowledge.gloss import is_common
from ouvidor.text import Language, fold, sentences

_ENOUGH = 0.62
_ASKED_WEIGHS = 0.75
_RARE_WEIGHS = 1.5
_STRANGE_RUN = 3
_ALIKE = 0.6
_NEAR_BEST = 0.15
_STOP = re.compile(r"(?<=[a-zà-ÿ\d]{2}[.!?])\s+")
_WORDS = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class Evidence:
    """What the cited sections say, each for itself."""

    sections: tuple[Testimony, ...]

    @cached_property
    def keys(self) -> frozenset[str]:
        """What their words mean."""
        return frozenset[str]().union(*(section.keys for section in self.sections))

    @cached_property
    def told_keys(self) -> frozenset[str]:
        """What the words mean that they state: headings that only ask are left out."""
        return frozenset[str]().union(*(section.told_keys for section in self.sections))

    @cached_property
    def words(self) -> frozenset[str]:
        """Their words, folded."""
        return frozenset[str]().union(*(section.words for section in self.sections))

    @cached_property
    def figures(self) -> tuple[Figure, ...]:
        """Their figures, and the days and months between those that they name."""
        return tuple(figure for section in self.sections for figure in section.figures)

    @cached_property
    def contacts(self) -> frozenset[str]:
        """Their links, e-mail addresses and handles."""
        return frozenset[str]().union(*(section.contacts for section in self.sections))

    @cached_property
    def clauses(self) -> tuple[Clause, ...]:
        """The clauses of their sentences."""
        return tuple(clause for section in self.sections for clause in section.clauses)

    @cached_property
    def statements(self) -> tuple[frozenset[str], ...]:
        """What the words of each of their sentences mean."""
        return tuple(statement for section in self.sections for statement in section.statements)

    def holds(self, word: Word) -> bool:
        """Whether they speak of what the word means."""
        return not self.keys.isdisjoint(word.keys)


def evidence_of(sources: Iterable[Source]) -> Evidence:
    """The sections that may bear something out: one that gives orders to whoever reads it says nothing."""
    read = (testimony_of(source) for source in sources)
    return Evidence(tuple(section for section in read if not section.gives_orders))


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
        if not word.weighty:
            continue
        said = [keys for keys in evidence.statements if f"={word.weighty}" in keys]
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
    for written in stretches(sentence):
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
