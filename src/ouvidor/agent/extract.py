"""Finds what answers a question in a section: the tightest span, and the sentences or clause to show."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ouvidor.agent.clause import readable_clause
from ouvidor.agent.reading import Reading, read
from ouvidor.agent.spans import Span, best_span, candidates, probabilities, trained_weights
from ouvidor.text import Language, sentences

WHOLE_ANSWER = 420
"""Characters up to which the answer of a question-and-answer section is shown whole."""
WHOLE_PASSAGE = 160
"""Characters up to which any other section is shown whole."""
_WHOLE_LIST = 600
_LONGEST_READ = 12_000
_ITEM = re.compile(r"^\s*(?:[-–—•*·▪]\s+|\(?(?:\d{1,2}|[a-z])[.)]\s+)")


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
    relevant sentences in order; any other section gives the clause or sentence that answers.
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
        shown = _render(units, _chosen_blocks(units, reading, mass.tolist()))
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
    """Paragraphs and list items in order, with whether each is an item."""
    found: list[tuple[list[str], bool]] = []
    closed = True
    for line in text.splitlines():
        if _ITEM.match(line):
            found.append(([line], True))
            closed = False
        elif not line.strip():
            closed = True
        elif closed or (found[-1][1] and not line[:1].isspace()):
            found.append(([line], False))
            closed = False
        else:
            found[-1][0].append(line)
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


def _chosen_blocks(units: Sequence[_Unit], reading: Reading, mass: Sequence[float]) -> set[int]:
    """The blocks to show: the likeliest first, then the opening, then others by worth, while they fit."""
    worth: dict[int, float] = {}
    size: dict[int, int] = {}
    for index, unit in enumerate(units):
        worth[unit.block] = worth.get(unit.block, 0.0) + mass[index] + reading.coverage[index] / 4
        size[unit.block] = size.get(unit.block, 0) + len(unit.text)
    ranked = sorted(worth, key=lambda block: -worth[block])
    chosen: set[int] = {ranked[0]}
    for block in [units[0].block, *ranked[1:]]:
        if sum(size[one] for one in chosen | {block}) <= WHOLE_ANSWER:
            chosen.add(block)
    return chosen


def _render(units: Sequence[_Unit], blocks: set[int]) -> str:
    """The blocks in order; paragraphs apart, list items on lines of their own."""
    pieces: list[str] = []
    for unit in units:
        if unit.block not in blocks:
            continue
        gap = "\n" if unit.is_item else "\n\n" if unit.opens_paragraph else " "
        pieces += [gap, f"- {unit.text}" if unit.is_item else unit.text]
    return "".join(pieces[1:])
