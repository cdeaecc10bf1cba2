"""A reply as the pages show it: its text, with a chip where it cites a section."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

MARK = re.compile(r"\s*\[(\d{1,2})\]")


@dataclass(frozen=True)
class ReplyPart:
    """A stretch of text, or (where `rank` is set) the citation of the section of that rank, counted from 1."""

    text: str = ""
    rank: int = 0


def reply_parts(text: str, cited: Sequence[int]) -> tuple[ReplyPart, ...]:
    """Split a reply at its marks `[n]`; ranks in `cited` that the text does not mark follow at the end.

    A mark of a section that is not cited stays text: it is the customer's or the section's own wording.
    """
    parts: list[ReplyPart] = []
    seen: set[int] = set()
    start = 0
    for found in MARK.finditer(text):
        rank = int(found[1])
        if rank not in cited:
            continue
        parts += [ReplyPart(text=text[start : found.start()]), ReplyPart(rank=rank)]
        seen.add(rank)
        start = found.end()
    parts.append(ReplyPart(text=text[start:]))
    parts += [ReplyPart(rank=rank) for rank in dict.fromkeys(cited) if rank not in seen]
    return tuple(part for part in parts if part.text or part.rank)
