"""The summary of a conversation in its own words: what was wanted, what was offered or done, how it ended. Pure.

Extracts keep names, numbers, dates and amounts as they were written; greetings and vocatives around them go, long ones
end at a clause's edge. Only the frames around them are ours, in the customer's language.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ouvidor.agent.smalltalk import small_talk
from ouvidor.analysis.local.money import amounts
from ouvidor.analysis.local.talk import LINK, Message, Talk, folded, read
from ouvidor.analysis.transcript import Speaker, Transcript
from ouvidor.analysis.verdict import Point
from ouvidor.text import Language

_MOST_BULLETS = 5
_LONGEST_EXTRACT = 170
_LONGEST_QUOTE = 110
_SHORTEST_WORDS = 2
_FEWEST_ASKING = 3
_LONGEST_COURTESY = 9
_TELLING = 1.5
_WORTH_TELLING = 0.9
_LEAD = re.compile(
    (
        r"^(?:(?:oi+|ol[áa]|opa|e a[ií]|ei|alô|bom dia|boa tarde|boa noite|prezad[oa]s?|caros?|tudo bem|td bem|hi+"
        r"|hello|hey|hiya|howdy|good (?:morning|afternoon|evening)|afternoon|evening|morning|dear \w+|please"
        r"|por favor|então|entao|ah+|oh+|hm+|ok|okay|so|well|um|uh|aqui|perfeito|perfect|great|great stuff|certo"
        r"|claro|sure|lovely|thanks|thank you|obrigad[oa]|no problem|of course|claro que sim|good question|ótim[oa]"
        r"|entendi|entendo|combinado|pronto)\b(?: pessoal| gente| a todos| all| there| team"
        r"| everyone)?\s*(?:[!,.:;–-]+\s*|(?=\S)))+"
    ),
    re.IGNORECASE,
)
_WANTS = re.compile(
    r"\b(?:quero|queria|preciso|precisava|gostaria|desejo|pretendo|reserv\w+|cancel\w*|troc\w+|compr\w+|marcar"
    r"|agendar|remarcar|saber|ajuda|problema|pode\w*|posso|tem\b|quanto|qto|qual|quando|onde|como|vcs|consigo"
    r"|reclam\w+|cobrad\w+|perdi|esqueci|quebr\w+|nao (?:funciona|consigo|recebi|chegou)|want|need|like to"
    r"|looking|book\w*|order\w*|refund|return\w*|change|buy|help|problem|issue|can (?:i|you|we)|could|how (?:much"
    r"|do|long|many)|what|when|where|is there|do you|does|trying|lost|broken|wrong|charged|never|cannot|can't"
    r"|doesn't|won't|isn't)\b"
)
_TELLS = re.compile(
    r"\b(?:temos|tem\b|custa\w*|fica\b|sai por|sao r|total|valor|inclu\w+|dispon\w+|livre|reservad\w+"
    r"|confirmad\w+|cancelad\w+|enviad\w+|enviei|registrad\w+|protocolo|prazo|chega|entreg\w+|reembols\w+"
    r"|estorn\w+|encaminh\w+|passei|abri|marcad\w+|agendad\w+|pode\b|liberad\w+|remarc\w+|desconto|gratuit\w+"
    r"|costs?|comes to|is free|available|booked|reserved|confirmed|cancel+ed|sent|arriv\w+|refund\w*|registered"
    r"|passed|opened|scheduled|included|discount|we have|there's|there is|you can|takes|due|credit\w*"
    r"|replac\w+)\b"
)
_DONE = re.compile(
    r"\b(?:reserva feita|pedido feito|reservad\w+|confirmad\w+|cancelad\w+|enviad\w+|enviei|registr\w+"
    r"|reembols\w+|estorn\w+|encaminh\w+"
    r"|passei|marcad\w+|marquei|agendad\w+|remarcad\w+|liberei|liberad\w+|retirei|cancelei|abri\b|booked|reserved"
    r"|confirmed|cancel+ed|sent|refunded|registered|passed|scheduled|opened|moved|changed|removed|credited"
    r"|replaced|it's done|all set|came through|come through)\b"
)
_COMPLAINS = re.compile(
    r"\b(?:thanks for nothing|absurdo|pessim\w+|horrivel|lixo|vergonha|palhacada|nunca mais|reclam\w+|procon"
    r"|decepcion\w+|irritad\w+|raiva|ridicul\w+|descaso|inaceitavel|cansad\w+ de|ja (?:falei|disse|expliquei)"
    r"|quinta vez|terceira vez|nao resolve\w*|nao ajud\w+|ninguem (?:resolve|responde)|aff+|pqp|terrible|awful"
    r"|useless|ridiculous|unacceptable|disgrace|joke|worst|never again|fed up|disappoint\w+|angry|complain\w*"
    r"|waste of|third time|fifth time|already told|for the last time|hopeless|rubbish|appalling|trust nothing)\b"
)
_THANKS = re.compile(
    r"\b(?:obrigad\w+|brigad\w+|obg|vlw|valeu|agradec\w+|gratid\w+|thanks?|thank you|thx|cheers|ta very much"
    r"|appreciate\w*|lovely|perfect|perfeito|maravilh\w+|otim[oa]|show|top|adorei|amei|great|brilliant|amazing)\b"
)
_CONCLUDED = re.compile(
    r"\b(?:paguei|pag[oa]\b|comprei|comprado|reservei|reservad[oa]|reservado ja|assinei|assinad[oa]|fechado"
    r"|fechei|confirmei|confirmado|feito|fiz\b|garantid[oa]|matriculei|agendei|gerei|inclu[ií]d[oa]|funcionou"
    r"|resolveu|resolvid[oa]|deu certo|consegui|chegou|abriu|passou o cartao|booked|paid|bought|ordered|done"
    r"|confirmed|signed|reserved|it works|works!|worked|sorted|fixed|got it|resolved|all good)\b"
)
_LATER = re.compile(
    r"\b(?:vou (?:pensar|ver|falar|conversar|decidir|consultar)|depois (?:eu )?(?:volto|vejo|falo|aviso)|volto"
    r"|retorno|te aviso|qualquer coisa|mais tarde|think about|sleep on it|let you know|get back|come back"
    r"|check with|chat with|maybe later|later|talk to my|ask my)\b"
)
_GIVES_UP = re.compile(
    r"\b(?:deixa(?: pra la)?|desist\w+|esquece|vou (?:procurar|ligar|em outr\w+|pessoalmente)|cancel\w+ tudo"
    r"|forget it|never ?mind|give up|go elsewhere|somewhere else|calling my bank|i'll call|no thanks|whatever)\b"
)
_FRAMES: dict[Language, dict[str, str]] = {
    "pt": {
        "wanted": "Queria: {0}",
        "wrote": "O cliente escreveu: “{0}”.",
        "also": "Também perguntou ou pediu: {0}.",
        "offered": "O bot informou: {0}",
        "done": "O bot concluiu: {0}",
        "person": "Uma pessoa atendeu: {0}",
        "complained": "O cliente reclamou: “{0}”.",
        "asked_person": "O cliente pediu uma pessoa: “{0}”.",
        "handed": "A conversa foi passada a uma pessoa.",
        "concluded": "Terminou com o assunto concluído, nas palavras do cliente: “{0}”.",
        "thanks": "Terminou com o cliente agradecendo: “{0}”.",
        "later": "Terminou sem decisão: “{0}”.",
        "gave_up": "Terminou com o cliente desistindo: “{0}”.",
        "angry": "Terminou com o cliente insatisfeito: “{0}”.",
        "open": "Terminou sem resposta à última mensagem do cliente: “{0}”.",
        "ended": "Terminou com a mensagem do cliente: “{0}”.",
        "unheard": "Ninguém respondeu ao cliente.",
        "nothing": "O cliente não escreveu nada.",
    },
    "en": {
        "wanted": "Wanted: {0}",
        "wrote": "The customer wrote: “{0}”.",
        "also": "Also asked: {0}.",
        "offered": "The bot said: {0}",
        "done": "The bot settled: {0}",
        "person": "A person answered: {0}",
        "complained": "The customer complained: “{0}”.",
        "asked_person": "The customer asked for a person: “{0}”.",
        "handed": "The conversation was handed over to a person.",
        "concluded": "Ended with the matter settled, in the customer's words: “{0}”.",
        "thanks": "Ended with the customer's thanks: “{0}”.",
        "later": "Ended without a decision: “{0}”.",
        "gave_up": "Ended with the customer giving up: “{0}”.",
        "angry": "Ended with a dissatisfied customer: “{0}”.",
        "open": "Ended without an answer to the customer's last message: “{0}”.",
        "ended": "Ended with the customer's message: “{0}”.",
        "unheard": "Nobody answered the customer.",
        "nothing": "The customer wrote nothing.",
    },
}
_ENDS = re.compile(r"[.!?…][^\w\s]?(?:\s\W{1,4})?$")
_CUTS = (
    re.compile(r"[.!?…](?=\s)"),
    re.compile(r"[;:–—](?=\s)|,(?=\s+(?:e|mas|and|but|com|with|para|so|que|which|where|onde|por|because|porque)\b)"),
    re.compile(r",(?=\s)|\s(?=(?:e|mas|and|but|que|because|porque|para|pra|com|with|from|until|até)\s)"),
)


@dataclass(frozen=True)
class _Piece:
    """A sentence without greetings, its message and how much it tells."""

    message: Message
    text: str
    weight: float


def summary_of(transcript: Transcript) -> list[Point]:
    """One to five bullets in the customer's language, each with the positions of the messages that it rests on."""
    talk = read(transcript)
    words = _FRAMES[talk.language]
    wanted = _wanted(talk)
    wants = _want_points(wanted, talk, words)
    replies = _replies(talk, "bot")
    by_weight = [
        *wants[:1],
        *_settled_points(replies, talk, words),
        *_trouble_points(talk, words, {piece.message.position for piece in wanted}),
        *_offer_points(replies, words),
        *wants[1:],
    ]
    ending = _ending_point(talk, words)
    kept = _one_a_message(by_weight)[: _MOST_BULLETS - 1 if ending else _MOST_BULLETS]
    kept.sort(key=lambda point: point.at[-1] if point.at else 0)
    shown = [*kept, *([ending] if ending else [])]
    return shown or [Point(text=words["nothing"], at=[line.position for line in transcript.lines[:1]])]


def _one_a_message(points: Iterable[Point]) -> list[Point]:
    """The points in order without a second one on the same messages."""
    return list({tuple(point.at): point for point in reversed([*points])}.values())[::-1]


def cleaned(sentence: str) -> str:
    """A sentence without greetings and links; empty where nothing else stands in it."""
    text = " ".join(LINK.sub(" ", sentence).split())
    text = re.sub(r"\s*:\s*$", "", re.sub(r"\s+([,.;:!?])", r"\1", text)).strip(" ,;–-")
    bare = _LEAD.sub("", text).strip(" ,;:–-")
    return bare if bare and re.search(r"\w", bare) else ""


def clipped(text: str, longest: int) -> str:
    """The text, where it is longer than `longest` up to the last clause's edge before, never within a word."""
    if len(text) <= longest:
        return text
    for edge in _CUTS:
        ends = [found.end() for found in edge.finditer(text[: longest + 1]) if found.end() >= longest // 3]
        if ends:
            return text[: ends[-1]].rstrip(" ,;:–—") + ("" if text[ends[-1] - 1] in ".!?…" else "…")
    return text[:longest].rsplit(" ", 1)[0].rstrip(" ,;:–—") + "…"


def _pieces(message: Message, weigh: re.Pattern[str], language: Language) -> list[_Piece]:
    found: list[_Piece] = []
    for sentence in message.sentences:
        text = cleaned(sentence)
        count = len(text.split())
        if count < _SHORTEST_WORDS or (count <= _LONGEST_COURTESY and small_talk(text, language)):
            continue
        plain = folded(text)
        weight = 2.0 * bool(weigh.search(plain)) + 0.8 * bool(re.search(r"\d", plain)) + 0.5 * ("?" in text)
        found.append(_Piece(message, text, weight + min(len(text.split()), 14) / 14))
    return found


def _wanted(talk: Talk) -> list[_Piece]:
    """What the customer asked for, the most telling sentence of the opening first."""
    found = [piece for message in talk.customer for piece in _pieces(message, _WANTS, talk.language)]
    if not found:
        return []
    first = [piece for piece in found if piece.message is found[0].message]
    second = [piece for piece in found if piece.message is not found[0].message][:1]
    main = max(first, key=lambda piece: piece.weight)
    if main.weight < _TELLING and second and second[0].weight > main.weight:
        main = second[0]
    return [main, *(piece for piece in found if piece is not main and (piece.message is main.message or _asks(piece)))]


def _asks(piece: _Piece) -> bool:
    return "?" in piece.text and len(piece.text.split()) >= _FEWEST_ASKING


def _want_points(wanted: Sequence[_Piece], talk: Talk, words: dict[str, str]) -> list[Point]:
    if not wanted:
        first = next((one for one in talk.customer if one.text), None)
        return [_point(words["wrote"], clipped(first.text, _LONGEST_QUOTE), [first])] if first else []
    main = wanted[0]
    same = [main]
    for piece in sorted(wanted[1:], key=lambda piece: -piece.weight):
        if piece.message is main.message and sum(len(one.text) for one in same) + len(piece.text) < _LONGEST_EXTRACT:
            same.append(piece)
    same.sort(key=lambda piece: main.message.text.find(piece.text))
    told = " ".join(_ended(piece.text) for piece in same)
    points = [_point(words["wanted"], _ended(clipped(told, _LONGEST_EXTRACT)), [main.message])]
    others = [piece for piece in wanted[1:] if piece.message is not main.message and piece.text != main.text]
    chosen = sorted(sorted(others, key=lambda piece: -piece.weight)[:3], key=lambda piece: piece.message.place)
    if chosen:
        quotes = "; ".join(f"“{clipped(piece.text, 70)}”" for piece in chosen)
        points.append(_point(words["also"], quotes, _once(piece.message for piece in chosen)))
    return points


def _settled_points(pieces: Sequence[_Piece], talk: Talk, words: dict[str, str]) -> list[Point]:
    """What the bot settled in its `pieces`, and what a person said: the most telling sentence of each."""
    done = [piece for piece in pieces if _DONE.search(folded(piece.text))]
    points = [_reply_point(words["done"], done, pieces)] if done else []
    told = _replies(talk, "person")
    return [*points, _reply_point(words["person"], told, told)] if told else points


def _offer_points(pieces: Sequence[_Piece], words: dict[str, str]) -> list[Point]:
    """The most telling of the bot's `pieces` that settles nothing yet."""
    offers = [piece for piece in pieces if not _DONE.search(folded(piece.text))]
    return [_reply_point(words["offered"], offers, offers)] if offers else []


def _replies(talk: Talk, speaker: Speaker) -> list[_Piece]:
    asked = frozenset[str]().union(*(message.stems for message in talk.customer))
    return [
        _Piece(piece.message, piece.text, _told(piece, asked))
        for message in talk.messages
        if message.speaker == speaker
        for piece in _pieces(message, _TELLS, talk.language)
        if not piece.text.endswith("?")
    ]


def _reply_point(frame: str, pieces: Sequence[_Piece], others: Sequence[_Piece]) -> Point:
    """The best of the pieces, with the best other sentence of its message where that tells something too."""
    best = max(pieces, key=lambda piece: (piece.weight, piece.message.place))
    room = _LONGEST_EXTRACT - len(best.text)
    beside = [one for one in others if one.message is best.message and one is not best and len(one.text) < room]
    told = [one for one in sorted(beside, key=lambda one: -one.weight)[:1] if one.weight >= _WORTH_TELLING]
    both = sorted([best, *told], key=lambda one: best.message.text.find(one.text))
    return _point(frame, _ended(clipped(" ".join(_ended(one.text) for one in both), _LONGEST_EXTRACT)), [best.message])


def _told(piece: _Piece, asked: frozenset[str]) -> float:
    done = 1.0 * bool(_DONE.search(folded(piece.text)))
    shared = min(len(asked & piece.message.stems), 4) / 4
    return piece.weight + 1.2 * bool(amounts(piece.text)) + done + shared


def _trouble_points(talk: Talk, words: dict[str, str], shown: set[int]) -> list[Point]:
    last = next(reversed(talk.customer), None)
    points: list[Point] = []
    calls = next((one for one in talk.customer if one is not last and one.calls_person), None)
    angry = next(
        (
            one
            for one in talk.customer
            if one is not last and one is not calls and one.position not in shown and _COMPLAINS.search(one.plain)
        ),
        None,
    )
    if angry:
        points.append(_point(words["complained"], _quote(angry), [angry]))
    if calls:
        points.append(_point(words["asked_person"], _quote(calls), [calls]))
    elif talk.transcript.handed_over and not any(one.speaker == "person" for one in talk.messages):
        points.append(Point(text=words["handed"], at=[talk.messages[-1].position]))
    return points


def _ending_point(talk: Talk, words: dict[str, str]) -> Point | None:
    """How it ended, by the customer's last words; nothing where those were the first and somebody answered."""
    last = next((one for one in reversed(talk.customer) if one.text), None)
    if last is None:
        return None
    if all(one.speaker == "customer" for one in talk.messages):
        return Point(text=words["unheard"], at=[last.position])
    if last is talk.customer[0]:
        return None
    return _point(words[_how_it_ended(last, talk)], _quote(last), [last])


def _how_it_ended(last: Message, talk: Talk) -> str:
    unanswered = talk.messages[-1] is last
    if _COMPLAINS.search(last.plain) or (last.text.isupper() and len(last.words) > 2):
        return "angry"
    if unanswered and "?" in last.text:
        return "open"
    for name, pattern in (("gave_up", _GIVES_UP), ("concluded", _CONCLUDED), ("later", _LATER), ("thanks", _THANKS)):
        if pattern.search(last.plain):
            return name
    return "ended"


def _quote(message: Message) -> str:
    return clipped(" ".join(message.bare.split()) or message.text, _LONGEST_QUOTE).rstrip(".")


def _ended(text: str) -> str:
    return text if _ENDS.search(text) else f"{text}."


def _point(frame: str, text: str, at: Iterable[Message]) -> Point:
    return Point(text=frame.format(text)[:400], at=sorted({message.position for message in at}))


def _once(messages: Iterable[Message]) -> list[Message]:
    return list(dict.fromkeys(messages))
