"""What the bot says of itself: the phrases of a project, else the defaults, in the customer's language."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from ouvidor.text import Language

Wordings = Mapping[str, Mapping[str, str]]
"""A project's own phrases: name, then language, then wording."""


class Phrase(StrEnum):
    """What is said on an occasion; a project may word each in its own way. `{name}` in `joined` is the person's."""

    CLARIFICATION = "clarification"
    TRANSFER = "transfer"
    NOBODY = "nobody"
    JOINED = "joined"
    RETURNED = "returned"
    CLOSED = "closed"
    ERROR = "error"


DEFAULTS: Mapping[Phrase, Mapping[Language, str]] = {
    Phrase.CLARIFICATION: {
        "pt": "Quero ter certeza de que entendi: pode me dar mais detalhes?",
        "en": "I want to be sure I understand: could you give me a little more detail?",
    },
    Phrase.TRANSFER: {
        "pt": "Vou passar você para uma pessoa da nossa equipe, que continua o atendimento por aqui.",
        "en": "I am passing you on to a person in our team, who will continue with you here.",
    },
    Phrase.NOBODY: {
        "pt": "Isso precisa de uma pessoa da nossa equipe, e no momento não há ninguém disponível. "
        "A sua conversa está na fila: a resposta chega por aqui assim que alguém voltar.",
        "en": "This needs a person in our team, and nobody is available at the moment. "
        "Your conversation is in the queue: the reply comes here as soon as somebody is back.",
    },
    Phrase.JOINED: {
        "pt": "{name} entrou na conversa e continua o atendimento.",
        "en": "{name} has joined the conversation and will help you from here.",
    },
    Phrase.RETURNED: {
        "pt": "Você está de novo com o nosso assistente virtual. Se precisar de uma pessoa, é só pedir.",
        "en": "You are back with our virtual assistant. If you need a person, just ask.",
    },
    Phrase.CLOSED: {
        "pt": "Este atendimento foi encerrado. Se precisar de algo mais, é só escrever.",
        "en": "This conversation has been closed. If you need anything else, just write.",
    },
    Phrase.ERROR: {
        "pt": "Tivemos um problema por aqui. Por favor, envie a sua mensagem de novo em instantes.",
        "en": "Something went wrong on our side. Please send your message again in a moment.",
    },
}

_IS_IT_ABOUT: Mapping[Language, tuple[str, str]] = {
    "pt": ("É sobre {topics}?", " ou "),
    "en": ("Is it about {topics}?", " or "),
}


def phrase(own: Wordings, name: Phrase, language: Language) -> str:
    """The project's wording in this language, else the default."""
    return own.get(name, {}).get(language) or DEFAULTS[name][language]


def joined(own: Wordings, person: str, language: Language) -> str:
    """What the customer reads when this person takes the conversation over."""
    return phrase(own, Phrase.JOINED, language).replace("{name}", person)


def clarification(own: Wordings, topics: Sequence[str], language: Language) -> str:
    """The clarification, then the likeliest two topics as a choice."""
    asked = phrase(own, Phrase.CLARIFICATION, language)
    named = [f"“{topic.rstrip('?!. ')}”" for topic in topics[:2]]
    if not named:
        return asked
    question, or_word = _IS_IT_ABOUT[language]
    return f"{asked} {question.format(topics=or_word.join(named))}"
