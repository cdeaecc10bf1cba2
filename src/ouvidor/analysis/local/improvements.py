"""What could have gone better in a conversation, and at which message: from faults and from other signs. Pure."""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta

from ouvidor.analysis.local.findings import quoted
from ouvidor.analysis.local.repetitions import alike
from ouvidor.analysis.local.talk import Message, Talk, read
from ouvidor.analysis.transcript import Transcript
from ouvidor.analysis.verdict import BotFault, FaultKind, Point
from ouvidor.text import Language

_MOST = 6
_SLOW = timedelta(minutes=5)
_PATIENCE = 2
_REPEATS = 3
_SAME_REQUEST = 0.5
_FEWEST_STEMS = 2
_LONG = 90
_SHORT_QUESTION = 14
_SORRY = re.compile(
    r"\b(?:desculp\w+|lament\w+|sinto muito|sentimos muito|perdao|sorry|apolog\w+|regret"
    r"|entendo (?:a )?sua (?:frustracao|situacao)|compreendo|i understand (?:your|how|that))\b"
)
_STEP = re.compile(
    r"\b(?:vou|vamos|posso|pode|podemos|abri|passei|encaminh\w+|registr\w+|verifi\w+|consult\w+|envi\w+|mand\w+"
    r"|reembols\w+|estorn\w+|cancel\w+|troc\w+|remarc\w+|prazo|ate (?:dia|as|o)|acesse|entre|clique|ligue|i'll"
    r"|i will|i've|i have|we'll|we can|you can|can|passed|sent|opened|checking|check|looking|refund\w*|replac\w*"
    r"|instead|please|go to|within|by (?:monday|tomorrow|friday)|link|here)\b|\?|https?:"
)
_PLEADS = re.compile(
    r"\b(?:ja (?:falei|disse|expliquei|mandei|pedi|informei|passei)|de novo|outra vez|(?:segunda|terceira|quarta"
    r"|quinta|enesima) vez|again|already (?:said|told|asked|gave|sent)|as i said|like i said|i said|(?:second"
    r"|third|fourth|fifth|tenth) time|how many times|quantas vezes|repeat(?:ing)? myself|same (?:question"
    r"|answer))\b"
)
_ANGRY = re.compile(
    r"\b(?:absurdo|pessim\w+|horrivel|vergonha|palhacada|nunca mais|procon|ridicul\w+|descaso|inaceitavel|lixo"
    r"|useless|ridiculous|unacceptable|terrible|awful|joke|never again|fed up|disappoint\w+|worst|rubbish)\b"
)
_FAULTS: dict[Language, dict[FaultKind, str]] = {
    "pt": {
        "wrong_language": "{At}, responda no idioma do cliente.",
        "contradiction": "{At}, a informação contradiz o que foi dito antes: confira o dado e, se mudou, diga por quê.",
        "price_mismatch": "{At}, o valor do link difere do texto: envie o link com o valor combinado.",
        "unanswered_question": "{At}, a pergunta do cliente ficou sem resposta: responda ou diga quem pode responder.",
        "false_promise": "{At}, não prometa o que não pode fazer: diga o que é possível ou chame uma pessoa.",
        "asks_again": "{At}, use o que o cliente já tinha informado em vez de perguntar de novo.",
        "loop": "{At}, a mesma resposta foi repetida: mude de caminho ou chame uma pessoa.",
        "never_closes": "{At}, o cliente aceitou: envie o link ou peça os dados que faltam para concluir.",
    },
    "en": {
        "wrong_language": "{At}, answer in the customer's language.",
        "contradiction": "{At}, this contradicts what was said before: check it, and say why if it changed.",
        "price_mismatch": "{At}, the link's amount differs from the text: send a link for the agreed amount.",
        "unanswered_question": "{At}, the customer's question was left open: answer it or say who can.",
        "false_promise": "{At}, promise nothing that cannot be done: say what is possible or call a person.",
        "asks_again": "{At}, use what the customer had told already instead of asking again.",
        "loop": "{At}, the same answer came again: try another way or call a person.",
        "never_closes": "{At}, the customer agreed: send the link or ask for what is missing to close.",
    },
}
_SIGNS: dict[Language, dict[str, str]] = {
    "pt": {
        "at": "na mensagem {0}",
        "ats": "nas mensagens {0} e {1}",
        "slow": "A primeira resposta, {at}, levou {0} min: responda antes ou avise quanto vai demorar.",
        "repeated": "O cliente repetiu o pedido ({0}): {at}, resolva, diga o que falta ou chame uma pessoa.",
        "person": "{At} o cliente pediu uma pessoa ({0}): chame-a logo, sem mais perguntas.",
        "never_person": "{At} o cliente pediu uma pessoa ({0}) e ninguém foi chamado.",
        "sorry": "{At}, depois do pedido de desculpas diga o que será feito e até quando.",
        "long": "{At} a resposta tem {0} palavras para uma pergunta curta: comece pelo essencial.",
        "open": "{At}, a última pergunta do cliente ficou sem resposta ({0}).",
        "angry": "{At} o cliente mostrou irritação ({0}): reconheça o problema e ofereça um passo concreto.",
    },
    "en": {
        "at": "in message {0}",
        "ats": "in messages {0} and {1}",
        "slow": "The first answer, {at}, took {0} min: answer sooner or say how long it will take.",
        "repeated": "The customer repeated the request ({0}): solve it {at}, say what is missing or call a person.",
        "person": "{At} the customer asked for a person ({0}): call one at once, without further questions.",
        "never_person": "{At} the customer asked for a person ({0}) and nobody was called.",
        "sorry": "{At}, say after the apology what will be done, and by when.",
        "long": "{At} the answer has {0} words for a short question: begin with what matters.",
        "open": "{At}, the customer's last question was left without an answer ({0}).",
        "angry": "{At} the customer was upset ({0}): acknowledge the problem and offer a concrete step.",
    },
}


def improvements_for(transcript: Transcript, faults: Sequence[BotFault]) -> list[Point]:
    """Concrete improvements that name the message, those from faults first; none where nothing stood out."""
    talk = read(transcript)
    points = [_fault_point(fault, talk.language) for fault in faults]
    told = {position for point in points for position in point.at}
    for sign in _LOOKS:
        points += [point for point in sign(talk) if not told & {*point.at}]
        told |= {position for point in points for position in point.at}
    return _once_each(points)[:_MOST]


def _fault_point(fault: BotFault, language: Language) -> Point:
    return _say(_FAULTS[language][fault.kind], fault.at, language)


def _slow_start(talk: Talk) -> list[Point]:
    first = talk.customer[0] if talk.customer else None
    reply = next((one for one in talk.after(first) if one.speaker != "customer"), None) if first else None
    if first is None or reply is None or first.line.at is None or reply.line.at is None:
        return []
    waited = reply.line.at - first.line.at
    if waited < _SLOW:
        return []
    return [_say(_SIGNS[talk.language]["slow"], [reply.position], talk.language, int(waited.total_seconds() // 60))]


def _late_person(talk: Talk) -> list[Point]:
    """A customer who asked for a person and met the bot more than once before one came, if one ever came."""
    asked = next((one for one in talk.customer if one.calls_person), None)
    if asked is None:
        return []
    later = talk.after(asked)
    comes = next((one.place for one in later if one.speaker == "person"), None)
    before = [one for one in later if one.speaker == "bot" and (comes is None or one.place < comes)]
    if comes is None and not talk.transcript.handed_over and not any(_hands_on(one) for one in before):
        return [_say(_SIGNS[talk.language]["never_person"], [asked.position], talk.language, _short(asked))]
    if len(before) > _PATIENCE or sum(1 for one in talk.customer if one.calls_person) > 1:
        return [_say(_SIGNS[talk.language]["person"], [asked.position], talk.language, _short(asked))]
    return []


def _hands_on(message: Message) -> bool:
    return bool(
        re.search(
            (
                r"\b(?:encaminh\w+|transfer\w+|passar|passei|chamar|chamei|colega|pessoa|equipe|atendente|colleague"
                r"|person|team|specialist|hand\w* over|passed|put you through)\b"
            ),
            message.plain,
        )
    )


def _repeated_request(talk: Talk) -> list[Point]:
    """The third time of the same request, or the second "I told you already"."""
    pleads = [one for one in talk.customer if _PLEADS.search(one.plain)]
    for message in talk.customer:
        same = [
            one
            for one in talk.before(message)
            if one.speaker == "customer" and len(one.stems) >= _FEWEST_STEMS and alike(one, message) >= _SAME_REQUEST
        ]
        if len(same) + 1 >= _REPEATS:
            return [_say(_SIGNS[talk.language]["repeated"], [message.position], talk.language, _short(message))]
    if len(pleads) >= _PATIENCE:
        return [_say(_SIGNS[talk.language]["repeated"], [pleads[1].position], talk.language, _short(pleads[1]))]
    return []


def _bare_apology(talk: Talk) -> list[Point]:
    at = [one for one in talk.bot if _SORRY.search(one.plain) and not _STEP.search(one.plain + one.text)]
    return [_say(_SIGNS[talk.language]["sorry"], [at[0].position], talk.language)] if at else []


def _long_answer(talk: Talk) -> list[Point]:
    for message in talk.bot:
        said = talk.said_before(message)
        if said and said.speaker == "customer" and len(message.words) >= _LONG and len(said.words) <= _SHORT_QUESTION:
            return [_say(_SIGNS[talk.language]["long"], [message.position], talk.language, len(message.words))]
    return []


def _left_open(talk: Talk) -> list[Point]:
    last = talk.messages[-1] if talk.messages else None
    if last is None or last.speaker != "customer" or "?" not in last.text:
        return []
    return [_say(_SIGNS[talk.language]["open"], [last.position], talk.language, _short(last))]


def _upset(talk: Talk) -> list[Point]:
    angry = next((one for one in talk.customer if _ANGRY.search(one.plain)), None)
    return [_say(_SIGNS[talk.language]["angry"], [angry.position], talk.language, _short(angry))] if angry else []


_LOOKS: tuple[Callable[[Talk], list[Point]], ...] = (
    _late_person,
    _repeated_request,
    _bare_apology,
    _left_open,
    _slow_start,
    _upset,
    _long_answer,
)


def _short(message: Message) -> str:
    return quoted(message.bare, 60)


def _say(frame: str, at: Sequence[int], language: Language, *told: object) -> Point:
    words = _SIGNS[language]
    where = words["ats"].format(*at[:2]) if len(at) == 2 else words["at"].format(at[0])
    text = frame.format(*told, at=where, At=where[0].upper() + where[1:])
    return Point(text=text[:400], at=sorted(at))


def _once_each(points: Iterable[Point]) -> list[Point]:
    """The points without one that says what another says of the same message."""
    found: dict[str, Point] = {}
    for point in points:
        found.setdefault(point.text, point)
    return list(found.values())
