"""A list of JSON values out of a text that is too long to hold: one after the other, broken ones told and passed by."""

import json
import re
from collections.abc import Generator
from contextlib import suppress
from typing import TextIO, cast

from ouvidor.conversations.text_files import LONGEST_LINE, OTHER_ENCODING, TOO_LONG, UnreadableText
from ouvidor.errors import Fault

CHUNK = 1 << 18
"""Characters that are read at once."""
CUT_OFF = "is not there: the file ends before its list does"
NOT_JSON = "is not JSON"
ENDLESS = "is not JSON and has no end; nothing after it was read"
_SIGN = re.compile(r'["\[\]{},]')
_SIGN_WITHIN_TEXT = re.compile(r'["\\]')
_NO_SPACE = re.compile(r"[^ \t\r\n]")
_DECODER = json.JSONDecoder()


class NoList(UnreadableText):
    """The JSON file holds no list of objects: put the comments into one, or write one object a line (JSONL)."""


def list_values(file: TextIO) -> Generator[tuple[int, object]]:
    """The values of the list that the text is, or of the first list of objects in it, each with its number from 1.

    A `Fault` without a place stands for a value that cannot be read. Commas may be missing or too many.

    Raises:
        NoList: there is none.
        UnreadableText: the file is not in the encoding that it is read in.
    """
    text = _Text(file)
    if not text.enter_list():
        raise NoList
    number = 0
    while (sign := text.next_sign()) != "]":
        if sign == ",":
            text.place += 1
            continue
        number += 1
        value = text.value() if sign else Fault("", CUT_OFF)
        yield number, value
        if not sign or value == Fault("", ENDLESS):
            return


def lists_objects(value: object) -> bool:
    """Whether a list of objects stands in this, at any depth that is not foolish."""
    inner: list[object] = [value]
    while inner:
        one = inner.pop()
        if isinstance(one, list):
            members = cast("list[object]", one)
            if members and isinstance(members[0], dict):
                return True
            inner += members
        elif isinstance(one, dict):
            inner += cast("dict[str, object]", one).values()
    return False


class _Text:
    """What was read of the text and is still needed; `place` is how far it has been understood."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._held = ""
        self._at = 0
        self._cut = False
        self.place = 0

    def next_sign(self) -> str:
        """The next letter that is not white space, which is not passed; nothing at the end."""
        while True:
            found = _NO_SPACE.search(self._held, self.place)
            if found:
                self.place = found.start()
                return found[0]
            self.place = len(self._held)
            if not self._read():
                return ""

    def enter_list(self) -> bool:
        """Pass the bracket with which the list begins; False where there is none."""
        if self.next_sign() == "[":
            self.place += 1
            return True
        for sign in self._signs(longest=0):
            self.place = self._at
            if sign == "[" and self.next_sign() == "{":
                return True
            self._at = self.place
        return False

    def value(self) -> object:
        """The value that begins here, which is passed, or what is wrong with it."""
        try:
            value, end = _DECODER.raw_decode(self._held, self.place)
        except (ValueError, RecursionError):
            return self._whole_value()
        if end == len(self._held):
            return self._whole_value()
        self.place = end
        return value

    def _whole_value(self) -> object:
        """As `value`, after everything of it was read."""
        ended, depth = False, 0
        for sign in self._signs(LONGEST_LINE):
            if depth == 0 and sign in ",]":
                ended = True
                break
            depth = max(0, depth + (1 if sign in "[{" else -1 if sign in "]}" else 0))
        end = self._at - 1 if ended else len(self._held)
        if not self._cut:
            with suppress(ValueError, RecursionError):
                value, self.place = _DECODER.raw_decode(self._held, self.place)
                return value
        self.place = end
        return Fault("", ENDLESS if not ended else TOO_LONG if self._cut else NOT_JSON)

    def _signs(self, longest: int) -> Generator[str]:
        """Each sign that no text holds, from `place` to the end; `_at` is then behind it.

        Of more than `longest` characters the text is not held any more, which `_cut` tells.
        """
        self._at, self._cut, within_text = self.place, False, False
        while True:
            found = (_SIGN_WITHIN_TEXT if within_text else _SIGN).search(self._held, self._at)
            if found is None:
                if not self._read_on(longest):
                    return
            elif found[0] == "\\":
                self._at = found.end() + 1
            else:
                self._at = found.end()
                if found[0] == '"':
                    within_text = not within_text
                else:
                    yield found[0]

    def _read_on(self, longest: int) -> bool:
        end = max(self._at, len(self._held))
        if self._cut or end - self.place > longest:
            self._cut, self.place = True, len(self._held)
        self._at = end - self.place
        return self._read()

    def _read(self) -> bool:
        """Read on; what is behind `place` is forgotten. False at the end."""
        try:
            more = self._file.read(CHUNK)
        except UnicodeError:
            raise UnreadableText(OTHER_ENCODING) from None
        self._held = self._held[self.place :] + more
        self.place = 0
        return bool(more)
