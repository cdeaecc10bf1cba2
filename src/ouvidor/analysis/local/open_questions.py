"""Questions of the customer that nobody ever answered. Pure.

A question counts as met where a reply says yes or no, speaks of the same thing, gives what was asked for (an amount, a
time, a number), says that it is not known or whom to ask, or asks back. What only sounds like a question (tags, polite
requests, irony) asks for nothing, nor does one that the customer takes back.
"""

import re
from collections.abc import Callable, Iterable

from ouvidor.analysis.local.findings import fault, quoted
from ouvidor.analysis.local.money import amounts, loose_amounts
from ouvidor.analysis.local.questions import TAKEN_BACK, Question, questions_in
from ouvidor.analysis.local.talk import Message, Talk, folded
from ouvidor.analysis.verdict import BotFault

_POLAR = re.compile(
    r"(?:^|[.!?:;,–—-]\s*|\b(?:que|that|ah|oh|oi|ola|hello|hi|olha|bem|well|then|entao|ai|aqui|neste caso"
    r"|nesse caso|in that case)\s)(?:sim|nao|n|yes|no|nope|yep|yeah|claro|com certeza|certamente|exato|exatamente"
    r"|isso|perfeitamente|pode|podem|pode sim|consegue|conseguimos|temos|tem\b|ha\b|nao ha|fazemos|aceitamos"
    r"|entregamos|trabalhamos|atendemos"
    r"|funciona|inclui|incluem|vale|da\b|cabe|serve|precisa|preciso|vem|fica|esta\b|estao|e\b(?! (?:o|a|um"
    r"|uma)\b)|sera|abre|abrimos|of course|sure|certainly|absolutely|definitely|correct|that's right|right"
    r"|exactly|indeed|it is|em ate|up to|one (?:is|does|has)|(?:some|several|all|two|three|both|many|most) (?:are"
    r"|do|have)|it does|it isn't|it doesn't|it's|they are|they do|they don't|there is|there are|there's"
    r"|there isn't|we do|we don't|we are|we can"
    r"|you can|you may|you do|you don't|you'll|you won't|you could|i'm afraid|afraid|not (?:yet|at|on|in|any|for"
    r"|quite|really|necessarily|needed)|only\b|unfortunately|infelizmente|so\b (?:se|com|em|no|na|ate)|happily"
    r"|by all means|feel free|please do|please bring|go ahead|ja\b|ainda nao|sempre|nunca|never|always|some"
    r"|easily|gladly|indeed|both|either|neither|a little|um pouco|for the most part|ambos|os dois|as duas|todos"
    r"|todas|all\b|every|qualquer|any\b|fine|most)\b"
)
_ALLOWS = re.compile(
    r"\b(?:welcome|allowed|permitted|permitid\w+|liberad\w+|proibid\w+|forbidden|included|inclu[si]\w+|gratis"
    r"|gratuit\w+|free\b|cortesia|no (?:extra )?(?:cost|charge)|sem custo|sem taxa|a parte|extra|accept\w*"
    r"|aceit\w+|available|disponive(?:l|is)|possible|possivel|cover\w*|cobert\w*|cobre|coberto|necessar\w+"
    r"|required|optional|opcional|obrigatori\w+|depend\w*|can be|may be|pode(?:m)? ser|can (?:also )?(?:bring|use"
    r"|pay|stay|come|get|have)|bem-vind\w+|normal|usually|geralmente|costuma\w*)\b"
)
_DEFERS = re.compile(
    r"\b(?:(?:don't|do not|can't|cannot|couldn't|won't|wouldn't|not able|unable|haven't|no way) (?:\w+ )?(?:know"
    r"|see|have|tell|say|find|answer|help|access|confirm|promise|do|look|check|get)|not sure|no information"
    r"|nao (?:sei|tenho|consigo|encontr\w+|ach\w+|localiz\w+|posso|temos|consta)|vou (?:verificar|ver|checar"
    r"|conferir|consultar|confirmar|chamar|passar|encaminhar|perguntar|olhar)|preciso (?:ver|verificar|conferir"
    r"|saber|consultar)|deixa eu ver|um (?:momento|instante|minuto)|aguarde|let me (?:check|look|see|find|ask"
    r"|get)|i(?:'ll| will) (?:check|look|find|ask|see|pass|get|tell|confirm|let you)"
    r"|checking|one (?:moment|second|minute)|just a (?:moment|second)|bear with|consultando|verificando|passei"
    r"|encaminh\w+|passed (?:this|it|your|you|on)|transfer\w*|colleague|colega|atendente|equipe|our team|the team"
    r"|specialist|especialista|gerente|manager|office can|can tell you|pergunte|ask (?:at|the|them|your)|fale com"
    r"|contact|entre em contato|consulte|ligue|call (?:us|them|the)|write to|e-?mail|sorry|desculp\w+|sinto muito"
    r"|lamento|afraid)\b"
)
_ASKS_BACK = re.compile(
    r"\b(?:anything else|something else|algo mais|mais alguma|posso ajudar|ajudo em|tudo bem|help you (?:with"
    r"|today)|como posso|em que posso|combinado|certo|ok|right|isn't it|ne)\s*(?:\w+\s*){0,3}\?*$"
)
_MUCH = re.compile(
    r"\b(?:quanto (?:custa|e|fica|sai|seria|que|q|ta|esta|cobra|cobram|paga|pago|vou pagar|da|vale|ficaria|pelo"
    r"|pela|por|a|o)|qto (?:custa|e|fica|sai|seria|ta|q|cobra|da|vale|a|o|pelo|pela)|quanto\W*$|qto\W*$|e quanto"
    r"|qual (?:e )?(?:o )?(?:valor|preco|custo|taxa|mensalidade|a diaria)|valor\W*$|preco\W*$|how much|what(?:'s"
    r"| is| does| would| do)? (?:the |it |that |this |they )?(?:price|cost|fee|rate|charge)|price of"
    r"|how expensive)\b"
)
_WHEN = re.compile(
    r"\b(?:quando|q(?:ue)? horas|qual (?:o )?(?:horario|prazo|dia|data)|que dia|ate quando|ate que horas"
    r"|quanto tempo|demora|qdo|a que horas|em quanto|when|what time|how long|how soon|what day|which day"
    r"|until when|what hours|opening hours|what date)\b"
)
_MANY = re.compile(
    r"\b(?:quant[oa]s|qts|qtas|how many|how far|how big|how old|how tall|how heavy|how wide"
    r"|qual (?:o )?(?:tamanho|peso|limite|numero|telefone))\b"
)
_OPEN = re.compile(
    r"\b(?:qua(?:l|is)|quanto|qto|como|onde|cade|quem|por ?que|pq|o que|oq|q(?:ue)? (?:tipo|horas)|what|which"
    r"|where|who|why|how)\b"
)
_ASKS_YES_NO = re.compile(
    r"\b(?:is|are|am|was|were|do|does|did|can|could|will|would|should|may|has|have|isn't|aren't|don't|doesn't"
    r"|didn't|can't|won't|possible|ok (?:if|to)|allowed|included?"
    r"|tem|temos|tinha|pode|podem|posso|podia|poderia|podemos|da (?:pra|para|p/?|tempo)|vale|inclui|incluem"
    r"|inclus[oa]s?|entra|entram|aceita|aceitam|precisa|preciso|precisam|cobre|cobrem|e|eh|esta|ta|estao|tao|fica"
    r"|vai|vao|vou|vem|faz|fazem|serve|servem|funciona|abre|abrem|fecha|paga|pago|cobra|cobram|consigo|consegue"
    r"|existe|ha|levar|trazer|seria|sera|compensa|permitid[oa]|parcela|entrega|entregam|atende|atendem|trabalham"
    r"|vende|vendem|cabe|muda|tem como|liberad[oa]|vcs|voces|gratis)\b"
)
_SHORT_ANSWER = re.compile(
    r"(?:^|[.!?;:]\s*)(?:i|he|she|it|they|we|you|that|those|these|this|both|ours|he's|she's|they're|we're|you're"
    r"|that's|i've|you'll|we'll|they'll|it'll|he'll|she'll)(?:'s|'ll|'re|'ve|'d)? (?:also |likely |usually "
    r"|probably |certainly |sometimes )*(?:is|are|isn't|aren't|do|does|don't|doesn't|has|have|haven't|hasn't|will"
    r"|won't|would|wouldn't|can|can't|did|didn't|was|wasn't|were|should|may|might|must|need|needs|comes?"
    r"|works?)\b"
    r"|\b(?:unknown|no idea|desconhecid[oa]|prefer|also booked|too\b|tambem)\b"
)
_TIME = re.compile(
    r"\d{1,2} ?(?:h|hs|am|pm|a\.m|p\.m)\b|\d{1,2}[:h.]\d{2}\b|\b\d+|\b(?:hoje|amanha|ontem|segunda|terca|quarta"
    r"|quinta|sexta|sabado|domingo|today|tomorrow|tonight|now|agora|immediately|at once|na hora|imediat\w+|(?:mon"
    r"|tues|wednes|thurs|fri|satur|sun)days?|week|weekend|semana|mes|month|year|ano|dias?|days?|hours?|horas?"
    r"|minut\w+|noon|midnight|meio-dia|meia-noite|soon|logo|sempre|always|24h|(?:one|two|three|four|five|six"
    r"|seven|eight|nine|ten|um|uma|dois|duas|tres|quatro|cinco|seis|sete|oito|nove|dez)"
    r"|january|february|march|april|may|june|july|august|september|october|november|december|janeiro|fevereiro"
    r"|marco|abril|maio|junho|julho|agosto|setembro|outubro|novembro|dezembro|quando|assim que|when|once"
    r"|as soon as|until|ate|depois|after|before|antes)\b"
)
_COUNTED = re.compile(
    r"\d|\b(?:um|uma|dois|duas|tres|quatro|cinco|seis|sete|oito|nove|dez|one|two|three|four|five|six|seven|eight"
    r"|nine|ten|none|nenhum\w*|unlimited|ilimitad\w+|up to|ate|todos|all|both|dozen|couple)\b"
)
_EITHER = re.compile(r"\b[a-z]{3,} (?:or|ou) (?:a |an |o |um |uma |the )?[a-z]{3,}")
_BOTH = re.compile(r"\b(?:both|either|neither|ambos|ambas|os dois|as duas|tanto faz|whichever|qualquer)\b")
_ASKS_LEAVE = re.compile(
    r"\b(?:can|may|could|pode\w*|posso|podemos|levar|trazer|allowed|ok|okay|incl\w+|free|gratis|tem|have|has"
    r"|there|accept\w*|aceita\w*|cobr\w+|cover\w*|entra|possib\w+|possiv\w+|need|precis\w+|do|does|da (?:pra"
    r"|para)|paga|extra|welcome|vale|serve\w*|parcela\w*|funciona|aberto|open)\b"
)
_FREE = re.compile(
    r"\b(?:gratis|gratuit\w+|free|sem custo|no (?:cost|charge)|inclu\w+|cortesia|nothing|nada|isent\w+)\b|\d"
)
_NEAR_SHARE = 0.3
_LATER_SHARE = 0.5
_KIN = 3
_TOLD_BY_WORDS = 2.0
_LITTLE_MORE = 12
_NUMBER = 4


def unanswered(talk: Talk) -> list[BotFault]:
    """A fault at each message of the customer with a question that no later message meets."""
    found: list[BotFault] = []
    for message in talk.customer:
        left = next((one for one in questions_in(message, talk) if not _met(one, talk)), None)
        if left is not None:
            found.append(
                fault(
                    "unanswered_question",
                    talk,
                    [message],
                    pt=f"A pergunta ficou sem resposta: {quoted(left.text)}.",
                    en=f"The question was never answered: {quoted(left.text)}.",
                )
            )
    return found


def _met(question: Question, talk: Talk) -> bool:
    later = talk.after(question.message)
    replies = [message for message in later if message.speaker != "customer"]
    if not replies or any(message.speaker == "person" for message in replies):
        return True
    if any(TAKEN_BACK.search(message.plain) for message in later[:2] if message.speaker == "customer"):
        return True
    near = _next_replies(later)
    return any(_answers(question, one, talk) for one in near) or any(
        _answers_later(question, one) for one in replies if one not in near
    )


def _next_replies(later: Iterable[Message]) -> list[Message]:
    """The replies up to the customer's next message after them."""
    found: list[Message] = []
    for message in later:
        if message.speaker == "customer" and found:
            break
        if message.speaker != "customer":
            found.append(message)
    return found


def _answers(question: Question, reply: Message, talk: Talk) -> bool:
    plain = reply.plain
    if reply.tongue.clearly(_TOLD_BY_WORDS) and reply.tongue.language != talk.tongue:
        return True
    if _DEFERS.search(plain) or _asks_back(reply) or (reply.links and len(reply.words) < _LITTLE_MORE):
        return True
    earlier = [one for one in talk.before(question.message) if one.speaker == "bot"]
    if any(one.words == reply.words for one in earlier):
        return _overlap(question, reply) >= _NEAR_SHARE
    for asks, gives in _TYPED:
        if asks.search(question.plain):
            return gives(question, reply)
    return _answers_otherwise(question, reply)


def _answers_otherwise(question: Question, reply: Message) -> bool:
    """Whether a reply meets a question that wants no amount, time or number: yes, no, or the same matter."""
    plain = reply.plain
    if question.others and question.stems and _skips(question, reply):
        return False
    if _OPEN.search(question.plain) or not _ASKS_YES_NO.search(question.plain):
        return True
    if _echoes(question, reply) or _SHORT_ANSWER.search(plain) or _POLAR.search(plain):
        return True
    if _overlap(question, reply) >= _NEAR_SHARE or _same_number(question, reply):
        return True
    if _EITHER.search(question.plain) and not _ASKS_LEAVE.search(question.plain):
        return bool(_BOTH.search(plain))
    return bool(_ALLOWS.search(plain))


def _gives_amount(question: Question, reply: Message) -> bool:
    """A sum, or that it is free; the latter not where the reply is a long one about quite another thing."""
    if amounts(reply.text) or loose_amounts(reply.text):
        return True
    return bool(_FREE.search(reply.plain)) and (_overlap(question, reply) > 0 or len(reply.words) < _LITTLE_MORE)


def _gives_time(_: Question, reply: Message) -> bool:
    return bool(_TIME.search(reply.plain))


def _gives_number(_: Question, reply: Message) -> bool:
    return bool(_COUNTED.search(reply.plain))


_TYPED: tuple[tuple[re.Pattern[str], Callable[[Question, Message], bool]], ...] = (
    (_MUCH, _gives_amount),
    (_WHEN, _gives_time),
    (_MANY, _gives_number),
)


def _same_number(question: Question, reply: Message) -> bool:
    """Whether the reply names the order or ticket whose number the customer gave with the question."""
    return bool({word for word in question.message.words if len(word) >= _NUMBER and word.isdigit()} & {*reply.words})


def _skips(question: Question, reply: Message) -> bool:
    """Whether the reply speaks of all the other questions of the same breath and of this one not at all."""
    speaks_of_others = all(_shared(other, reply.stems) for other in question.others)
    return speaks_of_others and not _shared(question.stems, reply.stems) and not _BOTH.search(reply.plain)


def _echoes(question: Question, reply: Message) -> bool:
    """Whether the reply opens with a word of the question, as Portuguese says yes: "Parcela? Parcela!"."""
    return any(word in question.words for word in reply.words[:2] if len(word) > 2)


def _answers_later(question: Question, reply: Message) -> bool:
    if _MUCH.search(question.plain) and (amounts(reply.text) or loose_amounts(reply.text)):
        return True
    return bool(question.stems) and _overlap(question, reply) >= _LATER_SHARE


def _overlap(question: Question, reply: Message) -> float:
    """The share of the question's stems that the reply has too, or a kindred one."""
    return len(_shared(question.stems, reply.stems)) / len(question.stems) if question.stems else 1.0


def _shared(asked: frozenset[str], told: frozenset[str]) -> frozenset[str]:
    """The stems that stand in both, those of which one begins the other among them ("pag", "pagament")."""
    same = asked & told
    kin = {
        one
        for one in asked - same
        if len(one) >= _KIN
        and any(len(other) >= _KIN and (one.startswith(other) or other.startswith(one)) for other in told)
    }
    return same | kin


def _asks_back(reply: Message) -> bool:
    return any(
        sentence.rstrip().endswith("?") and not _ASKS_BACK.search(folded(sentence).strip())
        for sentence in reply.sentences
    )
