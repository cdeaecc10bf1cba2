"""Tells apart the questions in one message and finds the sections that together answer them."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
_POINTS_BACK = re.compile(
    r"\b(?:it|its|that|this|they|them|there|one|ele|ela|eles|elas|isso|esse|essa|disso|nele|nela|dele|dela|la)\b"
)


@dataclass(frozen=True)
class Part:
    """A section and the question that it answers."""

    ask: str
    source: Source


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
    rivals = [source for source in sources if source.score >= _RELATIVE_SCORE * best.score]
    weights = _weights(sources)
    asks = split_asks(message, language)
    if len(asks) == 1:
        second = _complement(asks[0], rivals, weights, language)
        return [Part(asks[0], best)] + ([Part(asks[0], second)] if second else [])
    parts: list[Part] = []
    for ask in asks:
        source = _best_for(ask, rivals, weights)
        if source and all(part.source.number != source.number for part in parts):
            parts.append(Part(ask, source))
    return parts if len(parts) > 1 else [Part(without_courtesies(message, language), best)]


def _best_for(ask: str, sources: Sequence[Source], weights: Mapping[str, float]) -> Source | None:
    """The section that covers the question best, the first unless another does clearly; None where none does well."""
    covered = [_coverage(content_stems(ask, source.language), source, weights) for source in sources]
    place = max(range(len(sources)), key=lambda index: (covered[index], -index))
    if covered[place] < covered[0] + _BETTER_BY:
        place = 0
    return sources[place] if covered[place] >= _WELL_COVERED else None


def _complement(
    message: str, sources: Sequence[Source], weights: Mapping[str, float], language: Language
) -> Source | None:
    """A section with what the best one lacks of a question that names two things: "parking and pool hours"."""
    if not re.search(r"\b(?:e|ou|and|or)\b|,|&|\+", message):
        return None
    asked = content_stems(message, language)
    lacking = {stem for stem in asked - _stems(sources[0]) if stem in weights}
    total = sum(weights.get(stem, _rarest(weights)) for stem in asked)
    if not lacking or sum(weights[stem] for stem in lacking) < _WORTH_JOINING * total:
        return None
    for source in sources[1:]:
        if source.language == language and lacking <= _stems(source) and lacking & _heading(source):
            return source
    return None


def _coverage(asked: frozenset[str], source: Source, weights: Mapping[str, float]) -> float:
    """The share of the question's weight found in the section, 0 where its heading shares no word with the question.

    Words of no section weigh as the rarest.
    """
    if source.question and not asked & _heading(source):
        return 0.0
    rarest = _rarest(weights)
    total = sum(weights.get(stem, rarest) for stem in asked)
    return sum(weights.get(stem, rarest) for stem in asked & _stems(source)) / total if total else 0.0


def _heading(source: Source) -> frozenset[str]:
    return frozenset(terms(" ".join([source.question or "", *source.phrasings]), source.language))


def _stems(source: Source) -> frozenset[str]:
    return frozenset(terms(" ".join([source.question or "", *source.phrasings, source.text]), source.language))


def _weights(sources: Sequence[Source]) -> dict[str, float]:
    """Inverse frequency of each stem among the sections at hand; what may be asked of anything counts little."""
    frequency = Counter(stem for source in sources for stem in _stems(source)) | Counter(dict.fromkeys(_GENERIC, 1))
    return {
        stem: math.log(1 + len(sources) / count) * (_LITTLE if stem in _GENERIC else 1.0)
        for stem, count in frequency.items()
    }


def _rarest(weights: Mapping[str, float]) -> float:
    return max(weights.values(), default=1.0)
