"""Recognises the wish to speak to a person, also inside a longer message."""

import re

from ouvidor.agent.smalltalk import small_talk
from ouvidor.text import fold

_PERSON_PT = (
    r"(?:atendentes?|humanos?|(?:uma )?pessoa(?: real| de verdade| humana)?|alguem(?: de verdade| da equipe| real| ai)?"
    r"|operador[ae]?|supervisor[ae]?|gerente|responsavel|representante|consultor[a]?|gente de verdade|ser humano"
    r"|(?:atendimento|suporte|equipe|time) (?:humano|humana|pessoal)|funcionari[oa]|vendedor[a]?|ouvidor(?:ia)?)"
)
_PERSON_EN = (
    r"(?:(?:real |live |actual |human )?(?:agents?|humans?|person|people|operator|representative|rep|advisor|associate)"
    r"|human being|someone|somebody|manager|supervisor|customer (?:service|support|care)|staff(?: member)?"
    r"|(?:your|the) (?:team|staff))"
)
_WISH_PT = (
    r"(?:quero|queria|quer|preciso|gostaria de|posso|podemos|poderia|pode|podem|consigo|da pra|da para|tem como"
    r"|como faco para|como faco pra|como posso|desejo|prefiro|necessito|exijo|me deixa|deixa eu|vamos|bora|vou|so)"
)
_WISH_EN = (
    r"(?:i (?:really |just |would |d |only )*(?:want|need|like|wish|prefer|demand|have)|can i|could i|may i|let me"
    r"|please|how (?:do|can) i|is it possible to|can you|could you|would you|i m trying|i must|id like|i ll)"
)
_ARTICLE = (
    r"(?:(?:com|para|pra|por|a|o|um|uma|os|as|algum|alguma|outro|outra|to|with|the|an|another|some|your|any|me) )*"
)
_STAFF_PT = (
    r"(?:atendentes?|humano|ser humano|pessoa (?:real|de verdade|humana)|operador[ae]?|(?:atendimento|suporte) humano"
    r"|supervisor[ae]?|gerente)"
)
_STAFF_EN = (
    r"(?:(?:real |live |actual |human )*(?:agent|human|operator|representative|rep)|(?:real|live) person|human being"
    r"|manager|supervisor)"
)
_PATTERNS = (
    (
        rf"\b{_WISH_PT} (?:\w+ ){{0,3}}(?:falar|conversar|fala|tratar|contato|contatar|atendid[oa]|conectado) "
        rf"{_ARTICLE}(?:por )?{_PERSON_PT}\b"
    ),
    rf"\b(?:quero|queria|preciso de|preciso|prefiro|exijo|chama|chame|chamar|cade) {_ARTICLE}{_STAFF_PT}\b",
    (
        r"\bme (?:passa|passe|transfere|transfira|coloca|coloque|encaminha|encaminhe|conecta|liga) "
        rf"{_ARTICLE}(?:pro |ao |no )?{_PERSON_PT}\b"
    ),
    (
        r"\b(?:pode|poderia|consegue|quero|queria) (?:me )?(?:passar|transferir|encaminhar|chamar|ser transferid[oa]) "
        rf"{_ARTICLE}(?:pro |ao )?{_PERSON_PT}\b"
    ),
    rf"\b(?:transferir|transfira|passar|passa|transfere)(?: para| pra| pro| ao| a)+ {_ARTICLE}{_STAFF_PT}\b",
    r"\b(?:atendimento|suporte|ajuda) humano? ?(?:por favor|urgente|agora)$",
    (
        rf"\b{_WISH_EN} (?:\w+ ){{0,4}}(?:speak|talk|chat|transferred|connected|connect me|transfer me|put me through) "
        rf"{_ARTICLE}{_PERSON_EN}\b"
    ),
    rf"\b(?:transfer|connect|put|pass|send|hand) me (?:\w+ ){{0,2}}{_ARTICLE}{_PERSON_EN}\b",
    rf"\b(?:speak|talk|chat) (?:to|with) {_ARTICLE}{_PERSON_EN}(?: (?:please|now|asap))?$",
    (
        r"\b(?:i (?:really |just )?(?:want|need)|get me|give me|i d like|i would like) "
        rf"(?:a |an |the |some |to have a )?{_STAFF_EN}\b"
    ),
)
_SAYS_SO = tuple(re.compile(pattern) for pattern in _PATTERNS)
_REFUSES = re.compile(
    r"\b(?:nao (?:quero|preciso|precisa|queria|gostaria)|sem (?:precisar )?|(?:don t|do not) (?:want|need)"
    r"|no need|without)\b[\w ]{0,30}(?:falar|atendente|humano|pessoa|speak|talk|human|agent|person)"
)


def wants_person(message: str) -> bool:
    """Whether the customer asks for a person now; a question about staff or its hours is no such wish."""
    plain = " ".join(re.findall(r"[^\W_]+", fold(message)))
    if _REFUSES.search(plain):
        return False
    talk = small_talk(message, "pt")
    return (talk is not None and talk.wants_person) or any(pattern.search(plain) for pattern in _SAYS_SO)
