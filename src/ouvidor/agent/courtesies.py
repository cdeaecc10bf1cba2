"""The acts of small talk and what is said back; the phrases that are understood stand in smalltalk.toml."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ouvidor.text import Language


class Act(StrEnum):
    """What a stretch of small talk does; `FILLER` only accompanies the others."""

    GREETING = "greeting"
    HOW_ARE_YOU = "how_are_you"
    SORRY = "sorry"
    THANKS = "thanks"
    PRAISE = "praise"
    COMPLAINT = "complaint"
    YES = "yes"
    NO = "no"
    LAUGH = "laugh"
    ROBOT = "robot"
    WHO = "who"
    HELP = "help"
    WAIT = "wait"
    FAREWELL = "farewell"
    PERSON = "person"
    FILLER = "filler"


EMOJI: Mapping[str, str] = {
    "oi": "👋🙋",
    "obrigado": "🙏",
    "ok": "👍👌✅🆗☑✔",
    "amei": "❤😍🥰💙💚💛🧡💜😘👏🎉🌟⭐🤩",
    "laugh": "😂🤣😄😁😆😅",
    "horrivel": "😡🤬👎😠😤",
}
"""Emoji by the word they stand for; any other is read as a smile."""


@dataclass(frozen=True)
class Courtesies:
    """What is said back in one language; `{who}` is the persona or the default."""

    who: str
    hello: str
    by_act: Mapping[Act, str]
    which_one: str
    other_words: str
    offer: str
    more: str
    call: str
    pleased: str


COURTESIES: Mapping[Language, Courtesies] = {
    "pt": Courtesies(
        who="o assistente virtual daqui",
        hello="Olá!",
        by_act={
            Act.HOW_ARE_YOU: "Tudo bem por aqui, espero que com você também.",
            Act.SORRY: "Não tem problema.",
            Act.THANKS: "De nada!",
            Act.PRAISE: "Que bom saber disso!",
            Act.COMPLAINT: (
                "Sinto muito por não ter ajudado. Conte o que aconteceu com outras palavras "
                "ou peça para falar com uma pessoa da equipe."
            ),
            Act.YES: "Certo!",
            Act.NO: "Tudo bem.",
            Act.ROBOT: (
                "Sou {who}: um programa, não uma pessoa. Respondo com as informações da empresa e, "
                "se você preferir, chamo alguém da equipe."
            ),
            Act.WHO: "Sou {who}, um programa que responde com as informações da empresa.",
            Act.HELP: "Claro! Escreva a sua dúvida e eu procuro a resposta nas informações da empresa.",
            Act.WAIT: "Claro, fique à vontade.",
            Act.FAREWELL: "Até logo!",
        },
        which_one="Certo! Qual dos dois?",
        other_words="Entendi. Pode me explicar com outras palavras o que você precisa?",
        offer="Como posso ajudar?",
        more="Posso ajudar em mais alguma coisa?",
        call="Se precisar, é só chamar.",
        pleased="Prazer, {name}!",
    ),
    "en": Courtesies(
        who="the virtual assistant here",
        hello="Hello!",
        by_act={
            Act.HOW_ARE_YOU: "All well here, and I hope with you too.",
            Act.SORRY: "No problem at all.",
            Act.THANKS: "You’re welcome!",
            Act.PRAISE: "Glad to hear that!",
            Act.COMPLAINT: (
                "I am sorry that I was of no help. Tell me what happened in other words, "
                "or ask to speak to a person in our team."
            ),
            Act.YES: "All right!",
            Act.NO: "That’s fine.",
            Act.ROBOT: (
                "I’m {who}: a program, not a person. I answer from the company’s information and, "
                "if you prefer, I call someone from the team."
            ),
            Act.WHO: "I’m {who}, a program that answers from the company’s information.",
            Act.HELP: "Of course! Write your question and I will look for the answer in the company’s information.",
            Act.WAIT: "Of course, take your time.",
            Act.FAREWELL: "Goodbye!",
        },
        which_one="All right! Which of the two?",
        other_words="I see. Could you tell me in other words what you need?",
        offer="How can I help?",
        more="Is there anything else I can help with?",
        call="I am here if you need me.",
        pleased="Nice to meet you, {name}!",
    ),
}

DAY_PARTS: Mapping[Language, Mapping[str, str]] = {
    "pt": {"bom dia": "Bom dia!", "boa tarde": "Boa tarde!", "boa noite": "Boa noite!"},
    "en": {
        "good morning": "Good morning!",
        "good afternoon": "Good afternoon!",
        "good evening": "Good evening!",
        "good night": "Good night!",
    },
}
