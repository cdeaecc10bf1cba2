"""The details that a bot asks customers for, how it asks, and how a customer gives them. Pure.

Each slot has the questions that ask for it and the forms in which it is given, both in folded letters; forms that need
capitals are `as_written`.
"""

import re
from dataclasses import dataclass

_MONTH = (
    r"(?:jan(?:eiro|uary)?|fev(?:ereiro)?|feb(?:ruary)?|mar(?:co|ch)|abr(?:il)?|apr(?:il)?|maio?|may|jun(?:ho|e)?"
    r"|jul(?:ho|y)?"
    r"|ago(?:sto)?|aug(?:ust)?|set(?:embro)?|sept?(?:ember)?|out(?:ubro)?|oct(?:ober)?|nov(?:embro|ember)?"
    r"|dez(?:embro)?|dec(?:ember)?)"
)
_DATE = (
    rf"\b\d{{1,2}}/\d{{1,2}}\b|\b\d{{1,2}}(?:st|nd|rd|th)?(?: de| of)? {_MONTH}\b|\b{_MONTH} \d{{1,2}}(?:st|nd|rd"
    rf"|th)?\b|\bdia \d{{1,2}}\b"
    r"|\b(?:the|on|on the) \d{1,2}(?:st|nd|rd|th)\b|\b\d{4}-\d{2}-\d{2}\b|\b(?:amanha|tomorrow|hoje a noite|tonight)\b"
    rf"|\bde \d{{1,2}} a \d{{1,2}}\b|\b\d{{1,2}} a \d{{1,2}} de {_MONTH}\b|\b(?:next|proxim[ao]|est[ea]"
    rf"|this) (?:mon|tues|wednes|thurs|fri|satur|sun)day\b"
    r"|\b(?:proxim[ao]|neste|nesta|est[ea]) (?:segunda|terca|quarta|quinta|sexta|sabado|domingo)\b"
)
_COUNT = (
    r"(?:\d{1,3}|um|uma|dois|duas|tres|quatro|cinco|seis|sete|oito|nove|dez|one|two|three|four|five|six|seven|eight"
    r"|nine|ten)"
)
_BOT_ASKS = (
    r"(?:qua(?:l|is)|que|quant[oa]s?|quando|what|which|when|how|who|where|onde|quem|me (?:informe|diga|passe?"
    r"|confirme)|informe|pode (?:me )?(?:informar|dizer|passar|confirmar|mandar|enviar)|poderia (?:me )?(?:informar"
    r"|dizer|passar|confirmar)|(?:can|could|may|would) (?:you|i)|please|(?:por favor|preciso)|tell me|let me know"
    r"|give me|i need|share|provide|send)"
)


@dataclass(frozen=True)
class Slot:
    """A detail: `name`, the question that asks for it, the form it is given in, what it is called (pt, en).

    `fixed`: it stays what it is when plans change (a name, an order's number). `either`: it may be asked as a choice.
    """

    name: str
    asked: re.Pattern[str]
    given: re.Pattern[str]
    called: tuple[str, str]
    as_written: bool = False
    fixed: bool = False
    either: bool = False


def _slot(
    name: str, asked: str, given: str, called: tuple[str, str], *, as_written: bool = False, either: bool = False
) -> Slot:
    fixed = name in _FIXED
    return Slot(name, re.compile(asked), re.compile(given), called, as_written=as_written, fixed=fixed, either=either)


_FIXED_NAMES = (
    "name email phone order booking contract account invoice file document vin plate model weight age insurance reason"
)
_FIXED = frozenset(_FIXED_NAMES.split())

_ID = r"(?:[a-z]{1,5}[- ]?)?\d[\w./-]{2,}|\b(?=[a-z\d]*\d)(?=[a-z\d]*[a-z])[a-z\d]{2,}(?:[ -][a-z\d]{2,})?\b"


def _numbered(name: str, nouns: str, called: tuple[str, str]) -> Slot:
    """A number of something: asked by its noun, given beside it or as a bare code."""
    return _slot(
        name,
        rf"(?:{_BOT_ASKS}\b.{{0,40}}?\b(?:{nouns})\b|\b(?:{nouns})\b.{{0,30}}\b(?:number|numero|code|codigo)\b)",
        rf"\b(?:{nouns})\b[ \w:#º°.'-]{{0,18}}?\s?#?(?:{_ID})",
        called,
    )


SLOTS: tuple[Slot, ...] = (
    _slot(
        "dates",
        r"\b(?:qua(?:l|is)|que|para|em|pra)\b.{0,20}\b(?:data|datas|dia|dias|periodo)\b(?! (?:dos|das"
        r"|da semana fica))|\bquando\b.{0,12}\b(?:seria|sera|chega|pretende|gostaria|vai|voce|vcs|quer|deseja)"
        r"|\b(?:which|what|for what|your|the|travel|exact) (?:exact |travel )?(?:dates?|days?|nights)\b"
        r"|\bwhen (?:would|will|are|do|is|were) (?:you|it|the)\b"
        r"|\b(?:inform\w+|passar|passe|dizer|diga|confirmar?|preciso d\w+|need|have|share|provide|tell me|confirm)\b"
        r".{0,25}\b(?:datas|dates)\b",
        _DATE,
        ("a data", "the date"),
    ),
    _slot(
        "people",
        r"\bquant(?:as|os) (?:pessoas?|hospedes|adultos|convidados|voces|passageiros|lugares|criancas)\b"
        r"|\bpara quant(?:os|as)\b|\bvoces sao (?:em )?quantos\b|\bnumero de (?:pessoas|hospedes|adultos)"
        r"|\bhow many (?:people|guests|adults|of you|persons?|passengers|travell?ers|children|will|are)\b"
        r"|\b(?:party size|number of (?:guests|people|adults|passengers|travell?ers))\b"
        r"|\bhow big is your (?:party|group)\b|\bfor how many\b(?! (?:nights|days|hours|weeks))",
        rf"\b{_COUNT} (?:pessoas?|hospedes?|adult[oa]?s?|people|guests?|persons?|passengers?|passageiros?|of us"
        rf"|convidados|criancas?|kids?|children)\b|\b(?:casal|couple|sozinh[oa]|just me|so eu|so pra mim"
        rf"|somos (?:em )?{_COUNT}|eu e (?:minha?|meu)"
        r"|me and my|my (?:wife|husband|partner|girlfriend|boyfriend) and i|(?:for|table for|party of|somos|para"
        r"|pra) (?:dois|duas|two|tres|three|quatro|four|cinco|five|seis|six|[2-9]))\b(?! (?:nights?|noites?|dias?"
        r"|days?|weeks?|meses|mes|x|\d))",
        ("o número de pessoas", "the number of people"),
    ),
    _slot(
        "nights",
        (
            r"\bquantas (?:noites|diarias)\b|\bhow many nights\b|\bhow long (?:will you|are you|is your"
            r"|would you) (?:stay|be staying|staying)\b|\bfor how many (?:nights|days)\b"
        ),
        rf"\b{_COUNT} (?:noites?|nights?|diarias?)\b|\b\d{{1,2}} (?:a|ao|to|ate|until|-) \d{{1,2}}\b",
        ("o número de noites", "the number of nights"),
    ),
    _slot(
        "name",
        r"\b(?:qual|me diga|informe|pode (?:me )?(?:informar|dizer|passar))\b.{0,25}\bnome\b(?! d[oae] (?:hotel"
        r"|medic|plano|loja|animal|pet))|\bcomo (?:voce |vc )?se chama\b|\bem nome de quem\b"
        r"|\bcom quem (?:eu )?(?:falo|estou falando)\b"
        r"|\b(?:what(?:'s| is)|may i have|can i (?:have|get|take)|could i (?:have|get|take)|tell me"
        r"|please (?:give|provide)|confirm)\b.{0,12}\byour (?:full )?name\b|\bwho am i (?:speaking|talking"
        r"|chatting)\b|\b(?:what|which) name (?:is|should|shall)\b|\bunder (?:which|what) name\b",
        r"\b(?:[Mm]eu nome é|[Mm]eu nome e|[Mm]e chamo|[Aa]qui (?:é|e) (?:o|a)?|[Ss]ou (?:o|a)|[Ee]m nome de"
        r"|[Nn]ome:|[Mm]y name(?:'s| is)|[Tt]his is|[Ii](?:'m| am)|[Nn]ame's|[Nn]ame is|[Nn]ame:"
        r"|[Uu]nder(?: the name(?: of)?)?|[Ii]n the name of) ?[A-ZÀ-Ý][\w'-]+"
        r"|^(?:[Hh]i|[Hh]ello|[Oo]i|[Oo]lá)[,!]? [A-ZÀ-Ý][\w'-]+ [A-ZÀ-Ý][\w'-]+[ ,]|^[A-ZÀ-Ý][\w'-]+ [A-ZÀ-Ý][\w'-]+,",
        ("o nome", "the name"),
        as_written=True,
    ),
    _slot(
        "email",
        rf"{_BOT_ASKS}\b.{{0,40}}\be-?mail\b(?! (?:da|do|de confirm|we|is on|chega))",
        r"[\w.+-]+@[\w-]+\.[\w.]+",
        ("o e-mail", "the e-mail address"),
    ),
    _slot(
        "phone",
        (
            rf"{_BOT_ASKS}\b.{{0,40}}\b(?:telefone|celular com ddd|phone number|contact number|mobile number"
            rf"|numero de (?:telefone|celular|contato))\b"
        ),
        r"\(?\b\d{2,4}\)?[ .-]?\d{4,5}[ .-]?\d{3,4}\b|\+\d{6,}",
        ("o telefone", "the phone number"),
    ),
    _numbered("order", r"pedido|compra|order|purchase", ("o número do pedido", "the order number")),
    _numbered(
        "booking",
        r"reserva|localizador|booking|reservation|reference|ref|confirmation|pnr|confirmation code",
        ("o código da reserva", "the booking number"),
    ),
    _numbered("contract", r"contrato|contract|apolice|policy number", ("o número do contrato", "the contract number")),
    _numbered("account", r"numero da conta|account number|agencia|conta corrente", ("a conta", "the account number")),
    _numbered("invoice", r"fatura|nota fiscal|nf|invoice|bill number", ("o número da nota", "the invoice number")),
    _numbered(
        "file",
        (
            r"prontuario|file number|case number|ticket number|ticket|protocolo|chamado|patient number"
            r"|membership number|member number|matricula n"
        ),
        ("o número do protocolo", "the case number"),
    ),
    _numbered("flight", r"voo|flight|flight number", ("o número do voo", "the flight number")),
    _numbered(
        "room",
        (
            r"(?:numero do )?(?:quarto|apartamento|apto) (?:e o seu|voce|esta|em que)|room number|which room are"
            r"|what room are"
        ),
        ("o número do quarto", "the room number"),
    ),
    _slot(
        "vin",
        rf"{_BOT_ASKS}\b.{{0,40}}\b(?:vin|vehicle identification number|chassi|renavam)\b",
        r"\b(?=[a-z]*\d)[a-hj-npr-z\d]{17}\b|\b(?:vin|chassi|renavam)[ :]+\w*\d{4,}",
        ("o chassi", "the VIN"),
    ),
    _slot(
        "document",
        rf"{_BOT_ASKS}\b.{{0,30}}\b(?:cpf|cnpj|rg|passaporte|passport number)\b",
        r"\b\d{3}\.?\d{3}\.?\d{3}-?\d{2}\b|\b(?:cpf|rg|passaporte|passport|cnpj)\b[ \w:]{0,12}\d{5,}",
        ("o documento", "the document number"),
    ),
    _slot(
        "plate",
        (
            r"\b(?:what|which|qual|whats)\b.{0,20}\b(?:registration|plate|placa|reg|license plate|licence plate)\b"
            r"|\b(?:registration|plate) (?:number )?(?:of|on|is|please)\b|\ba placa (?:do|da)\b.{0,20}\?"
        ),
        (
            r"\b[a-z]{2}\d{2} ?[a-z]{3}\b|\b[a-z]{3}-?\d[a-z\d]\d{2}\b|\bplaca (?:e )?[a-z]{3}|\b(?:plate"
            r"|registration|reg) (?:is |number )?[a-z\d]*\d"
        ),
        ("a placa", "the registration number"),
    ),
    _slot(
        "model",
        (
            r"\b(?:qual|que)\b(?: \w+){0,3} \bmodelo\b|\b(?:what|which)\b(?: \w+){0,3} \bmodel\b|\bmodel (?:of|is"
            r"|are)\b.{0,30}\?|\bqual (?:e )?o (?:aparelho|carro|celular|veiculo)\b|\bwhich (?:car|phone|device|bike"
            r"|laptop|machine|printer|watch|washer|vehicle) (?:do|is|are|have|did)\b|\bwhat (?:car|phone|device"
            r"|laptop|printer|vehicle) (?:do|is|are|have)\b"
        ),
        (
            r"\b(?:[Mm]y|[Mm]eu|[Mm]inha|[Oo]|[Aa]|[Tt]he|[Aa]n?|[Uu]m|[Uu]ma|[Dd]o|[Dd]a|[Nn]o"
            r"|[Nn]a) (?:[\wÀ-ÿ-]+ ){0,2}[A-ZÀ-Ý][\w-]*(?: [A-ZÀ-Ý][\w-]*)* ?-?\d+\w*"
            r"|\b[A-Z][a-z]+ \d{1,4}[A-Za-z]?\b(?! (?:de|of|dias|nights))|\b[Mm]odel(?:o)? [A-Z0-9][\w-]*"
            r"|\b[A-Z]{1,4}-?\d{1,4}[A-Z]?\b"
        ),
        ("o modelo", "the model"),
        as_written=True,
    ),
    _slot(
        "weight",
        (
            r"\bquantos (?:quilos|kg|kilos)\b|\bqual (?:e )?(?:o )?peso\b|\bquanto (?:ela |ele |isso )?pesa\b"
            r"|\bhow (?:heavy|much does (?:it|he|she|the \w+|your \w+) weigh)\b|\bwhat (?:does|is) .{0,20}\bweigh(?:t"
            r"|s)?\b|\bweight (?:of|in)\b.{0,25}\?"
        ),
        r"\b\d{1,3}(?:[.,]\d+)? ?(?:kg|quilos?|kilos?|lbs?|pounds|stone|toneladas?)\b|\bpesa \d",
        ("o peso", "the weight"),
    ),
    _slot(
        "size",
        (
            r"\b(?:qual|que) (?:e )?(?:o |seu |o seu )?(?:tamanho|numero (?:voce )?(?:calca|usa))\b|\b(?:what"
            r"|which) (?:shoe |shirt |dress )?size\b"
        ),
        (
            r"\b(?:tamanho|size|numero|tam|calco) \w{1,3}\b|\b(?:pp|gg|xg|xl|xxl|xs)\b|\b(?:small|medium"
            r"|large) (?:size|one|please)\b"
        ),
        ("o tamanho", "the size"),
    ),
    _slot(
        "colour",
        r"\b(?:qual|que) (?:e )?(?:a )?cor\b|\b(?:what|which) colou?r\b",
        (
            r"\b(?:pret[oa]|branc[oa]|azul|vermelh[oa]|verde|amarel[oa]|cinza|rosa|bege|marrom|areia|black|white|blue"
            r"|red|green|yellow|gr[ae]y|pink|beige|brown|mustard|silver|gold|sage|graphite|navy|cream)\b"
        ),
        ("a cor", "the colour"),
    ),
    _slot(
        "time",
        (
            r"\b(?:a |para |em )?(?:que|qual) (?:horas?|horario)\b(?! (?:abre|fecha|comeca|funciona))|\b(?:what|which"
            r"|at what) time\b|\bqual (?:e )?o (?:melhor )?horario\b"
        ),
        (
            r"\b\d{1,2} ?(?:h|hs|hrs|am|pm|a\.m|p\.m|o'clock)\b|\b\d{1,2}[:h]\d{2}\b|\bas \d{1,2}\b|\b(?:meio-?dia"
            r"|noon|midnight|meia-?noite)\b|\bat \d{1,2}(?:[.:]\d{2})?\b"
        ),
        ("o horário", "the time"),
    ),
    _slot(
        "age",
        (
            r"\bquantos anos\b|\bqual (?:e )?(?:a )?idade\b|\bidade d[aeo]s?\b.{0,30}\?|\bhow old\b|\bwhat ages?\b"
            r"|\bages? of\b.{0,30}\?"
        ),
        (
            rf"\b{_COUNT} (?:anos|aninhos|years? old|yrs|yo|y/o|meses|months old|year old)\b|\b(?:aged?|idade|is"
            rf"|turning) \d{{1,2}}\b(?!/)"
        ),
        ("a idade", "the age"),
    ),
    _slot(
        "payment",
        (
            r"\b(?:como|qual a forma|qual forma|forma de pagamento)\b.{0,25}\b(?:pagar|pagamento"
            r"|prefere pagar)\b.{0,20}\?|\bhow (?:would|will|do) you (?:like|prefer|want)? ?(?:to )?pay\b|\b(?:which"
            r"|what) payment\b"
        ),
        (
            r"\b(?:no|por|via|pelo|com|by|with|in|a|em) (?:o |meu |my |a )?(?:pix|cartao|boleto|dinheiro|debito"
            r"|credito|card|cash|bank transfer|credit card|debit card|paypal)\b|\ba vista\b"
        ),
        ("a forma de pagamento", "the way of payment"),
    ),
    _slot(
        "address",
        (
            rf"{_BOT_ASKS}\b.{{0,30}}\b(?:seu endereco|endereco (?:de entrega|completo)|cep|your address"
            rf"|delivery address|postcode|post code|zip code|your street)\b"
        ),
        (
            r"\b\d{5}-\d{3}\b|\b(?:rua|avenida|av\.?|travessa|alameda|praca) [\w ]{3,30},? (?:n\.? ?)?\d+"
            r"|\b\d+ [a-z]+(?: [a-z]+)? (?:street|st|road|rd|avenue|ave|lane|close|drive|crescent|way)\b"
            r"|\b[a-z]{1,2}\d{1,2}[a-z]? \d[a-z]{2}\b|\bcep:? ?\d{5}"
        ),
        ("o endereço", "the address"),
    ),
    _slot(
        "place",
        (
            r"\b(?:qual|que|em qual|em que|de qual|para qual) (?:e )?(?:a |seu |o seu |o )?(?:cidade|bairro|unidade"
            r"|loja|filial|regiao|aeroporto|destino|hotel)\b|\b(?:which|what) (?:city|branch|store|town|area|airport"
            r"|location|neighbou?rhood|hotel|clinic|gym|club|school)\b(?! (?:has|is the|are the))"
            r"|\bwhere (?:are you (?!(?:departing|leaving|flying|coming|travell?ing|starting|going))|do you live"
            r"|will you be)\b"
        ),
        (
            r"\b(?:[Uu]nidade|[Ll]oja|[Bb]airro|[Cc]idade|[Bb]ranch|[Ss]tore) (?:d[eoa]s? )?[A-ZÀ-Ý]?\w+|\b(?:in|at"
            r"|from|to|em|de|do|da|no|na|para|pra|p/?) (?:the |o |a )?[A-ZÀ-Ý][a-zà-ÿ]{2,}|\b(?:de"
            r"|from) \w{3,} (?:para|pra|pro|p/?|to) \w{3,}|[A-ZÀ-Ý][a-zà-ÿ]+ (?:branch|store|clinic|site)"
        ),
        ("o lugar", "the place"),
        as_written=True,
    ),
    _slot(
        "insurance",
        (
            r"\b(?:tem|possui|qual (?:e )?(?:o )?(?:seu )?|sera por|vai ser|seria)\b.{0,30}\b(?:convenio"
            r"|plano de saude|plano|particular)\b|\b(?:do|are|have|which|what|is)\b.{0,25}\b(?:insurance|insured"
            r"|health plan|insurer)\b"
        ),
        (
            r"\b(?:tenho|pelo|com|meu|minha|sou d[oa]) (?:o |a )?(?:plano|convenio)\b|\b(?:convenio"
            r"|plano (?:de saude )?)[ :]+[a-z]{4,}|\b(?:insured (?:with|by)|my insur\w+ is|covered by|insurance (?:is"
            r"|with|from))\b"
        ),
        ("o convênio", "the insurance"),
        either=True,
    ),
    _slot(
        "origin",
        r"\bde onde (?:voce|vc|vao|vai|sai|vem|parte)\b|\bwhere (?:are|will|would) you .{0,20}\bfrom\b",
        (
            r"\b(?:[Ff]rom|[Dd]e|[Dd]o|[Dd]a|[Ss]aindo d[eoa]) (?:the )?[A-ZÀ-Ý][a-zà-ÿ]{2,}"
            r"|\bde (?:\w{4,} ){1,2}(?:para|pra|pro|p/?) \w{3,}"
        ),
        ("de onde parte", "where it starts from"),
        as_written=True,
    ),
    _slot(
        "reason",
        (
            r"\bmotivo d[oae] (?:seu |sua )?(?:contato|solicitacao|reclamacao|chamado)\b|\bqual (?:e )?(?:o |seu "
            r"|o seu )?(?:problema|motivo)\b|\bdescrev\w+ (?:o |seu )*(?:problema|ocorrido)\b|\b(?:what(?:'s| is"
            r"| seems to be)) (?:the |your )?(?:problem|issue)\b|\bdescribe (?:the|your) (?:problem|issue)\b"
            r"|\breason for (?:your )?(?:contact|call)"
        ),
        r"(?:\b\w+\b\W+){11,}\w+",
        ("o problema", "the problem"),
    ),
)
"""The details that are told apart; what is asked for in other ways is found by the likeness of two questions."""
