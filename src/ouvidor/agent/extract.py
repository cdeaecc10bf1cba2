"""Finds what answers a question in a section: the tightest span, and the sentences or clause to show."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ouvidor.agent.clause import readable_clause
from ouvidor.agent.reading import Reading, read
from ouvidor.agent.spans import Span, best_span, candidates, probabilities, trained_weights
from ouvidor.text import Language, sentences

WHOLE_ANSWER = 600
"""Characters up to which the answer of a question-and-answer section is shown whole."""
WHOLE_PASSAGE = 160
"""Characters up to which any other section is shown whole."""
_WHOLE_LIST = 900
_DOUBT = 0.3
_ROOM_IN_DOUBT = 360
_LONGEST_READ = 12_000
_ITEM = re.compile(r"^\s*(?:[-–—•*·▪]\s+|\(?(?:\d{1,2}|[a-z])[.)]\s+)")

_LEANING = re.compile(
    r"(?:th(?:is|at|ese|ose|ey|ere)|it|its|he|she|such|however|but|so|otherwise|also|similarly|in that case|then"
    r"|iss[oa]|ess[ea]s?|est[ea]s?|el[ea]s?|porém|mas|assim|também|ness[ea]|nest[ea]|depois disso|passado"
    r"|caso contrário|do contrário|já|lá|aí)\b",
    re.IGNORECASE,
)
"""How a sentence begins that needs the one before it."""


@dataclass(frozen=True)
class Extract:
    """`text` is what to show; `span` the tightest answer inside the section; `expected_f1` the model's trust in it."""

    text: str
    span: str
    expected_f1: float


@dataclass(frozen=True)
class _Unit:
    """A sentence or list item; `block` joins a sentence that ends in a colon with the items that follow it."""

    text: str
    block: int
    is_item: bool
    opens_paragraph: bool


def extract(
    question: str,
    text: str,
    language: Language,
    *,
    answers_a_question: bool = False,
    weights: Mapping[str, float] | None = None,
) -> Extract:
    """What `text` (in `language`) says to `question`.

    With `answers_a_question` the section is a question with its answer, which is shown whole where short, else its
    relevant sentences in order; any other section gives the clause or sentence that answers, or, where the model
    has doubts, several.
    """
    units = _units(text[:_LONGEST_READ])
    if not units:
        return Extract(text.strip(), text.strip(), 0.0)
    reading = read(question, [unit.text for unit in units], language)
    firsts, lasts = candidates(reading.tokens)
    if not firsts.size:
        return Extract(text.strip(), text.strip(), 0.0)
    probability = probabilities(reading, firsts, lasts, trained_weights() if weights is None else weights)
    span = best_span(firsts, lasts, probability)
    sentence_of = np.array([token.sentence for token in reading.tokens])
    mass = np.bincount(sentence_of[firsts], weights=probability, minlength=len(units))
    if len(text.strip()) <= (WHOLE_ANSWER if answers_a_question else WHOLE_PASSAGE):
        shown = text.strip()
    elif answers_a_question:
        shown = _render(units, _chosen(units, reading, mass.tolist(), WHOLE_ANSWER))
    elif span.expected_f1 < _DOUBT:
        shown = _render(units, _chosen(units, reading, mass.tolist(), _ROOM_IN_DOUBT))
    else:
        shown = _shown_in_passage(units, reading, span)
    return Extract(shown, _span_text(units, reading, span), span.expected_f1)


def _units(text: str) -> list[_Unit]:
    units: list[_Unit] = []
    block = -1
    for paragraph, is_item in _paragraphs(text):
        found = [" ".join(sentences(paragraph))] if is_item else sentences(paragraph)
        for position, sentence in enumerate(found):
            in_list = is_item and bool(units) and (units[-1].is_item or units[-1].text.endswith(":"))
            block += not in_list
            units.append(_Unit(sentence, block, is_item, opens_paragraph=position == 0))
    return [unit for unit in units if unit.text]


def _paragraphs(text: str) -> list[tuple[str, bool]]:
    """Paragraphs and list items in order, with whether each is an item.

    Items have a bullet or a number, or are the lines from one that ends in a colon to the next blank line.
    """
    found: list[tuple[list[str], bool]] = []
    closed, listing = True, False
    for raw in text.splitlines():
        line = raw.strip()
        if not line:
            closed = True
            listing = listing and not found[-1][1]
            continue
        if _ITEM.match(line):
            found.append(([line], True))
        elif not closed and (line[0].islower() or line[0] == "(" or not (listing or found[-1][1])):
            found[-1][0].append(line)
        else:
            found.append(([line], listing))
        closed = False
        listing = line.endswith(":") or (listing and found[-1][1])
    return [("\n".join(lines), is_item) for lines, is_item in found]


def _span_text(units: Sequence[_Unit], reading: Reading, span: Span) -> str:
    first, last = reading.tokens[span.first], reading.tokens[span.last]
    return units[first.sentence].text[first.start : last.end]


def _shown_in_passage(units: Sequence[_Unit], reading: Reading, span: Span) -> str:
    sentence = reading.tokens[span.first].sentence
    block = [unit for unit in units if unit.block == units[sentence].block]
    if len(block) == 1:
        return readable_clause(units[sentence].text, reading, span)
    if sum(len(unit.text) for unit in block) <= _WHOLE_LIST:
        return _render(units, {units[sentence].block})
    lead = [block[0].text] if block[0].text.endswith(":") and not units[sentence].is_item else []
    return "\n".join([*lead, readable_clause(units[sentence].text, reading, span)])


def _chosen(units: Sequence[_Unit], reading: Reading, mass: Sequence[float], room: int) -> set[int]:
    """The blocks to show in `room` characters: the worthiest, the opening, then others by worth while they fit.

    A block that leans on the one before ("This …") comes with it; list items, quick to read, count half their length.
    """
    count = units[-1].block + 1
    worth, size, leans = [0.0] * count, [0] * count, [False] * count
    for index, unit in enumerate(units):
        leans[unit.block] |= not size[unit.block] and bool(_LEANING.match(unit.text))
        worth[unit.block] += mass[index] + reading.coverage[index] / 2
        size[unit.block] += len(unit.text) // (2 if unit.is_item else 1)
    ranked = sorted(range(count), key=lambda block: -worth[block])
    chosen = set(_with_support(ranked[0], leans, room, size))
    for block in [0, *ranked[1:]]:
        wanted = chosen | set(_with_support(block, leans, room, size))
        if sum(size[one] for one in wanted) <= room:
            chosen = wanted
    return chosen


def _with_support(block: int, leans: Sequence[bool], room: int, size: Sequence[int]) -> range:
    """The block and those before it that it needs to be understood, as far as there is room."""
    first = block
    while first and leans[first] and sum(size[first - 1 : block + 1]) <= room:
        first -= 1
    return range(first, block + 1)


def _render(units: Sequence[_Unit], blocks: set[int]) -> str:
    """The blocks in order; paragraphs apart, list items on lines of their own."""
    pieces: list[str] = []
    for unit in units:
        if unit.block not in blocks:
            continue
        gap = "\n" if unit.is_item else "\n\n" if unit.opens_paragraph else " "
        pieces += [gap, f"- {unit.text}" if unit.is_item else unit.text]
    return "".join(pieces[1:])
