"""A transcript with each line read once: its words, cues and marks, and whose side it stands on. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import takewhile

from ouvidor.analysis.local.acting import acts
from ouvidor.analysis.local.cues import cues_in, cues_of, words_of
from ouvidor.analysis.transcript import Line, Transcript
from ouvidor.text import Language, detect_language, fold

CLOSING_CUES = frozenset({"anything_else", "apology", "goodbye", "greeting", "thanks", "praise", "handover", "wait"})
LONGEST_CLOSING = 14
_TELLING = 1500
ALIKE = 0.75
RESTATED = 0.5
FEWEST_WORDS_RESTATED = 3

_LINK = re.compile(r"https?://|www\.|\w\.(?:com|net|org|br|io|me|app)\b")
_PRICE = re.compile(r"(?:r\$|us\$|[$€£])\s?\d|\d\s?(?:reais|dollars|credits|euros|pounds)\b")
_REFERENCE = re.compile(r"\b(?=[A-Z0-9-]*\d)(?=[A-Z0-9-]*[A-Z])[A-Z0-9][A-Z0-9-]{4,}\b|#\s?\d{3,}|\b\d{6,}\b")
_MASKED = re.compile(r"\[[A-Z_]+_?\d*\]|<[a-z_]+>")
_BUT: Mapping[Language, re.Pattern[str]] = {
    "pt": re.compile(r"\b(?:mas|porem|so que|entretanto|contudo|no entanto)\b"),
    "en": re.compile(r"\b(?:but|however|although|though|except)\b"),
}
_LOUD_WORD = re.compile(r"\b[^\W\d_]{3,}\b")
_GLAD = frozenset("🥹🫶😅🤝♥💖💗💓🌟⭐💯🥂🎊🙃😻😆😂🤣😀😃😄😁😊🙂😍🥰😘🤩👍🙏❤💚💙💛🧡💜🎉👏✅🥳😎💪🤗☺🙌👌✨😇💕")
_SORRY = frozenset("🥲😓😥😰😨😱🤮🤢💀😿😾😠😡🤬😤😒🙄😞😔😟😕🙁☹😢😭😩😫👎💔🤦😑😐🤡💩😪😣😖🖕")
_SMILE = re.compile(r"(?<![\w/])[:;=]-?[)D](?!\w)|\b(?:k{3,}|(?:ha){2,}|(?:rs){2,}|lol)\b", re.IGNORECASE)
_FROWN = re.compile(r"(?<![\w/]):'?-?[(/](?!\w)|-_-|¬¬|>:\(")
# Words that carry no matter of their own, for telling whether two lines are about the same thing.
_EMPTY = frozenset(
    """
    a o e as os um uma de do da dos das em no na nos nas para pra por pelo pela com sem que se eu voce voces me
    meu minha seu sua ele ela isso esse essa este esta aqui ai la ja nao sim mais mas ou como qual quais quando onde tem
    ter ser foi era estou esta to ta vai vou quero queria gostaria preciso pode posso oi ola bom boa dia tarde noite
    obrigado obrigada favor muito the an and of to in on at for from with is are was be been am i you he she it we they
    my your our me us that this these those do does did have has had can could would will not yes no please thanks
    thank hello hi there what when where which who how so but or if want need like just ok okay
    """.split()  # noqa: SIM905  # as a list it would fill a page
)


@dataclass(frozen=True)
class _Marks:
    """What its words tell of a line. `loud` is the share of the longer ones in capitals; `matter` those with meaning.

    `turned` are the cues behind the last "but", those of the whole line where it has none.
    """

    words: tuple[str, ...]
    vocabulary: frozenset[str]
    cues: Mapping[str, int]
    turned: Mapping[str, int]
    matter: frozenset[str]
    asks: bool
    acts: bool
    exclaims: int
    pressed: bool
    trails: bool
    loud: float
    mood: int
    has_link: bool
    has_price: bool
    has_reference: bool


@dataclass(frozen=True)
class Said(_Marks):
    """One line as read."""

    line: Line

    @property
    def position(self) -> int:
        """Its position in the conversation."""
        return self.line.position

    @property
    def by_customer(self) -> bool:
        """Whether the customer wrote it."""
        return self.line.speaker == "customer"

    @property
    def closes(self) -> bool:
        """Whether it is nothing but a greeting, thanks, an apology, a farewell or "anything else?"."""
        return len(self.words) <= LONGEST_CLOSING and any(cue in CLOSING_CUES for cue in self.cues) and not self._tells

    @property
    def _tells(self) -> bool:
        telling = ("refusal", "success", "asks_detail", "offer", "not_understood", "limited")
        return self.acts or any(cue in self.cues for cue in telling)

    def has(self, *cues: str) -> bool:
        """Whether any of the cues occurs."""
        return any(cue in self.cues for cue in cues)


@dataclass(frozen=True)
class Reading:
    """All lines that say something, in order."""

    said: tuple[Said, ...]
    transcript: Transcript

    @cached_property
    def opening(self) -> tuple[Said, ...]:
        """The customer's before anybody answered: they tell why somebody came, not how it went."""
        return tuple(takewhile(lambda said: said.by_customer, self.said))

    @cached_property
    def reactions(self) -> tuple[Said, ...]:
        """The customer's after the first answer."""
        return self.customer[len(self.opening) :]

    @cached_property
    def customer(self) -> tuple[Said, ...]:
        """The customer's."""
        return tuple(said for said in self.said if said.by_customer)

    @cached_property
    def agent(self) -> tuple[Said, ...]:
        """Those of bot and persons."""
        return tuple(said for said in self.said if not said.by_customer)


def read(transcript: Transcript) -> Reading:
    """The transcript, read; each side in its own language."""
    lines = [line for line in transcript.lines if line.text.strip()]
    everything = detect_language(_joined(lines), "pt")
    theirs = detect_language(_joined([line for line in lines if line.speaker == "customer"]), everything)
    ours = detect_language(_joined([line for line in lines if line.speaker != "customer"]), everything)
    said = (_said(line, theirs if line.speaker == "customer" else ours) for line in lines)
    return Reading(tuple(said), transcript)


def _said(line: Line, language: Language) -> Said:
    return Said(line=line, **vars(_marks(line.text, language)))


def _joined(lines: Sequence[Line]) -> str:
    """The beginning of what was said, enough to tell the language."""
    return "\n".join(line.text for line in lines)[:_TELLING]


def alike(one: Said, other: Said) -> float:
    """How much two lines say the same, 0 to 1: the Jaccard index of their words."""
    if one.words == other.words:
        return 1.0
    return len(one.vocabulary & other.vocabulary) / max(1, len(one.vocabulary | other.vocabulary))


def restates(later: Said, earlier: Said) -> bool:
    """Whether the later line asks or tells again what the earlier one did, in part in other words."""
    if len(later.matter) < FEWEST_WORDS_RESTATED or len(earlier.matter) < FEWEST_WORDS_RESTATED:
        return False
    shared = len(later.matter & earlier.matter)
    return shared / min(len(later.matter), len(earlier.matter)) >= RESTATED and shared >= FEWEST_WORDS_RESTATED


@lru_cache(maxsize=16384)
def _marks(text: str, language: Language) -> _Marks:
    folded = fold(text)
    tokens = words_of(text)
    words = tuple(word for word in tokens if word not in {".", ","})
    cues = cues_in(tokens, language)
    return _Marks(
        words=words,
        vocabulary=frozenset(words),
        cues=cues,
        turned=cues_of(_BUT[language].split(folded)[-1], language) if "turn" in cues else cues,
        matter=frozenset(word for word in words if len(word) > 2 and word not in _EMPTY),
        asks="?" in text,
        acts=acts(tokens, language),
        exclaims=text.count("!"),
        pressed=any(run in text for run in ("!!", "??", "?!", "!?")),
        trails=text.rstrip().endswith(("...", "…")),
        loud=_loudness(text),
        mood=_mood(text),
        has_link=bool(_LINK.search(folded)),
        has_price=bool(_PRICE.search(folded)),
        has_reference=bool(_REFERENCE.search(_MASKED.sub(" ", text))),
    )


def _loudness(text: str) -> float:
    longer = _LOUD_WORD.findall(text)
    return sum(word.isupper() for word in longer) / len(longer) if longer else 0.0


def _mood(text: str) -> int:
    """Glad signs less sorry ones: emoji and those made of punctuation."""
    typed = len(_SMILE.findall(text)) - len(_FROWN.findall(text))
    return typed if text.isascii() else typed + sum((sign in _GLAD) - (sign in _SORRY) for sign in text)


def positions(said: Iterable[Said]) -> tuple[int, ...]:
    """The positions of lines."""
    return tuple(one.position for one in said)
