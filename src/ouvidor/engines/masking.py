"""Personal data leave as placeholders and come back as what was written. Pure; why: docs/adr/0024.

What a task presents is a JSON object. Of it the sections are the company's own published words and stay as they are,
and so does a value elsewhere that stands in a section too. Everything else is the customer's: a value in it becomes a
placeholder such as `[PHONE_1]`, the same one wherever it stands; the same digits written in another way become
`[PHONE_1B]`.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from ouvidor.engines.personal_data import Found, Kind, find
from ouvidor.text import fold

PUBLIC = frozenset({"sections"})
"""What of a presented object is the company's own."""
NOTE = (
    "Marks such as [EMAIL_1] or [PHONE_2] stand for data of the customer that you are not shown. Where one of them "
    "belongs into your answer, copy the mark exactly as it is, with its brackets. Never make one up."
)
"""What a model is told where something is masked."""
VARIANTS = "BCDEFGHIJKLMNOPQRSTUVWXYZ"

_NO_SIGN = re.compile(r"[\W_]+")
_NAMES = "|".join(Kind)
_TAKEN = re.compile(rf"({_NAMES})[\W_]{{0,6}}(\d{{1,6}})", re.IGNORECASE | re.ASCII)
"""Whatever could be taken for a placeholder: wider than `_SPOKEN`, so that no text is ever mistaken for one of ours."""
_ID = rf"({_NAMES})\s?\\?[_-]\s?(\d{{1,6}})([B-Z]?)"
_SPOKEN = re.compile(
    rf"\\\[\s?{_ID}\s?\\\]|\[\s?({_NAMES})\s?\\?[\s_-]\s?(\d{{1,6}})([B-Z]?)\s?\]|(?<!\w){_ID}(?!\w)",
    re.IGNORECASE | re.ASCII,
)
"""A placeholder as models write it: in other case, with blanks, escaped as in Markdown, without brackets."""


@dataclass(frozen=True)
class Masked:
    """A text without personal data. `values` tells by placeholder, without its brackets, what was written."""

    text: str
    values: Mapping[str, str]

    @property
    def count(self) -> int:
        """How many values are masked, each counted once."""
        return len(self.values)

    def unmask(self, text: str) -> str:
        """The text with what was written in the place of our placeholders; of others it knows nothing.

        Doing it twice changes no more, because no value holds a placeholder of ours.
        """
        return _SPOKEN.sub(self._written, text) if self.values else text

    def conceal(self, text: str) -> str:
        """The text with these values masked again, for records of what a model said."""
        if not self.values:
            return text
        names = {value: f"[{name}]" for name, value in self.values.items()}
        longest_first = sorted(names, key=len, reverse=True)
        return re.sub("|".join(map(re.escape, longest_first)), lambda match: names[match[0]], text)

    def _written(self, match: re.Match[str]) -> str:
        name, number, variant = (part for part in match.groups() if part is not None)
        return self.values.get(f"{name.upper()}_{number}{variant.upper()}", match[0])


def mask(text: str) -> Masked:
    """What a task presents, masked; a text that is no JSON object is taken as the customer's words."""
    presented = _object(text)
    if presented is None:
        (masked,), values = _mask_all([text], [])
        return Masked(masked, values)
    own = list(_strings({key: value for key, value in presented.items() if key not in PUBLIC}))
    company = list(_strings({key: value for key, value in presented.items() if key in PUBLIC}))
    masked, values = _mask_all(own, company)
    if not values:
        return Masked(text, values)
    known = dict(zip(own, masked, strict=True))
    shown = {key: value if key in PUBLIC else _replaced(value, known) for key, value in presented.items()}
    return Masked(json.dumps(shown, ensure_ascii=False), values)


def holds_mark(text: str) -> bool:
    """Whether what a model wrote holds something that looks like a placeholder, in whatever form models write them."""
    return _SPOKEN.search(text) is not None


def _mask_all(texts: Sequence[str], company: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The texts masked with one set of placeholders, and what they stand for."""
    found = [find(text) for text in texts]
    if not any(found):
        return list(texts), {}
    public = _public({(one.kind, one.key) for values in found for one in values}, company)
    if all((one.kind, one.key) in public for values in found for one in values):
        return list(texts), {}
    naming = _Naming([*texts, *company])
    masked: list[str] = []
    for text, values in zip(texts, found, strict=True):
        parts: list[str] = []
        end = 0
        for one in values:
            if (one.kind, one.key) not in public:
                parts += [text[end : one.start], f"[{naming.name(one, text[one.start : one.end])}]"]
                end = one.end
        masked.append("".join([*parts, text[end:]]))
    return masked, naming.values


def _public(keys: set[tuple[Kind, str]], company: Sequence[str]) -> set[tuple[Kind, str]]:
    """Which of these values the company itself publishes; a section is read only where its signs hold one's."""
    public: set[tuple[Kind, str]] = set()
    for text in company:
        signs = _plain(text)
        if any(_plain(key) in signs for _, key in keys - public):
            public |= {(one.kind, one.key) for one in find(text)} & keys
    return public


def _plain(text: str) -> str:
    return _NO_SIGN.sub("", fold(text))


class _Naming:
    """Gives placeholders out: one for each value, never one that stands in the texts already."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.values: dict[str, str] = {}
        self._by_value: dict[tuple[Kind, str], str] = {}
        self._by_key: dict[tuple[Kind, str], tuple[str, int]] = {}
        self._next = dict.fromkeys(Kind, 1)
        self._taken = {(match[1].upper(), int(match[2])) for text in texts for match in _TAKEN.finditer(text)}

    def name(self, one: Found, written: str) -> str:
        """The placeholder of a value, without brackets."""
        name = self._by_value.get((one.kind, written))
        if name is None:
            name = self._by_value[one.kind, written] = self._new(one)
            self.values[name] = written
        return name

    def _new(self, one: Found) -> str:
        first, variants = self._by_key.get((one.kind, one.key), ("", 0))
        if first and variants < len(VARIANTS):
            self._by_key[one.kind, one.key] = first, variants + 1
            return first + VARIANTS[variants]
        while (one.kind, self._next[one.kind]) in self._taken:
            self._next[one.kind] += 1
        name = f"{one.kind}_{self._next[one.kind]}"
        self._next[one.kind] += 1
        self._by_key[one.kind, one.key] = name, 0
        return name


def _object(text: str) -> dict[str, Any] | None:
    if not text.startswith("{"):
        return None
    try:
        read: object = json.loads(text)
        json.dumps(read)  # what is nested too deeply to be written is the customer's words too
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", read) if isinstance(read, dict) else None


def _strings(value: object) -> Iterator[str]:
    """Every string within; names of fields are ours."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for part in cast("list[object]", value):
            yield from _strings(part)
    elif isinstance(value, dict):
        for part in cast("dict[str, object]", value).values():
            yield from _strings(part)


def _replaced(value: object, known: Mapping[str, str]) -> object:
    if isinstance(value, str):
        return known[value]
    if isinstance(value, list):
        return [_replaced(part, known) for part in cast("list[object]", value)]
    if isinstance(value, dict):
        return {key: _replaced(part, known) for key, part in cast("dict[str, object]", value).items()}
    return value
