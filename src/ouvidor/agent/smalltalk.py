"""Greetings, thanks, goodbyes and the like: recognised when they are the whole message, and answered in its language.

Every word must belong to a known phrase, give or take typing errors and lengthened letters; a message that also asks
something is not small talk.
"""

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from itertools import product

from ouvidor.agent.courtesies import COURTESIES, DAY_PARTS, EMOJI, Act
from ouvidor.text import Language, fold

_LONGEST_MESSAGE = 16
_LONGEST_PERSONA = 60
_LAUGH = re.compile(r"(?:k{2,}|(?:ha|he|hi|hu|rs){2,}h?|(?:a?ha)+h?|hua(?:hua)*)")
_EMOJI = re.compile(r"[\U0001F300-\U0001FAFF\u2600-\u27BF\u2B50]")
_WORD_OF_EMOJI = {emoji: word for word, emojis in EMOJI.items() for emoji in emojis}
_SHORT_FORMS = {
    "td": "tudo", "vcs": "voces", "tb": "tambem", "tbm": "tambem", "hj": "hoje", "bjo": "beijo", "u": "you",
    "obrigadinho": "obrigado", "obrigadinha": "obrigada", "thks": "thanks", "thnks": "thanks", "thanx": "thanks",
    "hwo": "how", "yuo": "you", "gm": "good morning", "bd": "bom dia", "bn": "boa noite",
}  # fmt: skip
# Words of their own that are one slip away from a courtesy.
_NOT_A_SLIP = frozenset({"cheese", "prefeito", "tanks", "bangs", "thing", "think", "clara", "moving", "later", "norte"})


@dataclass(frozen=True)
class SmallTalk:
    """What a message of small talk does, in order, and its language."""

    acts: tuple[Act, ...]
    phrases: tuple[str, ...]
    language: Language

    @property
    def wants_person(self) -> bool:
        """Whether it calls for a person."""
        return Act.PERSON in self.acts


@dataclass(frozen=True)
class _Lexicon:
    """Known phrases as tuples of words, with what each may do and in which languages; and the words alone."""

    phrases: Mapping[tuple[str, ...], Mapping[Act, frozenset[Language]]]
    words: frozenset[str]
    longest: int


@cache
def _lexicon() -> _Lexicon:
    found: defaultdict[tuple[str, ...], dict[Act, frozenset[Language]]] = defaultdict(dict)
    written = tomllib.loads(files("ouvidor.agent").joinpath("smalltalk.toml").read_text(encoding="utf-8"))
    languages: tuple[Language, ...] = ("pt", "en")
    for language, act in product(languages, Act):
        for phrase in expand(written[language][act]["phrases"]):
            meanings = found[tuple(phrase.split())]
            meanings[act] = meanings.get(act, frozenset[Language]()) | frozenset[Language]((language,))
    words = frozenset(word for phrase in found for word in phrase)
    return _Lexicon(dict(found), words, max(len(phrase) for phrase in found))


def expand(patterns: str) -> set[str]:
    """Every phrase of a pattern, as smalltalk.toml describes it: "ol(a|e) (tu|)" gives "ola", "ola tu", "ole"…."""
    spaced = re.sub(r"(?<![a-z])\(", " (", patterns.strip()).replace(")", ") ").replace("\n", "|")
    return {" ".join(phrase.split()) for phrase in _alternatives(spaced) if phrase.strip()}


def _alternatives(pattern: str) -> list[str]:
    return [phrase for branch in _split_outside(pattern) for phrase in _sequence(branch)]


def _split_outside(pattern: str) -> list[str]:
    """The parts between the bars that stand outside of brackets."""
    parts, depth = [""], 0
    for character in pattern:
        depth += (character == "(") - (character == ")")
        if character == "|" and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def _sequence(branch: str) -> list[str]:
    """A branch with each outermost bracket replaced by each of its alternatives."""
    opening = branch.find("(")
    if opening < 0:
        return [branch]
    depth = 0
    for closing in range(opening, len(branch)):
        depth += (branch[closing] == "(") - (branch[closing] == ")")
        if depth == 0:
            middle, rest = _alternatives(branch[opening + 1 : closing]), _sequence(branch[closing + 1 :])
            return [branch[:opening] + one + other for one, other in product(middle, rest)]
    raise ValueError(f"unclosed bracket in {branch!r}")


def small_talk(message: str, default: Language, names: Iterable[str] = ()) -> SmallTalk | None:
    """`message` as small talk, or None where any of it is something else.

    `names` are words by which the bot may be called; `default` is the language of what both languages share ("ok").
    """
    words = _words(message)
    called = frozenset(fold(word) for name in names for word in name.split())
    if not words or len(words) > _LONGEST_MESSAGE:
        return None
    options: list[frozenset[str]] = []
    for word in words:
        options.append(frozenset({word}) if word in called else _readings(word))
        if not options[-1]:
            return None
    phrases = _cover(options, called)
    if phrases is None:
        return None
    return _interpret(phrases, default, asks="?" in message, called=called)


def _words(message: str) -> list[str]:
    spelt = _EMOJI.sub(lambda found: f" {_WORD_OF_EMOJI.get(found[0], 'smile')} ", message)
    found: list[str] = []
    for written in re.finditer(r"[^\W_]+", fold(spelt)):
        word = written[0]
        short = "laugh" if _LAUGH.fullmatch(word) else _SHORT_FORMS.get(word, word)
        if not (short in {"laugh", "smile"} and found[-1:] == [short]):
            found += short.split()
    return found


@cache
def _skeletons() -> Mapping[str, frozenset[str]]:
    """Known words by their spelling without doubled letters."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for word in _lexicon().words:
        found[_single(word)].add(word)
    return {skeleton: frozenset(words) for skeleton, words in found.items()}


@lru_cache(maxsize=4096)
def _skeletons_like(first: str, length: int) -> Sequence[tuple[str, frozenset[str]]]:
    """The known spellings with this first letter whose length differs by at most one: all that a slip can mean."""
    alike = ((skeleton, words) for skeleton, words in _skeletons().items() if skeleton[0] == first)
    return tuple((skeleton, words) for skeleton, words in alike if abs(len(skeleton) - length) <= 1)


def _single(word: str) -> str:
    return re.sub(r"(.)\1+", r"\1", word)


@lru_cache(maxsize=4096)
def _readings(word: str) -> frozenset[str]:
    """The known words that `word` may stand for: itself, the same without lengthened letters, or one slip away."""
    if word in _lexicon().words:
        return frozenset({word})
    single = _single(word)
    lengthened = _skeletons().get(single, frozenset())
    if lengthened or len(word) < 4 or word in _NOT_A_SLIP:
        return lengthened
    return frozenset(
        known
        for skeleton, words in _skeletons_like(single[0], len(single))
        if _one_slip(single, skeleton)
        for known in words
        if len(known) >= 5
    )


def _one_slip(written: str, meant: str) -> bool:
    """Whether one letter was left out, added, changed or swapped with its neighbour in words that begin alike."""
    start = next((i for i, (a, b) in enumerate(zip(written, meant, strict=False)) if a != b), None)
    if start is None:
        return True
    rest, goal = written[start:], meant[start:]
    swapped = rest[1::-1] + rest[2:] == goal
    return swapped or rest[1:] == goal[1:] or rest[1:] == goal or rest == goal[1:]


def _cover(options: Sequence[frozenset[str]], called: frozenset[str]) -> tuple[tuple[str, ...], ...] | None:
    """The fewest phrases that make up the whole message, or None."""
    known, longest = _lexicon().phrases, _lexicon().longest
    best: list[tuple[tuple[str, ...], ...] | None] = [(), *[None] * len(options)]
    for end in range(1, len(options) + 1):
        for start in range(max(0, end - longest), end):
            before = best[start]
            if before is None:
                continue
            for phrase in product(*options[start:end]):
                fits = phrase in known or (len(phrase) == 1 and phrase[0] in called)
                shortest = best[end]
                if fits and (shortest is None or len(before) + 1 < len(shortest)):
                    best[end] = (*before, phrase)
    return best[-1]


def _interpret(
    phrases: Sequence[tuple[str, ...]], default: Language, *, asks: bool, called: frozenset[str]
) -> SmallTalk | None:
    meanings = [_lexicon().phrases.get(phrase, {Act.FILLER: frozenset()}) for phrase in phrases]
    certain = {act for meaning in meanings for act in meaning if len(meaning) == 1}
    acts: list[Act] = []
    votes = {"pt": 0, "en": 0}
    for phrase, meaning in zip(phrases, meanings, strict=True):
        act = _meant(phrase, meaning, certain, asks=asks)
        languages = frozenset(language for spoken in meaning.values() for language in spoken)
        if len(languages) == 1 and not called & set(phrase):
            votes[next(iter(languages))] += 1
        waves_goodbye = act is Act.GREETING and bool({Act.THANKS, Act.FAREWELL} & set(acts))
        if act is not Act.FILLER and act not in acts and not waves_goodbye:
            acts.append(act)
    if not acts:
        acts = _of_fillers(phrases)
    if not acts:
        return None
    language: Language = default if votes["pt"] == votes["en"] else ("pt" if votes["pt"] > votes["en"] else "en")
    return SmallTalk(tuple(acts), tuple(" ".join(phrase) for phrase in phrases), language)


def _of_fillers(phrases: Sequence[tuple[str, ...]]) -> list[Act]:
    """A smile alone is a friendly yes; other fillers alone are no small talk."""
    return [Act.YES] if phrases and all(phrase == ("smile",) for phrase in phrases) else []


def _meant(phrase: tuple[str, ...], meaning: Mapping[Act, object], certain: set[Act], *, asks: bool) -> Act:
    """Which of its meanings a phrase has in this company."""
    closing = bool(certain & {Act.THANKS, Act.FAREWELL, Act.NO})
    if phrase[0] in {"bom", "boa", "good"} and Act.GREETING in meaning and closing:
        return Act.FAREWELL
    if Act.HOW_ARE_YOU in meaning and Act.YES in meaning:
        return Act.HOW_ARE_YOU if asks or Act.GREETING in certain else Act.YES
    if Act.FILLER in meaning and len(meaning) > 1 and certain - {Act.FILLER}:
        return Act.FILLER
    return next(act for act in Act if act in meaning)


def answer_small_talk(talk: SmallTalk, persona: str = "", *, offered_choice: bool = False) -> str:
    """What is said back, at most a greeting, what was meant, and an offer.

    `persona` introduces the bot where it is a short name; `offered_choice` tells that the bot has just asked
    "A or B?".
    """
    said = COURTESIES[talk.language]
    if offered_choice and talk.acts in {(Act.YES,), (Act.NO,)}:
        return said.which_one if talk.acts == (Act.YES,) else said.other_words
    name = persona.strip().rstrip(".")
    who = name if name and len(name) <= _LONGEST_PERSONA and "\n" not in name else said.who
    parts: list[str] = []
    if Act.GREETING in talk.acts:
        parts.append(_greeting(talk))
        if who == name and Act.ROBOT not in talk.acts and Act.WHO not in talk.acts:
            parts.append(f"{'Sou' if talk.language == 'pt' else 'I’m'} {who}.")
    parts += [
        _farewell(talk) if act is Act.FAREWELL else said.by_act[act].format(who=who)
        for act in Act
        if act in talk.acts and act in said.by_act and not (act is Act.YES and len(talk.acts) > 1)
    ]
    return " ".join([*parts, _ending(talk)]).strip()


def _greeting(talk: SmallTalk) -> str:
    parts = DAY_PARTS[talk.language]
    return next((parts[phrase] for phrase in talk.phrases if phrase in parts), COURTESIES[talk.language].hello)


def _farewell(talk: SmallTalk) -> str:
    parts = DAY_PARTS[talk.language]
    wished = next((parts[phrase] for phrase in talk.phrases if phrase in parts), None)
    return wished if wished and Act.GREETING not in talk.acts else COURTESIES[talk.language].by_act[Act.FAREWELL]


def _ending(talk: SmallTalk) -> str:
    said, acts = COURTESIES[talk.language], set(talk.acts)
    if acts & {Act.FAREWELL, Act.COMPLAINT, Act.ROBOT, Act.HELP, Act.WAIT}:
        return ""
    if acts & {Act.NO, Act.THANKS}:
        return said.call
    if acts & {Act.YES, Act.PRAISE, Act.SORRY, Act.LAUGH} and Act.GREETING not in acts:
        return said.more
    return said.offer
