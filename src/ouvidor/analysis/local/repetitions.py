"""Messages that the bot says again although nobody asked for them again. Pure."""

import re

from ouvidor.analysis.local.findings import fault, quoted
from ouvidor.analysis.local.talk import Message, Talk
from ouvidor.analysis.verdict import BotFault
from ouvidor.text import fold

_ALIKE = 0.72
_ALIKE_ONCE = 0.8
_FEWEST_WORDS = 5
_MOST_OTHER = 2
_OTHER_SHARE = 0.25
_LONG_SENTENCE = 7
_SAME_MATTER = 0.8
_MOSTLY = 0.6
_WORDS = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_WANTS_AGAIN = re.compile(
    r"\b(?:again|repeat|once more|one more time|resend|say that|come again|missed (?:it|that)|re-?send|froze|lost"
    r"|de novo|novamente|outra vez|repete|repetir|repita|reenvi\w+|mais uma vez|perdi|travou|nao vi|nao li|sumiu"
    r"|nao chegou|manda(?:r)? (?:ai )?de novo|nao (?:apareceu|carregou)|apag(?:uei|ou)|same (?:for|again)"
    r"|mesm[oa] coisa)\b"
)
_NAME = re.compile(r"(?<=[\w,;:] )[A-ZÀ-Ý][\w'-]+")
_WEARY = re.compile(
    r"\b(?:ja (?:disse|falei|sei|vi|fiz|tentei|li|expliquei|mandei|passei)|you (?:already )?(?:said|told)|already"
    r" (?:said|told|did|tried|know|heard)|stop|para de|nao entend\w+|same (?:thing|answer|message|line)|mesma (?:coisa"
    r"|resposta|mensagem)|robo|not listening|didn.?t (?:ask|answer|help)|nao (?:foi isso|perguntei|respondeu"
    r"|adianta))\b"
)
_COURTESY = re.compile(
    r"^(?:de nada|por nada|disponha|imagina|you.?re welcome|no problem|my pleasure|ate (?:logo|breve|mais)|tchau|bye"
    r"|goodbye|obrigad[oa]|thank you|thanks|boa viagem|tenha um)\b"
)


def repetitions(talk: Talk) -> list[BotFault]:
    """One fault with every message that only repeats an earlier one of the bot; the first saying is none."""
    groups: dict[int, list[Message]] = {}
    for number, message in enumerate(talk.bot):
        earlier = next((one for one in talk.bot[:number] if _repeats(message, one)), None)
        if earlier is not None and not _asked_for(message, earlier, talk):
            groups.setdefault(earlier.place, []).append(message)
    kept = [one for place, again in groups.items() for one in again if _loops(talk.messages[place], again, talk)]
    if not kept:
        return []
    kept.sort(key=lambda message: message.place)
    return [
        fault(
            "loop",
            talk,
            kept,
            pt=f"Repete a mesma mensagem sem avançar: {quoted(kept[0].bare)}.",
            en=f"Says the same message over again without moving on: {quoted(kept[0].bare)}.",
        )
    ]


def alike(one: Message, other: Message) -> float:
    """How much of two messages is the same, 0 to 1: the larger of the shares of words and of stems (Jaccard)."""
    shares = [
        len(first & second) / len(first | second)
        for first, second in ((frozenset(one.words), frozenset(other.words)), (one.stems, other.stems))
        if first and second
    ]
    return max(shares, default=0.0)


def _repeats(message: Message, earlier: Message) -> bool:
    if len(message.words) < _FEWEST_WORDS or _COURTESY.match(message.plain):
        return False
    if message.figures != earlier.figures or message.links != earlier.links:
        return False
    if _same_core(message, earlier):
        return True
    if _names(message) != _names(earlier) and message.plain != earlier.plain:
        return False
    other, both = message.stems ^ earlier.stems, message.stems | earlier.stems
    return alike(message, earlier) >= _ALIKE and len(other) <= max(_MOST_OTHER, _OTHER_SHARE * len(both))


def _same_core(message: Message, earlier: Message) -> bool:
    """Whether most of a message is one long sentence that the earlier one has too, word for word."""
    before = {tuple(_WORDS.findall(fold(sentence))) for sentence in earlier.sentences}
    same = [
        words for sentence in message.sentences for words in [tuple(_WORDS.findall(fold(sentence)))] if words in before
    ]
    return sum(map(len, same)) >= max(_LONG_SENTENCE, _MOSTLY * len(message.words))


def _names(message: Message) -> frozenset[str]:
    """The words with a capital that open no sentence: a form filled with another name is no repetition."""
    return frozenset(name for sentence in message.sentences for name in _NAME.findall(sentence))


def _loops(first: Message, again: list[Message], talk: Talk) -> bool:
    """Twice over is a loop; said again once only where it is nearly word for word, or wears the customer out."""
    if len(again) > 1 or alike(first, again[0]) >= _ALIKE_ONCE:
        return True
    said = talk.said_before(again[0])
    return said is not None and bool(_WEARY.search(said.plain))


def _asked_for(message: Message, earlier: Message, talk: Talk) -> bool:
    """Whether the customer wanted to have it again, or asked anew what it answers."""
    said = talk.said_before(message)
    if said is None or said.speaker != "customer":
        return False
    if _WEARY.search(said.plain):
        return False
    if _WANTS_AGAIN.search(said.plain):
        return True
    asked = [one for one in talk.before(message) if one.speaker == "customer" and one.place < said.place]
    again = [
        one
        for one in asked
        if len(said.stems & one.stems) >= _SAME_MATTER * max(1, min(len(said.stems), len(one.stems)))
    ]
    since = [one for one in talk.bot if earlier.place < one.place < message.place and _repeats(one, earlier)]
    return "?" in said.text and len(said.stems) > 1 and bool(again) and not since
