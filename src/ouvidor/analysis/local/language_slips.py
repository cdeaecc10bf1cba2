"""Messages of the bot in a language that the customer does not write. Pure.

A message counts only where its words leave no doubt. What the customer wrote last in plain language is expected; a
language that the customer named ("in English, please") or wrote beside it may be used too.
"""

import re
from collections.abc import Mapping

from ouvidor.analysis.local.findings import fault, language_name
from ouvidor.analysis.local.talk import Message, Talk
from ouvidor.analysis.local.tongues import tongue_of
from ouvidor.analysis.verdict import BotFault
from ouvidor.text import fold

_BOT_SAYS = 3.5
_CUSTOMER_SAYS = 2.0
_MOST_SENTENCES = 8
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_NAMED: Mapping[str, re.Pattern[str]] = {
    "pt": re.compile(r"\b(?:portugues|portuguese|brazilian|brasileir[oa])\b"),
    "en": re.compile(r"\b(?:ingles|english|gringos?|estrangeir[oa]s?)\b"),
    "es": re.compile(r"\b(?:espanhol|spanish|espanol|castellano|argentin[oa]s?)\b"),
    "fr": re.compile(r"\b(?:frances|french|francais)\b"),
    "it": re.compile(r"\b(?:italiano|italian)\b"),
    "de": re.compile(r"\b(?:alemao|german|deutsch)\b"),
}


def language_slips(talk: Talk) -> list[BotFault]:
    """One fault with every message of the bot that is in a wrong language."""
    wrong = [message for message in talk.bot if _strange(message, talk)]
    if not wrong:
        return []
    strange = wrong[0].tongue.language
    theirs = min(_expected(talk.before(wrong[0])))
    return [
        fault(
            "wrong_language",
            talk,
            wrong,
            pt=f"Respondeu em {language_name(strange, 'pt')} a quem escreve em {language_name(theirs, 'pt')}.",
            en=f"Answered in {language_name(strange, 'en')} to someone who writes {language_name(theirs, 'en')}.",
        )
    ]


def _strange(message: Message, talk: Talk) -> bool:
    tongue = message.tongue
    if not tongue.clearly(_BOT_SAYS):
        return False
    said = talk.said_before(message)
    if said and said.tongue.language == tongue.language and said.tongue.clearly(_CUSTOMER_SAYS, 1.5):
        return False
    expected = _expected(talk.before(message))
    offers = any(_NAMED[language].search(message.plain) for language in expected if language in _NAMED)
    return bool(expected) and tongue.language not in expected and not offers


def _beside(message: Message) -> set[str]:
    """The languages of the sentences of a message, where they are several: somebody else took the keyboard."""
    told = [tongue_of(sentence, _WORD.findall(fold(sentence))) for sentence in message.sentences[:_MOST_SENTENCES]]
    return {tongue.language for tongue in told if tongue.clearly(_CUSTOMER_SAYS, 1.5)} if len(told) > 1 else set()


def _expected(before: tuple[Message, ...]) -> set[str]:
    """The languages that the customer may be answered in; none where nothing was written plainly yet."""
    theirs = [message for message in before if message.speaker == "customer"]
    clear = [message.tongue for message in theirs if message.tongue.clearly(_CUSTOMER_SAYS, 1.5)]
    if not clear:
        return set()
    expected = {clear[-1].language} | _beside(theirs[-1])
    if len(clear) > 1 and clear[-1].evidence < _BOT_SAYS:
        expected.add(clear[-2].language)
    expected |= {language for one in theirs for language, named in _NAMED.items() if named.search(one.plain)}
    return expected
