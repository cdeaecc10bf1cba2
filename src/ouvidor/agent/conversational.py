"""What a language model may say that rests on no section: courtesies, and what the customer said before. Pure."""

import re

from ouvidor.agent.contacts import disguises
from ouvidor.agent.courtesies import COURTESIES
from ouvidor.agent.given import Given
from ouvidor.agent.lexicon import question_kind
from ouvidor.agent.meanings import words_of
from ouvidor.agent.reply import Draft, recalled, small_talked
from ouvidor.agent.smalltalk import small_talk
from ouvidor.agent.topics import topic_of
from ouvidor.text import detect_language, fold, sentences

_OFFER = re.compile(
    r"(?:(?:and |so |e |entao )?(?:how|what) (?:can|may|could) i (?:help|assist|do for)(?: you)?(?: with)?(?:"
    r" today| now| else)?"
    r"|is there anything else(?: i can help(?: you)? with| that i can do)?(?: today)?|let me know if you need"
    r" anything(?: else)?"
    r"|(?:i m |i am )?(?:happy|glad|here) to help(?: you)?|(?:como|em que|no que) (?:eu )?(?:posso|poderia)(?:"
    r" te| lhe)? ajudar"
    r"(?: voce| hoje| agora|lo|la)*|posso (?:te |lhe )?ajudar (?:em|com) (?:mais )?(?:alguma coisa|algo)(?: mais)?"
    r"|(?:se )?(?:precisar|precisando)(?: de algo| de mais alguma coisa)?,? (?:e so|estou|pode) (?:chamar|falar"
    r"|por aqui|aqui)"
    r"|(?:estou|fico) (?:aqui|a disposicao)(?: para ajudar)?|if you need (?:anything|me)(?: else)? i m here)"
)
_SAYS_WHO_SAID = re.compile(
    r"\b(?:you (?:have )?(?:just )?(?:told|said|asked|mentioned|gave|wrote|introduced)|voce (?:me |ja |nos"
    r" )*(?:disse|contou|perguntou|falou"
    r"|mencionou|passou|informou|escreveu|deu|se apresentou))\b|^(?:yes |sim )?(?:your name is|(?:o )?seu nome e)\b"
)
_OF_SAYING = frozenset(
    fold(
        """
        you your told said asked mentioned gave wrote name is are was that earlier before first last question
        about me yes of course and conversation this here introduced yourself as message voce seu sua disse
        contou perguntou falou mencionou passou informou escreveu deu nome e que antes primeira ultima pergunta
        sobre sim claro me nos ja conversa nesta aqui apresentou mensagem como era foi
        """,
    ).split()
)


def vouched(draft: Draft, given: Given) -> Draft | None:
    """A conversational draft in words that we vouch for, or None where it may not be said.

    The local rule's own words where it agrees on the kind; a model's words where they are nothing but courtesies, or
    nothing but what the customer is on record as having said.
    """
    if draft.kind == "recall":
        return recalled(given) or (draft if _repeats_the_customer(draft.text, given) else None)
    rule = small_talked(given)
    if rule is not None:
        return draft if only_courtesies(draft.text, given) and draft.text else rule
    if answerable(given):
        return None
    if only_courtesies(draft.text, given):
        return draft
    return None if _asks(given.question) else _offer(given)


def agreed(given: Given) -> bool:
    """Whether the local rules too take the message for small talk or for a question about what the customer said."""
    return small_talked(given) is not None or recalled(given) is not None


def answerable(given: Given) -> bool:
    """Whether sections may answer the message: then it is not small talk, whatever a model says."""
    return bool(given.sources) and given.confidence >= given.threshold


def only_courtesies(text: str, given: Given) -> bool:
    """Whether every sentence is a known courtesy, one of our own, or an offer of help."""
    ours = {
        _plain(said)
        for told in COURTESIES.values()
        for said in (*told.by_act.values(), told.offer, told.more, told.call)
    }
    return (
        bool(text.strip())
        and not disguises(text)
        and all(
            _plain(sentence) in ours
            or _OFFER.fullmatch(_plain(sentence))
            or small_talk(sentence, given.language, names=[given.persona]) is not None
            for sentence in sentences(text)
        )
    )


def known_topics(draft: Draft, given: Given) -> list[str]:
    """Those of a model's topics that are headings of retrieved sections."""
    known = {_plain(name) for source in given.sources for name in (source.question or "", topic_of(source)) if name}
    return [topic for topic in draft.topics if _plain(topic) in known and not disguises(topic)][:2]


def _repeats_the_customer(text: str, given: Given) -> bool:
    """Whether each sentence says that the customer said it, and has no word that is not on record as theirs."""
    if answerable(given) or disguises(text) or not text.strip():
        return False
    own = [said.content for said in given.history if said.role == "USER" and said.verified]
    theirs = {word for said in own for word in _plain(said).split()}
    return bool(own) and all(
        _SAYS_WHO_SAID.search(_plain(sentence)) and set(_plain(sentence).split()) <= theirs | _OF_SAYING
        for sentence in sentences(text)
    )


def _asks(message: str) -> bool:
    return (
        "?" in message
        or question_kind(message) != "yes_no"
        or len(words_of(message, detect_language(message, "pt"))) > 6
    )


def _offer(given: Given) -> Draft:
    return Draft(kind="smalltalk", text=COURTESIES[given.language].offer, confidence=0.0, language=given.language)


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", fold(text)))
