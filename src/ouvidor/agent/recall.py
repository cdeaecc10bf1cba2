"""Recalls what the customer said of themselves in this conversation: name, city, e-mail, phone, order, questions.

Only the customer's own messages are read; what they have not said is not guessed.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ouvidor.agent.smalltalk import small_talk
from ouvidor.text import Language, fold, sentences


class Topic(StrEnum):
    """What can be recalled."""

    NAME = "name"
    CITY = "city"
    EMAIL = "email"
    PHONE = "phone"
    ORDER = "order"
    QUESTIONS = "questions"


@dataclass(frozen=True)
class Recalled:
    """The answer to a question about the customer, in its language; `known` tells whether they had said it."""

    text: str
    language: Language
    known: bool


@dataclass(frozen=True)
class _Ask:
    topic: Topic
    language: Language
    says_remember: bool
    which: str


_NAME_GIVEN = re.compile(
    r"\b(?:(?:o )?meu nome (?:é|e|eh)(?: o| a)?|(?:eu )?me chamo|chamo-me|(?:pode )?me cham(?:ar|e|a) de"
    r"|my name is|my name['’]?s|(?:you can |please )?call me|the name['’]?s)\s+(?P<name>[^\W\d_][^\n.,;:!?()]*)",
    re.IGNORECASE,
)
_NAME_IMPLIED = re.compile(
    r"\b(?:(?i:sou(?: o| a)?|aqui (?:é|quem fala é)(?: o| a)?|quem fala é(?: o| a)?|i am|i['’]?m)"
    r"|^\W*(?i:this is))\s+(?P<name>[A-ZÀ-Ý][^\n.,;:!?()]*)"
)
_NAME_ALONE = re.compile(r"^\W*(?:\w+\W+)?(?:sou [oa]|aqui é [oa]|i['’ ]?a?m)\s+(?P<name>[^\W\d_]+)\W*$", re.IGNORECASE)
_CITY_GIVEN = re.compile(
    r"\b(?i:moro em|moro no|moro na|vivo em|resido em|sou de|sou do|sou da|falo de|estou falando de|minha cidade é"
    r"|i live in|i am from|i['’]m from|based in|writing from|my city is)\s+(?P<name>[A-ZÀ-Ý][^\n.,;:!?()]*)"
)
_EMAIL = re.compile(r"(?P<name>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)")
_PHONE = re.compile(r"(?i:telefone|celular|fone|whats\w*|phone|mobile|cell)\D{0,25}?(?P<name>\+?\(?\d[\d\s().-]{6,}\d)")
_ORDER = re.compile(
    r"(?i:pedido|reserva|compra|protocolo|chamado|order|booking|reservation|ticket)"
    r"(?:\W|(?i:número|numero|nº|n\.º|no|code|código|codigo|number|id|is|é|e|do|da))*"
    r"(?P<name>[A-Z]{0,5}-?\d[\dA-Z-]{2,})\b"
)

_PARTICLES = frozenset({"da", "de", "do", "das", "dos", "e", "van", "von", "del", "la"})
_NOT_A_NAME = frozenset(
    fold(
        """
        o a os as um uma e and but mas que who qual quem muito bem não not no sim yes so só on in at of from de do da
        para por com the an my meu minha your seu sua it is é está estou sou quero queria preciso gostaria tenho moro
        i we you he she want need have would like looking just here aqui hoje também already still very really
        cliente hóspede hospede dono dona titular responsável gerente aluno aluna professor professora mãe pai esposa
        marido filho filha síndico advogado médico médica funcionário sócio proprietário pessoa mesmo mesma interested
        brazilian brasileiro brasileira american german portuguese english spanish french italian customer guest owner
        spelled wrong correct incorrect sorry happy sad tired afraid going trying having using writing calling asking
        """
    ).split()
)

_LEAD = (
    r"(?:(?:oi|ola|opa|bom dia|boa tarde|boa noite|e|entao|mas|ok|ah|hi|hello|hey|and|so|but|well|please|por favor) )*"
)
_TAIL_PT = (
    r"(?: (?:que eu (?:te |lhe |)(?:disse|falei|passei|informei|dei|mandei|enviei)|mesmo|agora|antes|entao|por favor))*"
)
_TAIL_EN = r"(?: (?:that i (?:told|gave|sent) you|again|now|before|earlier|please|by the way|though|is|was))*"
_REMEMBER_PT = (
    r"(?:(?:voce |vc )?(?:ainda |por acaso )?(?:se )?(?:sabe|lembra|recorda|anotou|guardou|consegue|pode|poderia)"
    r"(?: me)?(?: dizer| lembrar| falar)?|me (?:diz|diga|lembra|lembre|fala))(?: d[eoa])?"
)
_REMEMBER_EN = (
    r"(?:(?:do|can|could|would) you (?:still |even )?(?:know|remember|recall|have|tell me|remind me(?: of)?|say)"
    r"|(?:tell|remind) me(?: of)?|you (?:know|remember))"
)
_LINK_PT = (
    r"(?:(?: o que| quais| qual| como| onde| de onde| em que| que)?(?: eh?| era| foi| sao| foram)?"
    r"(?: mesmo| que)?(?: o| as?)?)"
)
_LINK_EN = r"(?:(?: what| where| which| who)?(?: is| was| s| were)?(?: the)?)"
_SLOTS: Mapping[Language, Mapping[Topic, str]] = {
    "pt": {
        Topic.NAME: r"(?:meu nome|eu me chamo|me chamo|quem (?:eu sou|sou eu))",
        Topic.CITY: r"(?:minha cidade|cidade (?:eu )?(?:moro|sou|vivo)|(?:onde )?eu moro|onde moro|eu sou)",
        Topic.EMAIL: r"(?:meu e ?mail)",
        Topic.PHONE: r"(?:meu (?:telefone|celular|numero de telefone))",
        Topic.ORDER: r"(?:(?:numero |codigo )?(?:d[oa] )?(?:meu|minha) (?:pedido|reserva|compra|protocolo))",
        Topic.QUESTIONS: r"(?:(?:eu )?(?:te |lhe |ja )?(?:perguntei|pedi|quis saber)(?: primeiro| por ultimo)?"
        r"|minhas? (?:(?:ultimas?|primeiras?|outras?) )?(?:perguntas?|duvidas?))",
    },
    "en": {
        Topic.NAME: r"(?:my name|who i am|i am called|i m called)",
        Topic.CITY: r"(?:my city|(?:where )?i live|(?:where )?i (?:a)?m from|city i live in)",
        Topic.EMAIL: r"(?:my e ?mail(?: address)?)",
        Topic.PHONE: r"(?:my (?:phone|mobile|cell)(?: number)?)",
        Topic.ORDER: r"(?:my (?:order|booking|reservation|ticket)(?: number| code| id)|number of my \w+)",
        Topic.QUESTIONS: r"(?:(?:i|did i) (?:just |have |already )?(?:ask|asked)(?: you| about)*(?: first| last)?"
        r"|my (?:(?:last|first|previous|other) )?questions?)",
    },
}
_BARE: Mapping[Language, Mapping[Topic, str]] = {
    "pt": {
        Topic.NAME: r"(?:qual(?: eh?| era)?(?: mesmo)?(?: o)? meu nome|como (?:eu )?me chamo|quem (?:sou eu|eu sou))",
        Topic.CITY: r"(?:qual(?: eh?)?(?: a)? minha cidade|onde (?:e que )?(?:eu )?moro|de onde (?:eu )?sou)",
    },
    "en": {
        Topic.NAME: r"(?:(?:what|who) (?:is|s|was) my name|whats my name|who am i|what am i called)",
        Topic.CITY: r"(?:(?:what|which) (?:is|s) my city|where do i live|where am i from)",
    },
}
_FRAMES: Mapping[Language, tuple[str, str, str]] = {
    "pt": (_REMEMBER_PT, _LINK_PT, _TAIL_PT),
    "en": (_REMEMBER_EN, _LINK_EN, _TAIL_EN),
}


def recall(question: str, statements: Sequence[str]) -> Recalled | None:
    """The answer to a question about what the customer said, or None where `question` is no such question.

    `statements` are the customer's earlier messages, oldest first. A question for a city, an e-mail, a phone or an
    order that speaks of no memory and finds nothing is left to the company's knowledge.
    """
    *before, last = sentences(question) or [""]
    ask = _parse(last)
    if ask is None or any("?" in sentence for sentence in before):
        return None
    language = ask.language
    if ask.topic is Topic.QUESTIONS:
        return _recall_questions(ask, statements)
    value = next((found for said in reversed([*statements, question]) if (found := _FINDERS[ask.topic](said))), None)
    if value is None and not ask.says_remember and ask.topic is not Topic.NAME:
        return None
    known, unknown = _ANSWERS[language][ask.topic]
    return Recalled(known.format(value) if value else unknown, language, known=value is not None)


def introduced_name(message: str) -> str | None:
    """The name in a message that does nothing but introduce its writer, greetings apart."""
    found = _NAME_GIVEN.search(message) or _NAME_IMPLIED.search(message) or _NAME_ALONE.search(message)
    name = _name(message)
    if found is None or name is None:
        return None
    rest = message[: found.start()] + message[found.start("name") + len(name) :]
    words = re.sub(r"[\W_]+", " ", rest).strip()
    return name if not words or small_talk(words, "pt") else None


def _parse(question: str) -> _Ask | None:
    plain = " ".join(re.findall(r"[^\W_]+", fold(question)))
    for language, (remember, link, tail) in _FRAMES.items():
        for topic, slot in _SLOTS[language].items():
            bare = _BARE[language].get(topic, rf"(?:qual|what|quais|o que){link} {slot}")
            remembering = re.fullmatch(rf"{_LEAD}{remember}{link} {slot}{tail}", plain)
            if remembering or re.fullmatch(rf"{_LEAD}{bare}{tail}", plain):
                return _Ask(topic, language, bool(remembering), plain)
    return None


def _name(said: str) -> str | None:
    explicit = _NAME_GIVEN.search(said) or _NAME_ALONE.search(said)
    if explicit:
        return _leading_name(explicit["name"], capitals_only=False)
    implied = _NAME_IMPLIED.search(said)
    return _leading_name(implied["name"], capitals_only=True) if implied else None


def _leading_name(text: str, *, capitals_only: bool) -> str | None:
    """The name that `text` begins with, four words at most; without capitals, two words and set in capitals."""
    words = text.split()
    if not words or fold(words[0]) in _NOT_A_NAME:
        return None
    if words[0][0].isupper():
        return " ".join(_capitalised(words[:4]))
    if capitals_only:
        return None
    kept = [words[0]]
    if len(words) == 2 and fold(words[1]) not in _NOT_A_NAME:
        kept.append(words[1])
    return " ".join(word.capitalize() for word in kept)


def _capitalised(words: Sequence[str]) -> list[str]:
    kept: list[str] = []
    for index, word in enumerate(words):
        joins = word.lower() in _PARTICLES - {"e"} and index + 1 < len(words) and words[index + 1][:1].isupper()
        if not (word[:1].isupper() or joins):
            break
        kept.append(word)
    return kept


def _city(said: str) -> str | None:
    found = _CITY_GIVEN.search(said)
    return _leading_name(found["name"], capitals_only=True) if found else None


def _first(pattern: re.Pattern[str]) -> Callable[[str], str | None]:
    def find(said: str) -> str | None:
        found = pattern.search(said)
        return found["name"].strip() if found else None

    return find


_FINDERS: Mapping[Topic, Callable[[str], str | None]] = {
    Topic.NAME: _name,
    Topic.CITY: _city,
    Topic.EMAIL: _first(_EMAIL),
    Topic.PHONE: _first(_PHONE),
    Topic.ORDER: _first(_ORDER),
}
_ANSWERS: Mapping[Language, Mapping[Topic, tuple[str, str]]] = {
    "pt": {
        Topic.NAME: ("Você me disse que o seu nome é {}.", "Você ainda não me disse o seu nome."),
        Topic.CITY: ("Você me disse que a sua cidade é {}.", "Você ainda não me disse de que cidade é."),
        Topic.EMAIL: ("O e-mail que você me passou é {}.", "Você ainda não me passou o seu e-mail."),
        Topic.PHONE: ("O telefone que você me passou é {}.", "Você ainda não me passou o seu telefone."),
        Topic.ORDER: ("O número que você me passou é {}.", "Você ainda não me passou esse número."),
    },
    "en": {
        Topic.NAME: ("You told me that your name is {}.", "You have not told me your name yet."),
        Topic.CITY: ("You told me that your city is {}.", "You have not told me your city yet."),
        Topic.EMAIL: ("The e-mail address that you gave me is {}.", "You have not given me your e-mail address yet."),
        Topic.PHONE: ("The phone number that you gave me is {}.", "You have not given me your phone number yet."),
        Topic.ORDER: ("The number that you gave me is {}.", "You have not given me that number yet."),
    },
}


def _recall_questions(ask: _Ask, statements: Sequence[str]) -> Recalled:
    asked = [said for said in statements if _asks_something(said)]
    portuguese = ask.language == "pt"
    if not asked:
        text = "Esta é a sua primeira pergunta nesta conversa." if portuguese else "This is your first question here."
        return Recalled(text, ask.language, known=False)
    if re.search(r"\b(?:primeir\w+|first)\b", ask.which):
        asked = asked[:1]
    elif re.search(r"\b(?:ultim\w+|last|previous|just)\b", ask.which):
        asked = asked[-1:]
    quoted = "; ".join(f"“{_shortened(said)}”" for said in asked[-3:])
    return Recalled(f"{'Você perguntou' if portuguese else 'You asked'}: {quoted}.", ask.language, known=True)


def _asks_something(said: str) -> bool:
    tells = "?" not in said and any(find(said) for find in _FINDERS.values())
    return bool(said.strip()) and not tells and not small_talk(said, "pt") and _parse(said) is None


def _shortened(said: str) -> str:
    line = " ".join(said.split())
    return line if len(line) <= 120 else line[:117].rstrip() + "…"
