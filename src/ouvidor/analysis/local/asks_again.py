"""Questions of the bot for what the customer has already told. Pure.

A question counts where the customer gave that detail before and nothing since makes it doubtful: no change of plan, no
other person or thing, no value that the bot calls wrong, no reading back for a yes. Details of an unknown kind count
where the bot asks nearly the same question a second time after an answer.
"""

import re

from ouvidor.analysis.local.findings import fault, quoted
from ouvidor.analysis.local.repetitions import alike
from ouvidor.analysis.local.slots import SLOTS, Slot
from ouvidor.analysis.local.talk import Message, Talk, folded, stems_of
from ouvidor.analysis.verdict import BotFault
from ouvidor.text import Language, terms

_CHANGES = re.compile(
    r"\b(?:actually|instead|change|changed|rather|make it|make that|moved?|different|another|other|also|as well"
    r"|on second thought|what (?:if|about)|how about|switch|scrap|sorry,? (?:i|it)"
    r"|na verdade|mud(?:ar|ei|a|ou|amos)|troc(?:ar|a|ou|amos)|alter(?:ar|a|ou)|outr[oa]s?|em vez|alias|tambem"
    r"|pensando bem|melhor (?:ir|ser|no|na|dia)|remarc\w*|adi(?:ar|ei|a)|corrigindo|quer dizer|desculpa|errei"
    r"|digo|e se)\b"
)
_OTHER_ONE = re.compile(r"\b(?:outr[oa]s?|another|other|different|second|segund[oa]|also|tambem)\b")
_CODE = re.compile(r"\d{3,}|\b(?=\w*\d)(?=\w*[A-Za-z])\w{4,}\b")
_DOUBTS = re.compile(
    r"\b(?:valid\w*|invalid\w*|incorret\w+|incorrect|wrong|faltou|falta(?:m|ndo)?|missing|nao (?:encontr|ach"
    r"|localiz|reconhec|consta|exist|confer|abr|deu|bate|aceit|peguei|entendi)\w*|(?:can ?not|can't|couldn't"
    r"|could not|didn't|did not|doesn't|does not) (?:find|locate|match|exist|recogni[sz]e|see|catch|open|read"
    r"|quite)"
    r"|not found|no (?:order|booking|match|record)|nothing (?:under|with|for|comes)|too (?:short|long)|typo"
    r"|digit(?:s|os)?|has only|only has|so tem|tem so|tem apenas|passou|past|already over|fully booked|esgotad\w+"
    r"|lotad\w+|sem vaga|not available|isn't available|unavailable|indisponivel"
    r"|check (?:the|it|that|your)|confere|confira|double-check|again\b.{0,20}\b(?:slowly|carefully)|cut off"
    r"|cortad[ao]|apareceu|chegou (?:vazi|em branco|incomplet)|incomplet\w+|illegible|ilegivel|blurry"
    r"|borrad[ao])\b"
)
_CHOOSES = re.compile(
    r"\b(?:qual d[oae]s|which of|(?:\w+) ou (?:\w+)|(?:\w+) or (?:\w+)|prefer\w*|melhor|suits?|would you rather"
    r"|do you prefer|opc(?:ao|oes)|entre)\b"
)
_OTHERS = re.compile(
    r"\b(?:outr[oa]s?|segund[oa]|acompanhante|volta|retorno|return|back|second|other|another|new|nov[oa]s?|each"
    r"|cada|children|criancas|birth|nascimento|emergency|entrega|delivery|de quem|whose|his|her|their|companion"
    r"|guest's|pet|cachorro|dog|cat"
    r"|check-?out|saida|leave|leaving|departure|arriv\w+|cheg\w+|purchase|da compra|compra foi|bought|instead"
    r"|alternativ\w+|nova data|latest|earliest|until|ate quando|desde|since|expir\w+|validade|start|begin"
    r"|comec\w+)\b"
)
_OFFERING = re.compile(
    r"^(?:\w+[,!.]? ){0,3}?(?:would you like|do you want|shall i|should i|can i|may i (?!have|get|ask|know)"
    r"|want me|deseja|quer|gostaria|posso|podemos|is there|are you ready|how (?:can|may) i|como posso"
    r"|em que posso)\b"
    r"|\b(?:or would you|would you (?:require|like me)|can i (?:book|proceed|confirm)|shall i|quer que|deseja que"
    r"|posso (?:reserv|confirm|mand|envi)\w*)\b"
)
_FIGURE = re.compile(r"\d")
_SAME_QUESTION = 0.7
_FEWEST_STEMS = 2
_SMALL = frozenset({"ok", "oi", "ola", "hi", "hello", "hey", "thanks", "obrigado", "obrigada", "ta", "hm", "hmm"})
_CLARIFIES = re.compile(
    r"\b(?:which (?:one|do|is it)|what (?:do|does|is|'s|are)|como assim|o que e|por ?que|why|what for|pra que"
    r"|nao sei|don't know|not sure|no idea|onde (?:acho|fica|vejo)|where (?:do i|is|can))\b"
)


def askings(talk: Talk) -> list[BotFault]:
    """A fault for each detail that the bot asks for after it was told, at every message that does."""
    again: dict[str, tuple[Slot, list[tuple[Message, str]]]] = {}
    found: list[BotFault] = []
    for message in talk.bot:
        slot, sentence = next(
            ((slot, one) for one in message.sentences for slot in [_asked_again(one, message, talk)] if slot),
            (None, ""),
        )
        if slot is not None:
            again.setdefault(slot.name, (slot, []))[1].append((message, sentence))
        elif question := _same_question(message, talk):
            found.append(_again([message], ("o que já foi dito", "what was said already"), question, talk))
    told = [_again([one for one, _ in asked], slot.called, asked[0][1], talk) for slot, asked in again.values()]
    return [*told, *found]


def asked_slots(sentence: str) -> list[Slot]:
    """The details that a sentence of the bot asks for; none where it only reads back, or asks nothing."""
    plain = folded(sentence)
    if not (
        sentence.rstrip().endswith("?")
        or re.match(r".*\b(?:informe|me (?:diga|passe|informe)|provide|tell me|let me know|please)\b", plain)
    ):
        return []
    return [slot for slot in SLOTS if slot.asked.search(plain)]


def given_in(slot: Slot, message: Message) -> bool:
    """Whether a message of the customer gives a detail."""
    return bool(slot.given.search(message.text if slot.as_written else folded(message.text)))


def _again(at: list[Message], called: tuple[str, str], sentence: str, talk: Talk) -> BotFault:
    return fault(
        "asks_again",
        talk,
        at,
        pt=f"Pergunta de novo {called[0]}, que o cliente já tinha informado: {quoted(sentence)}.",
        en=f"Asks again for {called[1]}, which the customer had already given: {quoted(sentence)}.",
    )


def _asked_again(sentence: str, message: Message, talk: Talk) -> Slot | None:
    slots = asked_slots(sentence)
    plain = folded(sentence)
    if not slots or _FIGURE.search(plain) or _OTHERS.search(plain) or _DOUBTS.search(message.plain):
        return None
    theirs = [one for one in talk.before(message) if one.speaker == "customer"]
    for slot in slots:
        told = next(
            (one for one in reversed(theirs) if given_in(slot, one) and "?" not in one.text.rstrip()[-1:]), None
        )
        told = told or next((one for one in reversed(theirs) if given_in(slot, one)), None)
        told = told or _told_when_asked(slot, message, talk)
        if told is None or (_CHOOSES.search(plain) and not slot.either):
            continue
        since = [one for one in theirs if one.place >= told.place]
        doubted = any(
            _DOUBTS.search(one.plain) for one in talk.messages[told.place : message.place] if one.speaker == "bot"
        )
        changes = _OTHER_ONE if slot.fixed else _CHANGES
        if not doubted and not any(changes.search(one.plain) for one in since):
            return slot
    return None


def _told_when_asked(slot: Slot, message: Message, talk: Talk) -> Message | None:
    """The customer's bare answer, a code or a number, to an earlier question of the bot for the same detail."""
    for earlier in talk.before(message):
        if earlier.speaker != "bot" or not any(slot.asked.search(folded(one)) for one in earlier.sentences):
            continue
        answer = next((one for one in talk.after(earlier) if one.speaker == "customer"), None)
        if answer and answer.place < message.place and _CODE.search(answer.text) and "?" not in answer.text:
            return answer
    return None


def _same_question(message: Message, talk: Talk) -> str:
    """A question of the message that the bot put before in nearly the same words, and that was answered since."""
    if _DOUBTS.search(message.plain):
        return ""
    for sentence in message.sentences:
        if not sentence.endswith("?"):
            continue
        stems = _asked_stems(sentence, talk.language)
        if len(stems) < _FEWEST_STEMS or _OTHERS.search(folded(sentence)):
            continue
        if _OFFERING.search(folded(sentence)):
            continue
        for earlier in talk.before(message):
            if earlier.speaker == "bot" and _asks_alike(stems, earlier, talk) and _answered(earlier, message, talk):
                return sentence
    return ""


def _asked_stems(sentence: str, language: Language) -> frozenset[str]:
    return stems_of(sentence, language) - _COURTEOUS[language]


def _asks_alike(stems: frozenset[str], earlier: Message, talk: Talk) -> bool:
    asked = (_asked_stems(sentence, talk.language) for sentence in earlier.sentences if sentence.endswith("?"))
    return any(
        len(other) >= _FEWEST_STEMS and len(stems & other) / len(stems | other) >= _SAME_QUESTION for other in asked
    )


def _answered(earlier: Message, message: Message, talk: Talk) -> bool:
    """Whether the customer's words between the two questions are an answer, and nothing was changed."""
    between = [one for one in talk.messages[earlier.place + 1 : message.place] if one.speaker == "customer"]
    if not between or any(_OTHER_ONE.search(one.plain) for one in between):
        return False
    if alike(earlier, message) == 1.0 and len(between) == 1 and len(between[0].words) < _FEWEST_STEMS:
        return False
    first = between[0]
    words = [word for word in first.words if word not in _SMALL]
    return bool(words) and not first.text.rstrip().endswith("?") and not _CLARIFIES.search(first.plain)


_COURTEOUS: dict[Language, frozenset[str]] = {
    "pt": frozenset(
        terms(
            (
                "por favor pode poderia informar dizer confirmar passar qual quais quanto quando obrigado certo claro"
                " perfeito gostaria posso ajudar mais algo coisa"
            ),
            "pt",
        )
    ),
    "en": frozenset(
        terms(
            (
                "please can could would tell confirm provide what which when how many thanks sure great like help"
                " anything else more may have get let know"
            ),
            "en",
        )
    ),
}
