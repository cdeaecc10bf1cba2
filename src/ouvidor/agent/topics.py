"""Names what a section is about in a few words, for a clarification: "Is it about A or B?"."""

import re
from collections.abc import Sequence

from ouvidor.agent.given import Source
from ouvidor.agent.lexicon import FINITE
from ouvidor.agent.reading import tokenize
from ouvidor.text import Language, fold, sentences, terms

_LONGEST = 60
_RELATIVE_SCORE = 0.3
_LEAST_SCORE = 0.08
_ABOUT = re.compile(r"^(?:about|sobre) (?=\w)", re.IGNORECASE)
_TOO_ALIKE = 0.6

_INFINITIVE = r"(?P<topic>[a-zà-ÿ]+(?:ar|er|ir|or|ôr)(?:-\w+)?\b.*)"
_THING_PT = r"(?:(?P<article>os|as|o|a) |um |uma |algum |alguma |seu |sua |seus |suas )?(?P<topic>.+)"
_THING_EN = r"(?:the |a |an |any |your |my )?(?P<topic>.+?)"
_MAY_PT = r"(?:posso|consigo|devo|podemos|preciso|é possível|dá (?:para|pra)|é permitido|é preciso)"
_OFFER_PT = r"(?:têm|tem|há|existem?|oferecem?|possue?m?|aceitam?|trabalham com|fazem|vendem|cobram?)"
_OPENS_PT = r"(?:começa|abre|fecha|termina|é|vai|funciona|é servid[oa]|posso \w+)"
_OFFER_EN = r"(?:have|offer|accept|provide|sell|allow|take|charge for|come with)"
_OPENS_EN = r"(?: (?:starts?|opens?|closes?|begins?|ends?|served|available))?"
_FRAMES: dict[Language, tuple[tuple[str, str], ...]] = {
    "pt": (
        (rf"qua(?:l|is) (?:é|são|foi|era|seria) {_THING_PT}", "{}"),
        (rf"qua(?:l|is) (?=os? |as? ){_THING_PT}", "{}"),
        (rf"quanto (?:custam?|é|sai|ficam?|pago por|cobram por|se paga por) {_THING_PT}", "preço {of} {}"),
        (rf"(?:como|onde|quando) (?:eu )?(?:faço (?:para|pra)|{_MAY_PT}) {_INFINITIVE}", "{}"),
        (rf"como {_INFINITIVE}", "{}"),
        (rf"como (?:funcionam?|é feit[oa]|são feit[oa]s|é) {_THING_PT}", "{}"),
        (rf"(?:eu )?{_MAY_PT} {_INFINITIVE}", "{}"),
        (rf"(?:por )?onde (?:fica|ficam|é|está|estão|encontro|vejo) {_THING_PT}", "localização {of} {}"),
        (rf"(?:a|até) que horas {_OPENS_PT} {_THING_PT}", "horário {of} {}"),
        (rf"o que (?:é|são|significa) {_THING_PT}", "{}"),
        (rf"(?:(?:vocês?|vcs|[oa] \w+) )?{_OFFER_PT} {_THING_PT}", "{}"),
    ),
    "en": (
        (rf"what(?: is|’s|'s| are| was) {_THING_EN}", "{}"),
        (rf"how much (?:is|are|does|do) {_THING_EN}(?: costs?)?", "price of {}"),
        (rf"(?:do|does|can|will) (?:you|the \w+|your \w+) {_OFFER_EN} {_THING_EN}", "{}"),
        (rf"(?:is|are) there {_THING_EN}", "{}"),
        (r"how (?:(?:do|can|should|could|would) (?:i|we|you)|to) (?P<topic>.+)", "how to {}"),
        (r"(?:can|may|could|should|do|am) (?:i|we) (?:(?:need|have|able|allowed) to )?(?P<topic>.+)", "{}"),
        (rf"where (?:is|are|can i find|do i find) {_THING_EN}", "location of {}"),
        (rf"(?:what time|when) (?:is|are|does|do) {_THING_EN}{_OPENS_EN}", "time of {}"),
        (r"what (?:should|can|do) i do (?:if|when|about) (?P<topic>.+)", "{}"),
    ),
}
"""How a question asks, and how its topic is named: `{of}` is the preposition fused with the topic's article."""
_WHAT_TO_DO = re.compile(
    r"(?<=[.!?,;])\s*(?:e )?(?:o que (?:eu )?(?:faço|(?:devo|posso) fazer)|what (?:do|should|can) i do)(?: now)?\?$",
    re.IGNORECASE,
)
_YOURS: dict[Language, tuple[tuple[str, str], ...]] = {
    "pt": (("meu", "seu"), ("minha", "sua"), ("meus", "seus"), ("minhas", "suas")),
    "en": (("my", "your"), ("our", "your"), ("me", "you"), ("i", "you")),
}
_OF = {"o": "do", "a": "da", "os": "dos", "as": "das"}


def likely_topics(sources: Sequence[Source], count: int = 2) -> list[str]:
    """Names of the best sources' topics, distinct from each other, each in its own language; at most `count`.

    Sources far less relevant than the best, or hardly relevant at all, are left out.
    """
    named: list[str] = []
    held: list[frozenset[str]] = []
    for source in sources:
        if source.score < max(_RELATIVE_SCORE * sources[0].score, _LEAST_SCORE) or len(named) == count:
            break
        topic = topic_of(source)
        words = frozenset(terms(topic, source.language))
        if words and all(_likeness(words, other) < _TOO_ALIKE for other in held):
            named.append(topic)
            held.append(words)
    return named


def topic_of(source: Source) -> str:
    """What a section is about: its question without the asking, its title, or the subject of its first sentence."""
    if not source.question or not source.question.strip():
        return _subject(source.text, source.language)
    heading = re.sub(r"[_\s]+", " ", source.question).strip()
    if heading.isupper() and len(heading) > 5:
        heading = heading.capitalize()
    if not heading.endswith("?"):
        return _shortened(_ABOUT.sub("", heading))
    asked = _WHAT_TO_DO.sub("", heading).rstrip("?!., ")
    last = re.split(r"[.!?,:]\s+", asked)[-1]
    whole = asked if _WHAT_TO_DO.search(heading) else heading
    return _shortened(_yours(_unframed(last, source.language) or whole, source.language))


def _unframed(question: str, language: Language) -> str | None:
    for pattern, wording in _FRAMES[language]:
        found = re.fullmatch(pattern, question, re.IGNORECASE)
        if found:
            article = (found.groupdict().get("article") or "").lower()
            return wording.format(found["topic"], of=_OF.get(article, "de"))
    return None


def _yours(topic: str, language: Language) -> str:
    """The customer's words said back to them: "my car" becomes "your car"."""
    replaced = dict(_YOURS[language])
    return " ".join(replaced.get(fold(word), word) if word.islower() else word for word in topic.split())


def _subject(text: str, language: Language) -> str:
    first = next(iter(sentences(text)), "")
    tokens = tokenize([first], language)
    verb = next((token for token in tokens[1:9] if token.kind in FINITE), None)
    ended = first[: verb.start].strip() if verb else first
    return _shortened(re.sub(r"^(?:os?|as?|the|an?)\s+(?=\w)", "", ended.rstrip(".!?,;: "), flags=re.IGNORECASE))


def _shortened(topic: str) -> str:
    if len(topic) <= _LONGEST:
        return topic
    return topic[:_LONGEST].rsplit(" ", 1)[0].rstrip(",;:") + "…"


def _likeness(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / min(len(one), len(other))
