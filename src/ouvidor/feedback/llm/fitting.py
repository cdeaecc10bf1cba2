"""How comments are put into calls: how many together, how much of each, and how much of the taxonomy. Pure."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ouvidor.engines.tokens import BYTES_PER_TOKEN, estimate_tokens
from ouvidor.feedback.taxonomy import Taxonomy

MOST_TOGETHER = 12
"""As many as take about as long to answer as the analysis of a conversation: one deadline serves both."""
MOST_TOKENS = 4_000
LONGEST_TOKENS = 1_000
SHARE_OF_ONE = 4
"""One comment gets at most a quarter of what all of a call may take."""
SHARE_OF_TAXONOMY = 2
MOST_TAXONOMY_TOKENS = 6_000
"""The taxonomy gets at most half of what the window leaves, and this: every call reads it."""
COMMENT_TOKENS = 8
"""What a comment takes beside its words: its number, the marks."""
FEWEST_TOKENS = 200
LEFT_OUT = " […] "
SHRINKS = 0.9
DETAILS = ((3, 600), (3, 200), (2, 100), (0, 100), (0, 40), (0, 0))
"""How much of a taxonomy is told, the most first: examples of each category, letters of each text."""


@dataclass(frozen=True)
class Room:
    """How many tokens of a call comments may take: all `together`, and one `alone`, which is shortened to that."""

    together: int
    alone: int


def room_for(tokens: int) -> Room:
    """The room of a call that has so many tokens left for comments."""
    together = max(FEWEST_TOKENS, min(MOST_TOKENS, tokens))
    return Room(together, min(LONGEST_TOKENS, together // SHARE_OF_ONE))


def tokens_of(size: int, room: Room) -> int:
    """About how many tokens a comment of so many bytes (UTF-8) takes in a call, rather too many."""
    return min(room.alone, -(-size // BYTES_PER_TOKEN)) + COMMENT_TOKENS


def group_sizes(sizes: Sequence[int], room: Room, most: int = MOST_TOGETHER) -> list[int]:
    """How many of these comments, of so many bytes each, go into each call: in order, one to `most`."""
    counts: list[int] = []
    left = 0
    for size in sizes:
        tokens = tokens_of(size, room)
        if not counts or counts[-1] == most or tokens > left:
            counts.append(0)
            left = room.together
        counts[-1] += 1
        left -= tokens
    return counts


def size_of(text: str) -> int:
    """The bytes that a text takes as data, with what JSON has to escape in it."""
    return len(json.dumps(text, ensure_ascii=False).encode("utf-8", "replace")) - len('""')


def shortened(text: str, room: Room) -> str:
    """The text without its middle where it takes more than one comment may."""
    most, size = room.alone * BYTES_PER_TOKEN, size_of(text)
    kept = float(len(text))
    while size > most:
        kept *= min(SHRINKS, most / size)
        half = int(kept) // 2
        shown = f"{text[:half]}{LEFT_OUT}{text[len(text) - half :]}"
        size = size_of(shown)
        if size <= most or not half:
            return shown
    return text


def shown(taxonomy: Taxonomy, tokens: int) -> dict[str, Any]:
    """What a model is told of the taxonomy where data may take so many tokens; at the least its codes and names."""
    most = min(MOST_TAXONOMY_TOKENS, tokens // SHARE_OF_TAXONOMY)
    told: dict[str, Any] = {}
    for told in _told(taxonomy):
        if estimate_tokens(json.dumps(told, ensure_ascii=False)) <= most:
            break
    return told


def _told(taxonomy: Taxonomy) -> Iterator[dict[str, Any]]:
    for examples, letters in DETAILS:
        categories: list[dict[str, Any]] = []
        for category in taxonomy.categories:
            one: dict[str, Any] = {"code": category.code, "names": sorted({*category.names.values()})}
            if category.description and letters:
                one["means"] = _cut(category.description, letters)
            if category.examples and examples:
                one["examples"] = [_cut(example, letters) for example in category.examples[:examples]]
            categories.append(one)
        tags = [
            {"code": tag.code, "means": _cut(tag.explanation, letters)}
            if tag.explanation and letters
            else {"code": tag.code}
            for tag in taxonomy.tags
        ]
        yield {"categories": categories, "tags": tags, "language_of_new_tags": taxonomy.language}


def _cut(text: str, letters: int) -> str:
    return text if len(text) <= letters else f"{text[: letters - 1].rstrip()}…"
