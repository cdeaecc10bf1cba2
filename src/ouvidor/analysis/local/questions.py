"""The questions of a customer's message that want an answer. Pure.

What only sounds like a question (tags, polite requests, irony) asks for nothing, nor does one that the customer takes
back in the same message.
"""

import re
from dataclasses import dataclass

from ouvidor.analysis.local.talk import Message, Talk, folded, stems_of
from ouvidor.text import Language, terms

_TAGS = re.compile(
    r"^(?:(?:e|mas|so|and|but|ok|ah|oh|hm+|ue|uai|eh|aff|ai)[ ,]+)*(?:ne|certo|ok|okay|right|sabe|viu|hein|ta|tá"
    r"|tudo bem|tudo bom|td bem|como vai|como vao|how are you|you ok|really|serious(?:ly)?|serio|jura|sera"
    r"|de novo"
    r"|again|what|que|q|hello|hi|oi|ola|alo|anyone(?: there)?|alguem(?: ai)?|tem alguem(?: ai)?|are you there"
    r"|anybody(?: there)?|is anyone (?:there|home)|ta ai|hm+|huh|eh|isso|sim|nao|no|yes|entende|entendeu|got it"
    r"|you know|know what i mean|ta bom|pode ser|beleza|blz|combinado"
    r"|deal|fine|that ok|ok for you|e ai|e agora|agora|now|so|o que|como assim|oi tudo bem|ja|is it|isn't it"
    r"|don't you think|can you believe|acredita)\W*$"
)
_TAG_TAIL = re.compile(
    r"(?:,|\b)\s*(?:ne|certo|right|ta|viu|sabe|hein|entende|entendeu|ok|okay|isso|nao e|isn't it|innit|correct"
    r"|entao)\s*\?+\s*$"
)
_IRONY = re.compile(
    r"\b(?:fazer o que|quem diria|vcs? acredita\w*|voces? acredita\w*|can you believe|who knew|how hard|why me"
    r"|who cares|what's the point|ta de brincadeira|are you kidding|brincadeira|palhacada"
    r"|are you (?:a )?(?:serious|joking|deaf|even|having|listening|real|human|bot|robot)|voce leu|vc leu"
    r"|leu o que|did you (?:even )?read|is this a joke|que tipo de|what kind of (?:a )?(?:service|company)"
    r"|voce e (?:um )?robo|isso e (?:um )?robo|is this a (?:bot|robot|human)|ta me ouvindo|quantas vezes"
    r"|how many times|haha|kkk+|lol|rsrs)"
)
_REQUESTS = re.compile(
    r"^(?:\W|(?:e|ai|entao|ok|oi|ola|hi|hello|bom dia|boa tarde|boa noite|so|and|then|please|por favor|well"
    r"|also)\b)*(?:(?:can|could|would|will) (?:you|u|someone|somebody|ya)(?: please| just| also)? (?!(?:take"
    r"|accept|ship|deliver|store|fit|accommodate|offer|have|do (?:a|an|it by)|pick)\b)"
    r"|(?:voce |vc |vcs? |voces )?(?:pode(?:m|ria|riam)?|consegue(?:m)?|da pra (?:vc|voce|vcs)|tem como (?:vc"
    r"|voce|vcs|me|voces)|daria pra) (?:me |nos |ai |por favor |pfv? )?(?:manda|envia|ajuda|confirma|passa"
    r"|verifica|ve\b|ver\b|olha|chec|dize|dizer|inform|explic|resolve|cancel|transfer|reserv|fech|gera|repet"
    r"|coloc|mudar|troc|dar uma)\w*"
    r"|me (?:ajuda|passa|manda|envia|diz|fala|confirma|explica)|manda\b|send (?:me|it)|(?:may|can|could|posso"
    r"|pode) (?:i|eu)? ?(?:speak|talk|falar|conversar|have (?:the|your|a) (?:link|page|form)|get (?:the"
    r"|a) (?:link|page|form|person)))"
)
TAKEN_BACK = re.compile(
    r"\b(?:never ?mind|nvm|forget (?:it|that|about it)|deixa (?:pra la|quieto|isso|,? ?(?:ja )?(?:achei|vi))"
    r"|esquece|ja achei|achei aqui|ja vi|found it|ignore (?:that|my last|the last|this)|ignora|scrap that"
    r"|don't bother|nao precisa|sem problema|tanto faz|i see it now|just saw|wrong chat)\b"
)
"""How a customer takes a question back."""
_STARTS = re.compile(
    r"^(?:(?:e|mas|ah|oh|ok|certo|entao|legal|ai|and|but|so|also|oi|ola|hi|hello|hey|bom dia|boa tarde|boa noite"
    r"|then|well|good morning|good afternoon)[ ,!.]+)*(?:quanto|qto|quantos|quantas|qual|quais|quando|qdo|onde"
    r"|como|que horas|q horas|ate que horas|cade|how much|how many|how long|how do|how can|what time|what's"
    r"|what is|what are|when|where|which|who|vcs? (?:tem|aceita|faz|abre|entrega|cobra)\w*|voces (?:tem|aceitam"
    r"|fazem|abrem|entregam)|tem (?:vaga|como|wifi|estacionamento|desconto|taxa|cafe|pet)"
    r"|da pra|pode (?:levar|pagar|parcelar)|posso (?:levar|pagar|cancelar|parcelar|ir)|do you (?:have|take|accept"
    r"|offer)|is there|are there|can i (?:pay|bring|get|cancel|have|use)|does (?:it|the)|is (?:it"
    r"|the) \w+ (?:included|free|open))\b"
)
_OPENER = (
    r"(?:do|does|can|could|is|are|where|what|how|when|will|should|may|did|has|have|who|which|why|onde|quando|como"
    r"|qual|quais|quanto|quantos|quem|preciso|posso|pode|podem|tem|ha|da (?:pra|para)|vcs|voces|precisa|aceita|inclui"
    r"|cobre|vale|consigo|funciona|por ?que)\b"
)
_PARTS = re.compile(rf"(?:,|;|\?|\band\b|\be\b|\balso\b)\s*(?:and |e |also |tambem )?(?={_OPENER})")
_OPENS = re.compile(rf"(?:(?:and|e|but|mas|so|also|oi|ola|hi|hello|ok|then|entao)[ ,]+)*{_OPENER}")
_SENTENCE = re.compile(r"(?<=[.!?;])\s+")
_FEWEST_WORDS = 2
_MOST_WORDS_UNMARKED = 12
_GENERIC: dict[Language, frozenset[str]] = {
    "pt": frozenset(terms((
        "hotel quarto loja plano conta pedido hoje amanhã aqui ai vocês coisa gente favor obrigado quero preciso"
        " saber tem pode dá ser ter fica vai ir bom bem só já também lá sim não ok oi olá dia boa tarde noite queria"
        " gostaria me diz diga sobre caso qualquer ainda mais muito algum alguma"
    ), "pt")),
    "en": frozenset(terms((
        "hotel room shop store plan account order today tomorrow here thing please thanks want need know have get can"
        " do does is it there one ok hi hello good would could should will about some any also just still really much"
        " many day time let you your we i me my go going"
    ), "en")),
}  # fmt: skip


@dataclass(frozen=True)
class Question:
    """A question of the customer: its message, its words, the stems that name what it is about.

    `others` are the stems of the questions asked in the same breath.
    """

    message: Message
    text: str
    plain: str
    stems: frozenset[str]
    others: tuple[frozenset[str], ...] = ()

    @property
    def words(self) -> list[str]:
        """Its folded words."""
        return re.findall(r"[^\W_]+", self.plain)


def questions_in(message: Message, talk: Talk) -> list[Question]:
    """The questions of a customer's message that want an answer."""
    if TAKEN_BACK.search(message.plain):
        return []
    found: list[Question] = []
    for sentence in message.sentences:
        plain = folded(sentence)
        if not _asks(sentence, plain) or _TAGS.match(plain) or _IRONY.search(plain) or _REQUESTS.match(plain):
            continue
        found += _parts(message, sentence, plain, talk.language)
    return found


def _parts(message: Message, sentence: str, plain: str, language: Language) -> list[Question]:
    """The questions that one sentence holds: "where do I park, and can my daughter wait?" holds two."""
    asked = [piece for piece in _SENTENCE.split(plain) if "?" in piece] or [plain]
    parts = [part for piece in asked for part in _PARTS.split(piece) if len(part.split()) >= _FEWEST_WORDS]
    opening = [part for part in parts if _OPENS.match(part)]
    told = [(part, stems_of(part, language) - _GENERIC[language]) for part in opening or [" ".join(asked)]]
    return [
        Question(message, sentence, part, stems, others=tuple(other for _, other in told if other is not stems))
        for part, stems in told
    ]


def _asks(sentence: str, plain: str) -> bool:
    marked = "?" in sentence
    if marked and _TAG_TAIL.search(plain):
        return False
    words = plain.split()
    if marked:
        return len(words) >= _FEWEST_WORDS
    return len(words) <= _MOST_WORDS_UNMARKED and bool(_STARTS.match(plain)) and len(words) >= _FEWEST_WORDS
