"""Deeds that the bot says it will do or did itself, and that a program which only writes cannot do. Pure.

Three kinds: what needs a body or a voice (calling, waiting at the door), what only people with authority decide (money
back, a fee waived), and what nobody can promise (no rain tomorrow, to write again by itself). What it passes on,
notes down, looks up or sends as a link is none, nor what it says that it cannot do.
"""

import re

from ouvidor.agent.promises import spoken
from ouvidor.analysis.local.findings import fault, quoted
from ouvidor.analysis.local.talk import Talk
from ouvidor.analysis.verdict import BotFault

_BODY_EN = (
    r"(?:call|ring|phone|telephone|dial|drive|walk|meet|wait (?:for|at|outside|by)|stand|come (?:over|by|to|and|round"
    r"|out)|go (?:to|over|and|down|there)|pop (?:over|by|in|round)|drop (?:by|off|in|it|them|you)|bring|carry"
    r"|fetch|collect"
    r"|pick (?:you|it|them|up|her|him|your)|hand (?:it|you|them|over the|your)|take (?:you (?!to the (?:last|next"
    r"|right|page|final|step)|through|there step)|it to|them to|her|him|your)"
    r"|deliver|visit|be (?:there|at the|waiting|outside|on site)|knock|wake|greet|hold (?:the door|your hand"
    r"|it for you)"
    r"|fix (?:it|the|your) (?!up)|repair|clean|cook|bake|prepare your|pack|wrap|post|mail it|check (?:on"
    r"|in on) (?:you|it|the)"
    r"|look after|watch (?:over|it|the|your)|keep an eye|accompany|escort|drop|install|sit|stay (?:up|with)"
    r"|speak to|talk to"
    r"|turn (?:on|off|up|down|it|the|your)|switch (?:on|off|it|the)|print (?:it|the|and|your|out)|sign (?:it|the"
    r"|for)|hold (?:your|the) (?:flight|plane|train|bus|door|lift|boat|ferry|gate|coach|taxi|elevator)"
    r"|water (?:your|the)|feed (?:your|the)|have a word|negotiate|shake|lend|pay (?:for|it|the|your)|sort (?:it"
    r"|this|that|everything) out)"
)
_POWER_EN = (
    r"(?:refund|reimburse|credit (?:your|you|the)|compensate|waive|write off|take off|knock off|remove the (?:fee"
    r"|charge"
    r"|fine|penalty)|cancel the (?:fee|charge|fine|debt)|unblock|unlock|unfreeze|upgrade|give you (?:a|an|\d|free|half)"
    r"|get you (?:a|an|\d|free|your money)|approve|overrule|extend your|double|match|transfer (?:the"
    r"|your) (?:money|funds"
    r"|amount)|raise your limit|move you up|put you (?:first|at the (?:front|top)))"
)
_VOUCH_EN = (
    r"(?:guarantee|promise|swear|assure you (?:that )?(?:it|you|he|she|they|we|the)|make sure (?:that )?(?:it"
    r"|they|the|you"
    r"|nobody|no one|he|she|nothing|your)|see to it|personally)"
)
_LATER_EN = (
    r"(?:(?:text|e ?mail|message|write(?: to)?|remind|alert|wake|update|contact) (?:you|her|him|them) (?:tomorrow"
    r"|tonight|later"
    r"|again|every|each|on|as soon|when|once|next|in (?:a|an|the|two|three|\d)|before|after|the moment|by)|remember you"
    r"|get back to you|follow up|keep you (?:posted|updated|informed))"
)
_I_EN = (
    r"\bi (?:ll|will|shall|m going to|am going to|can|m|am|have|ve)(?: (?:also|just|now|gladly|happily|personally"
    r"|already"
    r"|then|be|myself|even|definitely|certainly))* "
)
_DEEDS_EN = """
    calling ringing phoning driving waiting coming bringing refunding waiving sending_someone going called rung
    phoned rang refunded waived driven brought spoken talked reimbursed credited upgraded unblocked unlocked
    fetched collected repaired visited met promised paid speaking personally fixed delivered approved removed
    cancelled canceled transferred_the on_my_way
"""
_DID_EN = "|".join(word.replace("_", " ") for word in sorted(_DEEDS_EN.split(), key=len, reverse=True))
_OUR_MAN_EN = (
    r"\b(?:i ll|i will|i ve|i have) (?:just |already |personally )?(?:send|sent|dispatch\w*|have) (?:someone"
    r"|somebody|a (?:\w+"
    r" )?(?:technician|mechanic|engineer|driver|plumber|courier|car|taxi|nurse|doctor|van|colleague round)"
    r"|my (?:team|colleague))"
)
_BODY_PT = (
    r"(?:ligar|telefonar|esperar (?:por |voce|vc|sua|seu|la|na|no|ela|ele|os|as|a)|aguardar voce|buscar|ir (?:ate"
    r"|ai|la|pessoalmente|na|no|com)|passar (?:ai|na sua"
    r"|no seu)|levar|leva l[ao]|trazer|entregar|acompanhar|encontrar (?:voce|vc|com)|receber (?:voce|vc|sua|seu"
    r"|ela|ele|pessoalmente)|consertar|arrumar"
    r"|limpar|cozinhar|preparar (?:o seu|a sua|seu|sua|um|uma)|embrulhar|acordar|bater na|segurar (?:a|o|sua"
    r"|seu) |guardar"
    r"|vigiar|ficar (?:de olho|com|ao lado|na porta|esperando|acordad|la)|cuidar (?:d[eoa]|pessoalmente|dele"
    r"|dela)|instalar|visitar|conversar com|falar (?:com|pessoalmente)"
    r"|negociar|pagar|emprestar|resolver (?:tudo|isso|pessoalmente)|dirigir|estar (?:la|ai|na porta|na recepcao"
    r"|esperando)|dar um pulo|pegar|comprar|desligar|imprimir|assinar (?:por|o|a)|chegar (?:ai|em)|estacionar"
    r"|lavar|passear com)"
)
_POWER_PT = (
    r"(?:reembols\w+|estorn\w+|devolver (?:o|seu|o seu|todo|a quantia)|isent\w+|abon\w+|perdoar|tirar (?:a|essa"
    r"|sua|o) (?:multa|taxa|juros?|divida|cobranca)"
    r"|retirar (?:a|essa|sua|o) (?:multa|taxa|juros?|cobranca)|cancelar (?:a|essa|sua) (?:multa|taxa|divida"
    r"|cobranca)|desbloque\w+"
    r"|dar (?:um|uma|o|a|\d+) ?(?:desconto|credito|upgrade|cortesia|diaria|brinde)|te dar|aprovar|autorizar"
    r"|aumentar (?:o|seu)|conseguir (?:um|uma|o|a|pra|para)"
    r"|liberar (?:o|a|seu|sua)|passar (?:voce|vc) na frente|furar|prorrogar|compensar)"
)
_VOUCH_PT = (
    r"(?:(?:eu |te |lhe |pessoalmente )*(?:garanto(?! a (?:vaga|mesa|data|tarifa))|prometo|juro|asseguro) (?:que"
    r"|pra|para|por|pessoalmente|a |o )|dou minha palavra"
    r"|pode ter certeza (?:de )?que (?:eu |vou )|vou (?:eu mesm[oa] |pessoalmente |me certificar)"
    r"|vou garantir (?:que|pessoalmente))"
)
_LATER_PT = (
    r"(?:(?:te |lhe )?(?:aviso|avisar|escrevo|escrever|lembrar|lembro|mando|mandar|retorno|retornar|atualizar"
    r"|atualizo|chamo|chamar)"
    r"(?: (?:voce|vc|uma mensagem|mensagem|te|um aviso|um lembrete))* (?:amanha|mais tarde|depois|assim que"
    r"|quando|todo dia|todos os dias|cada|hoje (?:a|de) |logo que"
    r"|na (?:segunda|terca|quarta|quinta|sexta|vespera)|no (?:dia|sabado|domingo)|em (?:uma|um|duas|dois|\d)|daqui))"
)
_I_PT = (
    r"\b(?:eu (?:mesm[oa] )?|(?:ja )?)?(?:vou|irei|estou indo|posso|acabei de|acabo de|estou)(?: (?:eu |mesm[oa]"
    r"|te|lhe|ja|agora|pessoalmente"
    r"|tambem|hoje|amanha|sim|entao|la))* "
)
_DID_PT = (
    r"\b(?:eu (?:mesm[oa] )?)?(?:ja )?(?:te )?(?:liguei|telefonei|busquei|levei|entreguei|consertei|arrumei"
    r"|reembolsei|estornei"
    r"|isentei|abonei|devolvi|desbloqueei|perdoei|paguei|comprei|conversei com|falei com|fui (?:ate|la"
    r"|pessoalmente)|tirei (?:a|sua) (?:multa|taxa)"
    r"|retirei (?:a|sua) (?:multa|taxa)|aprovei|negociei|instalei|visitei|ligarei|telefonarei|buscarei|levarei"
    r"|entregarei|esperarei"
    r"|reembolsarei|estornarei|devolverei|consertarei|acompanharei|falarei com|estarei (?:la|ai|na|no|esperando))\b"
)
_NOW_PT = (
    r"\beu (?:mesm[oa] )?(?:te |lhe |a |o )?(?:ligo|telefono|busco|levo|entrego|espero (?!que)|acompanho|conserto"
    r"|arrumo|reembolso|estorno"
    r"|devolvo|resolvo|pago|garanto|prometo|vou (?:ai|la|ate)|passo ai|tiro|libero|desbloqueio|cuido|guardo|seguro)\b"
    r"|\bte (?:ligo|telefono|busco|levo|espero|acompanho)\b|\b(?:ja )?(?:estou|to) (?:a caminho|indo (?:ai|para"
    r"|ate|buscar|la))\b|\beu cancelei\b|\bja cancelei\b"
)
_CLAIMS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{_I_EN}(?:{_BODY_EN}|{_POWER_EN}|{_VOUCH_EN}|{_LATER_EN})\b",
        rf"{_I_EN}(?:{_DID_EN})\b",
        rf"\bi (?:(?:just|already|personally|myself) )*(?:{_DID_EN})\b",
        r"\bi (?:personally )?(?:guarantee|promise|swear)\b|\byou have my word\b|\byou can count on me to\b",
        (
            r"\blet me (?:just )?(?:ring|call|phone|pop|run|go|drive|walk|come|fetch|fix|refund)\b|\bi ?m on my way\b"
            r"|\bi ?ll be (?:right )?(?:there|over|up|down|with you in person)\b"
            r"|\bconsider (?:it|that|the \w+) (?:done|refunded|waived|cancell?ed|paid)\b|\bconsidere (?:a |o "
            r"|isso )?(?:\w+ )?(?:feit|cancelad|isent|reembolsad|pag)[oa]\b"
        ),
        (
            r"\bi (?:ve |have |just |already |then |also )*(?:walked|pulled|signed|extended|tasted|tried (?:it"
            r"|them) on|stopped by|went (?:to|over|down|and)|gone (?:to|over|down)|put (?:it|them|the \w+"
            r"|your \w+) (?:behind|in|under|on|by|next|beside|aside|outside|inside)|had a (?:look|word|chat)"
            r"|taken (?:it|them|your) to|carried|packed|wrapped|cleaned|cooked|locked|opened the (?:door|gate|window"
            r"|safe)|printed|turned|switched|posted|moved (?:your|the) (?:car|money|bags?|parcel)|reversed|undone)\b"
        ),
        (
            r"\bi (?:ve |have |just |already |ll |will )*[a-z]+(?:ed|n|t|e)? [\w ]{0,50}\b(?:myself|personally"
            r"|in person|with my own)\b"
        ),
        (
            r"\b(?:eu mesm[oa]|eu pessoalmente) (?:ja )?(?:te |lhe |o |a )?[a-z]+(?:ei|i|iz|arei|irei)\b"
            r"|\b[a-z]{3,}(?:ei|iz) (?:eu mesm[oa]|pessoalmente)\b"
        ),
        (
            r"\b(?:ja )?(?:puxei|assinei|prorroguei|estendi|caminhei|andei ate|peguei (?:o|a)|coloquei (?:o|a|seu|sua"
            r"|ele|ela) .{0,25}(?:atras|dentro|embaixo|na|no)|guardei|embrulhei|provei|experimentei"
            r"|dei uma (?:olhada n[oa]|passada)|transferi (?:o|seu) (?:dinheiro|valor)|desfiz|reverti|movi)\b"
        ),
        _OUR_MAN_EN,
        rf"{_I_PT}(?:{_BODY_PT}|{_POWER_PT})",
        rf"\b{_VOUCH_PT}",
        rf"\b{_LATER_PT}\b",
        _DID_PT,
        _NOW_PT,
        (
            r"\b(?:vou|irei|acabei de|estou) (?:\w+ )?(?:mandar|enviar|enviando|mandando) (?:um|uma|o|a"
            r"|alguem) ?(?:tecnic[oa]|mecanic[oa]|motorista|carro|taxi|colega|medic[oa]|enfermeir[oa]|motoboy"
            r"|encanador\w*"
            r"|eletricista)?\b(?<=[oaer])(?<!enviar um)(?<!mandar um)(?<!enviar uma)(?<!mandar uma)(?<!mandar o)"
            r"(?<!mandar a)(?<!enviar o)(?<!enviar a)"
        ),
    )
)
_DENIES = re.compile(
    r"\b(?:can ?t|cannot|can not|could ?n ?t|won ?t|unable|not able|do ?n ?t|not (?:guarantee|promise)|never|nao"
    r"|nem|impossivel|sem como"
    r"|would ?n ?t|if i could|queria poder|wish i could)\b"
)
_ASKS = re.compile(
    r"\b(?:shall|should|may|can|could|do you want|would you like|want me|quer que|posso|gostaria|prefere|podemos)\b"
)
_HANDS_ON = re.compile(
    r"\b(?:transfer|pass|forward|hand (?:you|it|this) over|put you through|connect|chamar|passar|encaminhar"
    r"|transferir|acionar|colleague|team|equipe"
    r"|pessoa|atendente|alguem|setor|human)\b"
)


def false_promises(talk: Talk) -> list[BotFault]:
    """A fault for each message in which the bot claims or announces a deed of its own that it cannot do."""
    found: list[BotFault] = []
    for message in talk.bot:
        claim = next((claim for sentence in message.sentences for claim in [_claim(sentence)] if claim), None)
        if claim:
            found.append(
                fault(
                    "false_promise",
                    talk,
                    [message],
                    pt=f"Promete o que um assistente de texto não pode fazer: {quoted(claim, 160)}.",
                    en=f"Promises what an assistant that only writes cannot do: {quoted(claim, 160)}.",
                )
            )
    return found


def _claim(sentence: str) -> str:
    """The sentence where it promises such a deed, else nothing."""
    plain = spoken(sentence)
    for pattern in _CLAIMS:
        for match in pattern.finditer(plain):
            before = re.split(r"[.;:,!?]| but | mas | and | e ", plain[: match.start()])[-1]
            if _DENIES.search(before) or _DENIES.search(match[0]):
                continue
            if plain.rstrip().endswith("?") and _ASKS.search(plain):
                continue
            if _HANDS_ON.search(plain[match.start() : match.end() + 25]):
                continue
            return sentence
    return ""
