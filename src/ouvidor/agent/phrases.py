"""What the bot says of itself: the default phrases of a project, in the customer's language."""

from collections.abc import Sequence
from dataclasses import dataclass

from ouvidor.text import Language


@dataclass(frozen=True)
class Phrases:
    """The phrases of one language; a project may replace the first three."""

    clarification: str
    transfer: str
    error: str
    is_it_about: str
    or_word: str


DEFAULTS: dict[Language, Phrases] = {
    "pt": Phrases(
        clarification="Quero ter certeza de que entendi: pode me dar mais detalhes?",
        transfer="Vou passar você para uma pessoa da nossa equipe, que continua o atendimento por aqui.",
        error="Tivemos um problema por aqui. Por favor, envie a sua mensagem de novo em instantes.",
        is_it_about="É sobre {topics}?",
        or_word="ou",
    ),
    "en": Phrases(
        clarification="I want to be sure I understand: could you give me a little more detail?",
        transfer="I am passing you on to a person in our team, who will continue with you here.",
        error="Something went wrong on our side. Please send your message again in a moment.",
        is_it_about="Is it about {topics}?",
        or_word="or",
    ),
}


def clarification(own: str | None, topics: Sequence[str], language: Language) -> str:
    """The clarification: the project's phrase or the default, then the likeliest topics as a choice."""
    phrases = DEFAULTS[language]
    phrase = own or phrases.clarification
    named = [f"“{topic.rstrip('?!. ')}”" for topic in topics[:2]]
    if not named:
        return phrase
    return f"{phrase} {phrases.is_it_about.format(topics=f' {phrases.or_word} '.join(named))}"


def transfer(own: str | None, language: Language) -> str:
    """What the customer reads when a person takes over."""
    return own or DEFAULTS[language].transfer


def error(own: str | None, language: Language) -> str:
    """What the customer reads when we failed."""
    return own or DEFAULTS[language].error
