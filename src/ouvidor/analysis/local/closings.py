"""A customer who said yes to a booking or a purchase, and a bot that never took the last step. Pure.

The yes must be plain, of the customer's own wish or to the bot's own offer, and not hedged. A link, a confirmation, a
question for what is missing, a way to go on, a person or a plain no all count as the step.
"""

import re

from ouvidor.analysis.local.findings import fault, quoted
from ouvidor.analysis.local.talk import Message, Talk, folded
from ouvidor.analysis.verdict import BotFault

_COMMITS = re.compile(
    r"\b(?:quero (?:sim |muito |ja |logo |entao )*(?:assinar|reservar|comprar|fechar|contratar|agendar|marcar"
    r"|ficar com|levar|confirmar|matricular|garantir"
    r"|pagar|pedir|encomendar|essa?\b|est[ea]\b|um[a]?\b|[oa] (?:plano|quarto|suite|pacote|familia|de|maior|menor))"
    r"|vamos (?:fechar|matricular|reservar|marcar|comprar|levar|ficar com|de|querer)|pode (?:fechar|reservar"
    r"|confirmar|marcar|agendar|fazer a reserva|emitir|gerar"
    r"|incluir|seguir|mandar (?:[oa] )?(?:link|pagina|boleto|que|q|contrato))|fechad[oa]|fechou|fecha (?:pra|para"
    r"|ai|entao|esse|essa|por favor|pfv?)|bora fechar"
    r"|(?:vou|vamos) (?:querer|levar|ficar com|de) |reserva(?:r)? (?:pra|para) (?:mim|nos|a gente|gente)"
    r"|me (?:inscreve|matricula|manda o link)"
    r"|manda (?:o|ai o) link|ta decidido|(?:sim|pode ser|perfeito)[, ]+(?:pode )?(?:reserv|fech|confirm|marc"
    r"|agend)\w*|aceito|topo\b|faz a reserva|quero sim"
    r"|i ?'?(?:ll| will) (?:take (?:it|that|this|the|one|two|them|both|a)|book|buy it|go (?:for|with)|have (?:the"
    r"|it|that))\b|(?:we|let) ?'?(?:ll|s| us) (?:take|book|do (?:it|that|this)|go (?:for|with|ahead)|have the)"
    r"|(?:please )?(?:book|reserve|order) (?:it|me|that|us|this|them|one|the)\b|go ahead|sign (?:me|us|him|her"
    r"|them) up|put (?:me|us) down"
    r"|i(?:'d| would) (?:like|love) to (?:book|buy|order|sign up|reserve|go ahead|enrol|enroll|proceed|confirm"
    r"|take)|i want to (?:book|buy|order|sign up|reserve"
    r"|enrol|enroll|proceed|take|confirm|subscribe)|(?:please )?send me (?:the|a) (?:payment|booking"
    r"|checkout)? ?(?:link|page|form)|where do i (?:buy|pay|sign|book)"
    r"|count me in|it's a yes|yes[,!. ]+(?:please )?(?:book|reserve|do|confirm|let's|go|order)|we'll be there"
    r"|lock it in|i accept|happy to (?:book|go ahead))"
)
_LOOKS_BACK = 5
_PICKS = re.compile(
    r"\bquero (?:o|a|os|as|esse|essa|este|esta|aquele|aquela) \w+|\b(?:i want|i'?ll have|we want|i'd like"
    r"|we'd like|i'?ll go with|we'?ll have) (?:it|that|this|the|them|one|those|two)\b|\bvou de \w+|\bvou querer\b"
    r"|\b(?:essa?|este) mesm[oa]\b|\bpode ser (?:o|a|esse|essa|as|na|no) \w+"
)
_WANTS_BACK = re.compile(
    r"\b(?:reembols\w+|dinheiro|devolu\w+|estorn\w+|refund|money|explica\w+|resposta|protocolo|gerente|manager"
    r"|atendente|pessoa|person|human|saber|to know|nota fiscal|invoice)\b"
)
_SELLS = re.compile(
    r"(?:r\$|[$€£])\s?\d|\b(?:livres?|disponive(?:l|is)|vagas?|temos|ha\b|free|available|open|left|have|one is"
    r"|from \d|custa|costs?|euros?|dollars|reais)\b"
)
_YES = re.compile(
    r"^(?:(?:ah|oh|ok|okay|opa|perfect|perfeito|great|otimo|maravilha|entao)[ ,!.]+)*(?:sim|s|isso|quero"
    r"|quero sim|pode|pode ser|claro|com certeza|por favor|bora|manda|yes|yep|yeah|yes please"
    r"|sure|please do|please|definitely|absolutely|ok|go on|do it|sounds good|perfect|perfeito"
    r"|can do)(?:[ ,!.]+(?:sim|por favor|pfv?|please|obrigad[oa]|thanks|thank you|pode|bora|quero|yes))*[ !.]*$"
)
_OFFERS = re.compile(
    r"\b(?:reserv\w*|agend\w*|marc(?:ar|o|amos)|fech(?:ar|o|amos)|contrat\w+|assin\w+|matricul\w*|inscri\w*"
    r"|compr(?:ar|a)|encomend\w*|pedido|confirm\w+ (?:a|o)|"
    r"garant\w+|book\w*|order|buy|sign (?:you )?up|enrol\w*|subscri\w*|checkout|go ahead|put you down|secure"
    r"|take it|vaga)\b"
)
_HEDGES = re.compile(
    r"\b(?:mas (?:vou|preciso|antes|deixa|tenho|so)|vou (?:ver|pensar|falar|conversar|consultar)"
    r"|depois (?:eu )?(?:volto|vejo|decido|fecho)|antes (?:de|quero)|se (?:tiver|der|for|voces)|talvez"
    r"|ainda nao|nao quero|nao vou|maybe|not yet|later|before (?:i|we)|let me (?:think|check|ask)|think about"
    r"|but (?:first|i need|i have|let)|if (?:there|you|i|it|we)|don'?t want"
    r"|not sure|scrap that|hold on|no purchase|never ?mind|nah\b|check it out|what if|cancel\w*|desist\w+"
    r"|cancelamento|reembols\w*|refund)\b"
)
_DONE = re.compile(
    r"\b(?:paguei|pag[oa]\b|comprei|comprad[oa]|reservei|reservad[oa]|assinei|assinad[oa]|feito|fiz|confirmei"
    r"|confirmad[oa]|enviei|recebi|chegou|booked|paid|bought|ordered|done|confirmed|signed|reserved|"
    r"got it|received|matriculei|inscrit[oa]|agendei|marquei|gerei|garantid[oa]|transferi|abri(?:u)?|submitted"
    r"|all set)\b"
)
_STEP = re.compile(
    r"\b(?:reservad[oa]s?|confirmad[oa]s?|agendad[oa]s?|marcad[oa]s?|matriculad[oa]s?|inscrit[oa]s?"
    r"|registrad[oa]s?|emitid[oa]s?|enviad[oa]s?|enviei|mandei|(?:vaga|lugar|mesa|reserva"
    r"|quarto) \w* ?garantid[oa]|bloquead[oa]|separad[oa]s?|separei|reservei|marquei|agendei|concluid[oa]"
    r"|booked|(?:your|the) booking (?:is|id|number|ref)|booking (?:id|number|ref\w*)|booking this|reserved?"
    r"|confirmed|completed|successful\w*|scheduled|enrolled|registered|signed up|ordered|placed|sent|on its way"
    r"|put you down|you're in|it's yours|set aside|held for you|all set"
    r"|colega|atendente|encaminh\w+|pass(?:ei|o|ar|ed|ing) (?:o |seu |sua |a |voce |your |you |this |it )"
    r"|colleague|consultor\w*|corretor\w*|transfer\w*|vou chamar|someone|advisor"
    r"|infelizmente|unfortunately|sorry|afraid|nao (?:temos|ha|tem|consigo|posso)|esgot\w+|sold out|no longer"
    r"|fully booked|protocolo|numero d[oa] (?:pedido|reserva)|codigo|reference|ordem de chegada|walk in"
    r"|no need to book|sem hora marcada|sem reserva)\b"
)
_WAY = re.compile(
    r"\b(?:traga|trazer|leve|venha|passe|apresente|preench\w+|assin(?:e|ar)|clique|acesse|entre (?:em|no|na)|use"
    r"|pague|pagar|faca|fazer|escolha|e so|basta|abra|toque|bring|come|visit|pay|ask|go to|call|ring|tap|click"
    r"|open|press|choose|fill|use|sign|just|log in|send|mande|envie|ligue|pode|can)\b.{0,60}?"
    r"\b(?:link|site|aplicativo|app|pagina|page|formulario|form|ficha|boleto|pix|contrato|contract|website"
    r"|checkout|portal|e-?mail|secretaria|recepcao|balcao|loja|caixa|desk|counter|reception|store|till|cartao"
    r"|card|deposit|sinal|pagamento|payment|documentos?|documents?|rg|cpf|passaporte|passport|id|menu|basket|cart"
    r"|carrinho|whatsapp|telefone|phone|number|chegada|arrival)\b"
)
_FOR_DETAILS = re.compile(
    r"\b(?:nome|name|e-?mail|telefone|phone|data|date|dia|day|quant\w+|how many|which|what|qual|quais|quando|when"
    r"|que horas|confirm\w*|posso|podemos|shall|may|can|could|pode|quer que|deseja|would you like|prefer\w*"
    r"|cartao|pix|card|pay|pagar|endereco|address|cpf|number|numero|onde|where)\b"
)
_OFFERS_MORE = re.compile(
    r"\b(?:algo mais|mais alguma|posso ajudar|anything else|something else|help you with|como posso|em que posso"
    r"|sabia que|did you know|ja conhec\w+|have you (?:been|stayed|tried|ever)|isn't it|nao e\b|ne\b|tudo bem)\b"
)


def unclosed(talk: Talk) -> list[BotFault]:
    """A fault at the customer's first plain yes after which nothing was ever closed."""
    for message in talk.customer:
        if not _agrees(message, talk):
            continue
        if _closed(message, talk):
            return []
        return [
            fault(
                "never_closes",
                talk,
                [message],
                pt=f"O cliente aceitou ({quoted(message.bare)}) e o bot não deu o passo para concluir.",
                en=f"The customer agreed ({quoted(message.bare)}) and the bot took no step to close.",
            )
        ]
    return []


def commits(message: Message) -> bool:
    """Whether the customer plainly says that they want to book or buy."""
    return bool(_COMMITS.search(message.plain)) and not _HEDGES.search(message.plain) and not _only_asks(message)


def _only_asks(message: Message) -> bool:
    return message.text.rstrip().endswith("?") and not re.search(
        r"\b(?:where do i|onde (?:pago|assino))\b", message.plain
    )


def _agrees(message: Message, talk: Talk) -> bool:
    said = talk.said_before(message)
    after_bot = said is not None and said.speaker == "bot"
    if commits(message):
        return after_bot or message.place == 0
    picks = _PICKS.search(message.plain) and not _WANTS_BACK.search(message.plain) and not _HEDGES.search(message.plain)
    offers = [
        one for one in talk.before(message, count=_LOOKS_BACK) if one.speaker == "bot" and _SELLS.search(one.plain)
    ]
    if picks and after_bot and offers and not message.text.endswith("?"):
        return True
    offered = after_bot and said is not None and _offer_in(said)
    return bool(offered and _YES.match(message.plain) and not _HEDGES.search(message.plain))


def _offer_in(message: Message) -> bool:
    last = message.sentences[-1] if message.sentences else ""
    return last.endswith("?") and bool(_OFFERS.search(message.plain)) and not _OFFERS_MORE.search(message.plain)


def _closed(agreed: Message, talk: Talk) -> bool:
    later = talk.after(agreed)
    answers = [message for message in later if message.speaker != "customer"]
    if not answers or talk.transcript.handed_over or any(message.speaker == "person" for message in later):
        return True
    if any(_HEDGES.search(message.plain) for message in later if message.speaker == "customer"):
        return True
    if any(_DONE.search(message.plain) for message in later if message.speaker == "customer"):
        return True
    return any(_is_step(message) for message in answers)


def _is_step(message: Message) -> bool:
    if message.links or "@" in message.text or _STEP.search(message.plain) or _WAY.search(message.plain):
        return True
    asked = [folded(sentence) for sentence in message.sentences if sentence.endswith("?")]
    return any(_FOR_DETAILS.search(sentence) and not _OFFERS_MORE.search(sentence) for sentence in asked)
