"""What one section says, as the check of a draft reads it: once, since sections return turn after turn. Pure."""

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache

from ouvidor.agent.contacts import addresses, disguises, handles, links, plain_signs, same_address
from ouvidor.agent.figure import Figure
from ouvidor.agent.figures import told_figures
from ouvidor.agent.given import Source
from ouvidor.agent.lexicon import FINITE, word_class
from ouvidor.agent.meanings import denies, words_of
from ouvidor.agent.promises import spoken
from ouvidor.text import Language, fold, sentences

SECTIONS_KEPT = 512
_WORD = re.compile(r"[^\W_]+")
_LETTERS = re.compile(r"[^\W\d_]+")
_CLAUSE_END = re.compile(
    r"[,;:()–—]\s|\s[-–—]\s|\s(?:but|mas|porem|and|e|while|enquanto|although|embora|however)\s", re.IGNORECASE
)
_ORDERS = tuple(
    re.compile(pattern)
    for pattern in (
        (
            r"\b(?:ignor[ea]|disregard|forget|override|bypass|esqueca|desconsidere|desobedeca)\b.{0,60}\b(?:instruc|instruct|prompt"
            r"|previous|above|earlier|rules?|regras|anterior|acima|ordens|guideline|told|everything|tudo)"
        ),
        (
            r"\b(?:system|developer|admin) (?:prompt|message|override|mode|note|command)\b|\bsystem ?:|\[/?(?:system"
            r"|inst)\b|<\|?(?:im_start|system|end)"
            r"|\b(?:prompt|mensagem|nota|comando) d[oe] sistema\b|#{2,} ?instruc"
        ),
        (
            r"\b(?:assistants?|ais?|language models?|chat ?bots?|bots?|llms?|gpt|modelos? de linguagem|assistentes?(?:"
            r" virtua(?:l|is))?|ia|robos?)\b.{0,40}"
            r"\b(?:must|should|shall|deve|precisa|respon\w+|reply|answer|say|tell|diga|output|print|reveal|revele|obey|obedec\w+)\b"
        ),
        (
            r"\b(?:you are now|voce agora e|act as|aja como|finja|pretend to be|from now on,? (?:you|say|answer|reply)"
            r"|new instructions?"
            r"|novas? instruc\w+|nova tarefa|new task|a partir de agora,? (?:voce|responda|diga))\b"
        ),
        (
            r"(?:^|[.!?:;]\s*|please |por favor,? )(?:reply|respond|answer|say|tell (?:the |every |all )?(?:customer"
            r"|user|guest|client)s?"
            r"|responda|diga|informe a\w* clientes?|output|print|repeat|repita|reveal|revele)\b.{0,40}"
            r"\b(?:with|only|exactly|that|apenas|somente|exatamente|que|prompt|instruc\w*|verbatim|word|palavra)\b"
        ),
        (
            r"\b(?:do not|don.?t|never|nao|nunca)\b.{0,20}\b(?:hand ?over|escalate|cite|mencione|transfira|encaminhe"
            r"|call a (?:person|human))"
        ),
    )
)


@dataclass(frozen=True)
class Clause:
    """A stretch of a section: what it speaks of, and whether it denies."""

    keys: frozenset[str]
    denied: bool


@dataclass(frozen=True)
class Testimony:
    """A section as a witness; each property is made when it is first asked for, and kept with it."""

    heading: str
    text: str
    language: Language

    @cached_property
    def gives_orders(self) -> bool:
        """Whether it speaks to the program that reads it: then it bears nothing out."""
        return gives_orders(f"{self.heading}. {self.text}")

    @cached_property
    def whole(self) -> str:
        """Heading and text, letters as a person reads them."""
        return f"{plain_signs(self.heading)}\n{plain_signs(self.text)}"

    @cached_property
    def spoken(self) -> str:
        """The whole in plain letters, as promises are read."""
        return spoken(self.whole)

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The words of the whole, folded, in order."""
        return folded_words(self.whole)

    @cached_property
    def disguises(self) -> frozenset[str]:
        """What a person does not see in it as what it is."""
        return frozenset(disguises(f"{self.heading}\n{self.text}"))

    @cached_property
    def keys(self) -> frozenset[str]:
        """What its words mean."""
        read = [*words_of(plain_signs(self.heading), self.language), *words_of(plain_signs(self.text), self.language)]
        return frozenset(key for word in read for key in word.keys)

    @cached_property
    def told_keys(self) -> frozenset[str]:
        """What the words mean that it states."""
        return frozenset(key for word in words_of(self._stated, self.language) for key in word.keys)

    @cached_property
    def figures(self) -> tuple[Figure, ...]:
        """Its figures, and the days and months between those that it names."""
        return told_figures(self.whole)

    @cached_property
    def contacts(self) -> frozenset[str]:
        """Its links, e-mail addresses and handles."""
        return frozenset([*map(same_address, links(self.whole)), *addresses(self.whole), *handles(self.whole)])

    @cached_property
    def clauses(self) -> tuple[Clause, ...]:
        """The clauses of its sentences."""
        return tuple(
            Clause(keys_of(written, self.language), denies(written, self.language))
            for sentence in sentences(plain_signs(self._stated))
            for written in stretches(sentence)
        )

    @cached_property
    def statements(self) -> tuple[frozenset[str], ...]:
        """What the words of each of its sentences mean."""
        return tuple(keys_of(sentence, self.language) for sentence in sentences(plain_signs(self._stated)))

    @property
    def _stated(self) -> str:
        """Its text, and its heading unless that asks."""
        return self.text if self.heading.rstrip().endswith("?") else f"{self.heading}.\n{self.text}"


def testimony_of(source: Source) -> Testimony:
    """What this section says; of the sections last read it is at hand."""
    return _testimony(source.question or "", source.text, source.language)


@lru_cache(maxsize=SECTIONS_KEPT)
def _testimony(heading: str, text: str, language: Language) -> Testimony:
    return Testimony(heading, text, language)


def gives_orders(text: str) -> bool:
    """Whether a text speaks to the program that reads it instead of the customer."""
    plain = " ".join(fold(plain_signs(text)).split())
    return any(pattern.search(plain) for pattern in _ORDERS)


def folded_words(text: str) -> tuple[str, ...]:
    """The words and numbers of a text, folded, in order."""
    return tuple(_WORD.findall(fold(text)))


def keys_of(text: str, language: Language) -> frozenset[str]:
    """What the words of a text mean, but for those that say nothing of the company."""
    return frozenset(key for word in words_of(text, language) if not word.neutral for key in word.keys)


def stretches(sentence: str) -> list[str]:
    """The clauses of a sentence; what has no verb of its own goes with what follows it, or with what it follows."""
    found: list[str] = []
    waiting = ""
    for part in _CLAUSE_END.split(sentence):
        whole = f"{waiting}, {part}" if waiting else part
        has_verb = any(word_class(word, opens_sentence=True) in FINITE for word in _LETTERS.findall(part))
        waiting = "" if has_verb else whole
        if has_verb:
            found.append(whole)
    if waiting.strip():
        found[-1:] = [f"{found[-1]}, {waiting}" if found else waiting]
    return [part for part in found if part.strip()]
