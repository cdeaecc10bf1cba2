"""Whether an answer tells that something was done: "já corrigi", "Trocado.", "I've moved you", "Fixed." Pure.

By the shape of the verb rather than by a list, so that errands nobody thought of are seen too.
"""

import re
from collections.abc import Sequence

from ouvidor.text import Language

_PAST_PT = re.compile(r"\w{3,}(?<!r)ei")
_DONE_PT = re.compile(r"\w{3,}(?:ado|ada|ados|adas|ido|ida|idos|idas)")
_DONE_EN = re.compile(r"\w{3,}ed")
# First persons of the past that look like a future, or do not end in "ei".
_ALSO_PAST_PT = frozenset(
    """
    alterei liberei separei retirei reparei gerei registrei encontrei comprei mostrei entrei tirei virei prorroguei
    corrigi devolvi resolvi abri consegui pedi inseri inclui emiti transferi garanti fiz pus vi
    """.split()  # noqa: SIM905  # as a list it would fill a page
)
_NOT_PAST_PT = frozenset({"andei", "farei", "direi"})
_IRREGULAR_EN = frozenset(
    {"sent", "put", "made", "given", "taken", "done", "reset", "paid", "held", "kept"}
    | {"set", "written", "spoken", "rung", "withdrawn"}
)
# "I'm sending it": the deed is under way. Not what tells only of looking, feeling or being about to.
_DOING_EN = re.compile(r"\w{3,}ing")
_NOT_DOING = frozenset({"going", "looking", "checking", "trying", "having", "being", "hoping", "wondering", "thinking"})
_ALSO_EN = frozenset({"just", "also", "already", "now", "only", "gladly", "both"})
_TELLERS_EN = frozenset({"i", "we", "ive", "weve", "its", "thats", "youre", "theyre"})
_STOP = "."
_NOT_DONE = frozenset(
    {"obrigado", "obrigada", "lado", "cuidado", "pedido", "prezado", "prezada", "querido", "querida"}
    | {"need", "speed", "indeed", "proceed", "exceed", "succeed", "wanted", "hundred"}
)


def acts(words: Sequence[str], language: Language) -> bool:
    """Whether words (folded, without apostrophes) tell of a deed of the speaker's, or begin with what was done."""
    begins = [word for place, word in enumerate(words) if place == 0 or words[place - 1] == _STOP]
    if language == "pt":
        done = any(_DONE_PT.fullmatch(word) and word not in _NOT_DONE for word in begins)
        return done or any(_did_pt(word) for word in words)
    if any(_done_en(word) for word in begins):
        return True
    return any(_does_en(words, place) for place in range(len(words) - 1))


def _does_en(words: Sequence[str], place: int) -> bool:
    """Whether the word at `place` is a speaker or a thing of which a deed is told: "I've just sent", "it's booked"."""
    word, before = words[place], words[place - 1] if place else _STOP
    said = next((later for later in words[place + 1 : place + 4] if later not in _ALSO_EN), "")
    if word in _TELLERS_EN or (word == "have" and before in {"i", "we"}):
        return _done_en(said)
    doing = word == "im" or (word == "were" and before in {_STOP, ","})
    return doing and bool(_DOING_EN.fullmatch(said)) and said not in _NOT_DOING


def _did_pt(word: str) -> bool:
    return word in _ALSO_PAST_PT or (bool(_PAST_PT.fullmatch(word)) and word not in _NOT_PAST_PT)


def _done_en(word: str) -> bool:
    return word in _IRREGULAR_EN or (bool(_DONE_EN.fullmatch(word)) and word not in _NOT_DONE)
