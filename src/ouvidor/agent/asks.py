"""Tells apart the questions in one message and finds the sections that together answer them."""

import math
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ouvidor.agent.given import Source
from ouvidor.agent.reading import content_stems
from ouvidor.agent.smalltalk import small_talk
from ouvidor.text import Language, fold, sentences, terms

_MOST_ASKS = 3
_WELL_COVERED = 0.5
_BETTER_BY = 0.2
_WORTH_JOINING = 0.2
_RELATIVE_SCORE = 0.3
_LITTLE = 0.25
_TEXTS_KEPT = 1024
_GENERIC = frozenset(
    [
        *terms("hora horas horário preço valor custo custa custam quanto dia funciona fica", "pt"),
        *terms("time hours price cost costs day open opens work works", "en"),
    ]
)
_QUESTION_WORDS: Mapping[Language, str] = {
    "pt": r"(?:a |até |em |de |por |para |com )?(?:qual|quais|quant[oa]s?|quando|onde|como|quem|que (?:horas|dia)"
    r"|por ?qu[eê]|o que)",
    "en": r"(?:what|when|where|who|why|how|which)",
}
_OTHER_OPENINGS: Mapping[Language, str] = {
    "pt": r"(?:t[eê]m|há|existem?|posso|podemos|pode|consigo|vocês|vcs|aceitam?|fazem|é possível|dá (?:pra|para)"
    r"|preciso|se (?:vocês|tem|têm|posso|aceitam|há|é)|(?:quer(?:o|ia)|gostaria de) saber|me (?:diga|diz|informe))",
    "en": r"(?:do|does|did|is|are|can|may|could|should|will|would|have|has|if (?:you|i|there|it|we)"
    r"|i (?:want|need|would like) to know|(?:please )?tell me)",
}
_AND: Mapping[Language, str] = {
    "pt": r"\s*,?\s+(?:e também|e|mas|além disso|também)\s+",
    "en": r"\s*,?\s+(?:and also|and|but|also|plus)\s+",
}
_NAMES_TWO = re.compile(r"\b(?:e|ou|and|or)\b|,|&|\+", re.IGNORECASE)
_POINTS_BACK = re.compile(
    r"\b(?:it|its|that|this|they|them|there|one|ele|ela|eles|elas|isso|esse|essa|disso|nele|nela|dele|dela|la)\b"
)


@dataclass(frozen=True)
class Part:
    """A section and the question that it answers."""

    ask: str
    source: Source


@dataclass(frozen=True)
class _Index:
    """Sections with the stems of their headings (question and phrasings) and of all they say.

    `weight` is the inverse frequency of a stem among the sections; what may be asked of anything counts little, and
    a stem of no section as much as the rarest.
    """

    sources: tuple[Source, ...]
    headings: tuple[frozenset[str], ...]
    stems: tuple[frozenset[str], ...]
    weight: Mapping[str, float]
    rarest: float

    def total(self, stems: Collection[str]) -> float:
        """The sum of the stems' weights."""
        return sum(self.weight.get(stem, self.rarest) for stem in stems)

    def coverage(self, asked: frozenset[str], place: int) -> float:
        """The share of the question's weight in a section, 0 where its heading shares no word with the question."""
        if self.sources[place].question and not asked & self.headings[place]:
            return 0.0
        total = self.total(asked)
        return self.total(asked & self.stems[place]) / total if total else 0.0


def without_courtesies(message: str, language: Language) -> str:
    """The message without the small talk around it: "Oi, tudo bem? Tem vaga?" becomes "Tem vaga?"."""
    kept: list[str] = []
    for sentence in sentences(message):
        clauses = re.split(r"(?<=,)\s+", sentence)
        while len(clauses) > 1 and small_talk(clauses[0], language):
            del clauses[0]
        if not small_talk(" ".join(clauses), language):
            kept.append(" ".join(clauses))
    return " ".join(kept) or message.strip()


def split_asks(message: str, language: Language) -> tuple[str, ...]:
    """The questions in a message, in order, without courtesies; the whole message where it holds one or none.

    Questions stay together where one points back to another and says too little alone ("… and how much is it?").
    """
    core = without_courtesies(message, language)
    opening = rf"(?:{_QUESTION_WORDS[language]}|{_OTHER_OPENINGS[language]})\b"
    between = rf"{_AND[language]}(?={opening})|\s*,\s+(?={_QUESTION_WORDS[language]}\b)"
    asks = [ask for sentence in sentences(core) for ask in _asks_of(sentence, between, opening)]
    incomplete = any(
        len(content_stems(ask, language)) < (2 if place and _POINTS_BACK.search(fold(ask)) else 1)
        for place, ask in enumerate(asks)
    )
    return (core,) if incomplete or not 2 <= len(asks) <= _MOST_ASKS else tuple(asks)


def _asks_of(sentence: str, between: str, opening: str) -> list[str]:
    """The questions of a sentence; what asks nothing itself goes with the question after it."""
    found: list[str] = []
    waiting = ""
    for piece in re.split(between, sentence, flags=re.IGNORECASE):
        whole = f"{waiting}, {piece.strip(' ,;')}" if waiting else piece.strip(" ,;")
        asks = piece.rstrip().endswith("?") or re.match(opening, piece.strip(), re.IGNORECASE)
        waiting = "" if asks else whole
        if asks:
            found.append(whole)
    return found


def parts_of(message: str, sources: Sequence[Source], language: Language) -> list[Part]:
    """Which section answers which question of the message; the best section where nothing else fits better.

    `sources` (at least one) stand best first. A further section is joined only where it covers a question, or a part
    of one, that the others do not.
    """
    best = sources[0]
    asks = split_asks(message, language)
    if len(asks) == 1 and not _NAMES_TWO.search(asks[0]):
        return [Part(asks[0], best)]
    index = _index([source for source in sources if source.score >= _RELATIVE_SCORE * best.score])
    if len(asks) == 1:
        second = _complement(asks[0], index, language)
        return [Part(asks[0], best)] + ([Part(asks[0], second)] if second else [])
    parts: list[Part] = []
    for ask in asks:
        source = _best_for(ask, index)
        if source and all(part.source.number != source.number for part in parts):
            parts.append(Part(ask, source))
    return parts if len(parts) > 1 else [Part(without_courtesies(message, language), best)]


def _index(sources: Sequence[Source]) -> _Index:
    headings = [" ".join([source.question or "", *source.phrasings]) for source in sources]
    stems = tuple(
        _stems(f"{heading} {source.text}", source.language) for heading, source in zip(headings, sources, strict=True)
    )
    frequency = Counter(stem for held in stems for stem in held) | Counter(dict.fromkeys(_GENERIC, 1))
    weight = {
        stem: math.log(1 + len(sources) / count) * (_LITTLE if stem in _GENERIC else 1.0)
        for stem, count in frequency.items()
    }
    named = tuple(_stems(heading, source.language) for heading, source in zip(headings, sources, strict=True))
    return _Index(tuple(sources), named, stems, weight, max(weight.values()))


@lru_cache(maxsize=_TEXTS_KEPT)
def _stems(text: str, language: Language) -> frozenset[str]:
    """The stems of a section, or of its heading: the same sections return turn after turn."""
    return frozenset(terms(text, language))


def _best_for(ask: str, index: _Index) -> Source | None:
    """The section that covers the question best, the first unless another does clearly; None where none does well."""
    covered = [index.coverage(content_stems(ask, source.language), place) for place, source in enumerate(index.sources)]
    place = max(range(len(covered)), key=lambda place: (covered[place], -place))
    if covered[place] < covered[0] + _BETTER_BY:
        place = 0
    return index.sources[place] if covered[place] >= _WELL_COVERED else None


def _complement(ask: str, index: _Index, language: Language) -> Source | None:
    """A section with what the best one lacks of a question that names two things: "parking and pool hours"."""
    asked = content_stems(ask, language)
    lacking = {stem for stem in asked - index.stems[0] if stem in index.weight}
    if not lacking or index.total(lacking) < _WORTH_JOINING * index.total(asked):
        return None
    for source, heading, stems in zip(index.sources, index.headings, index.stems, strict=True):
        if source.language == language and lacking <= stems and lacking & heading:
            return source
    return None
