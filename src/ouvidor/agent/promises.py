"""Deeds that a text claims or promises: "I have cancelled your order", "vou reembolsar você", "it has been sent". Pure.

The bot has no hands: what it says that it did, does or will do is untrue unless a section says so in these words.
"""

import re
from dataclasses import dataclass

from ouvidor.text import fold, sentences

_ADVERBS_EN = r"(?:(?:just|already|now|also|gladly|personally|immediately|happily|successfully|then|only) )*"
_HARMLESS_EN = (
    r"(?:help|helping|assist|assisting|be (?:happy|glad|able)|happy|glad|answer|explain|tell|say|see|understand"
    r"|understood"
    r"|recommend|suggest|hope|know|find that|found|mention|mentioned|summari[sz]e|list|sorry|afraid|sure|not"
    r" sure|unable"
    r"|need|like to know|love to|share|read|seen|only|here|an?|the|your|point|note|add that|confirm that)\b"
)
_DEED_EN = (
    r"(?:cancel|refund|reimburs|credit|compensat|send|sent|email|mail|ship|dispatch|book|reserv|schedul|reschedul|chang|updat"
    r"|upgrad|appl[yi]|add|remov|delet|regist|process|submit|open|creat|issu|approv|confirm|arrang|waiv|extend|activat"
    r"|deactivat|block|unblock|unlock|reset|transfer|forward|escalat|contact|call|notif|inform|check|verif|investigat|fix"
    r"|resolv|ensur|guarantee|replac|return|deliver|charg|discount|grant|offer|giv|gave|assign|mak|made|ask|let|pass|get|got"
    r"|follow|look|put|set|mov|sign|subscrib|order|hold|held|pay|paid|log|fil|place|placed|authori|enabl|disabl|review)\w*"
)
_PASSIVE_EN = (
    r"(?:cancell?ed|refunded|reimbursed|credited|compensated|sent|e-?mailed|mailed|shipped|dispatched|booked|reserved"
    r"|scheduled|rescheduled|changed|updated|upgraded|applied|added|removed|deleted|registered|processed|submitted|opened"
    r"|created|issued|approved|confirmed|arranged|waived|extended|activated|deactivated|blocked|unblocked|unlocked|reset"
    r"|transferred|forwarded|escalated|contacted|notified|informed|verified|investigated|fixed|resolved|replaced"
    r"|delivered|granted|assigned|placed|authori[sz]ed|reviewed|completed|granted|accepted|secured|settled)"
)
_ADVERBS_PT = r"(?:(?:ja|acabei de|agora|tambem|imediatamente|pessoalmente|entao|so|mesmo|te|lhe|o|a|me|voce) )*"
_HARMLESS_PT = (
    r"(?:ajudar|auxiliar|explicar|responder|dizer|falar sobre|esclarecer|resumir|listar|informar que|lamentar|sugerir"
    r"|recomendar|indicar|entendi|encontrei|achei|vi|sei|li|lembrei|sinto|quis|ser|estar|ficar feliz|te ajudar"
    r"|te explicar"
    r"|mencionei|expliquei|disse|falei|citei|verei|terei|serei|hei|direi|farei o possivel)\b"
)
_DONE_PT = (
    r"(?:cancelad|reembolsad|estornad|creditad|enviad|remetid|despachad|reservad|agendad|reagendad|marcad|alterad|mudad"
    r"|atualizad|aplicad|adicionad|incluid|removid|excluid|apagad|registrad|processad|abert|criad|emitid|aprovad|confirmad"
    r"|concedid|estendid|prorrogad|ativad|desativad|bloquead|desbloquead|liberad|transferid|encaminhad|escalad|contatad"
    r"|notificad|avisad|informad|verificad|investigad|corrigid|resolvid|substituid|trocad|entregue|devolvid|isentad"
    r"|solicitad|efetuad|realizad|concluid|autorizad|garantid|feit|dad|acionad|finalizad|aceit|pag)(?:o|a|os|as|es|e|s)?"
)
_VERB_PT = (
    r"(?:cancel|reembols|estorn|credit|envi|remet|mand|despach|reserv|agend|reagend|marc|alter|mud|atualiz|aplic|adicion"
    r"|inclu|remov|exclu|apag|registr|process|abr|cri|emit|aprov|confirm|conced|estend|prorrog|ativ|desativ|bloque|desbloque"
    r"|liber|transfer|encaminh|escal|contat|notific|avis|inform|verific|investig|corrig|resolv|substitu|troc|entreg|devolv"
    r"|isent|solicit|efetu|realiz|conclu|autoriz|garant|faz|faç|dar|acion|finaliz|pass|cham|lig|entrar em"
    r" contato|retorn"
    r"|consult|checar|conferir|pedir|providenci|anot|cuid|ver com|falar com|dar um|separ|fech|compr|pag)\w*"
)
_DID_PT = (
    r"cancelei|reembolsei|estornei|creditei|enviei|mandei|reservei|agendei|marquei|alterei|mudei|atualizei|apliquei"
    r"|adicionei|inclui|removi|exclui|apaguei|registrei|processei|abri|criei|emiti|aprovei|confirmei|concedi|estendi"
    r"|ativei|desativei|bloqueei|desbloqueei|liberei|transferi|encaminhei|escalei|contatei|notifiquei|avisei|informei"
    r"|verifiquei|investiguei|corrigi|resolvi|substitui|troquei|devolvi|isentei|solicitei|efetuei|realizei"
    r"|autorizei|garanti|fiz|dei|acionei|finalizei|passei|chamei|liguei|pedi|providenciei|anotei|consultei|conferi"
    r"|separei|fechei|comprei|paguei|entrei em contato"
)
_DID_WE_PT = (
    r"cancelamos|reembolsamos|estornamos|creditamos|enviamos|processamos|aprovamos|confirmamos|registramos|encaminhamos"
    r"|liberamos|alteramos|atualizamos|aplicamos|solicitamos|abrimos|agendamos|reservamos|trocamos|devolvemos"
)
_STAFF_EN = (
    r"(?:someone|somebody|an? (?:person|manager|specialist|colleague|human|agent|team member|representative)"
    r"|(?:our|the|my) team)"
)
_STAFF_PT = (
    r"(?:alguem|uma? (?:pessoa|atendente|especialista|gerente|colega|humano)|(?:nossa|a|minha) equipe|(?:o|nosso) time)"
)
_OWN = (
    rf"\bi (?:have|ve|had|did|do|am|m) {_ADVERBS_EN}(?!{_HARMLESS_EN}){_DEED_EN}",
    rf"\bi {_ADVERBS_EN}(?!{_HARMLESS_EN})(?:\w+ed|sent|made|gave|put|set|got|took|paid|held)\b",
    rf"\bi (?:will|ll|shall|am going to|m going to|can|could) {_ADVERBS_EN}(?!{_HARMLESS_EN})(?:be )?{_DEED_EN}",
    r"\blet me (?!know|explain|tell|help|clarify|summari[sz]e|share|answer)\w+",
    rf"\bwe (?:have|ve) {_ADVERBS_EN}{_PASSIVE_EN}\b",
    (
        rf"\byour [\w ]{{2,40}}? (?:has been|have been|was|were|is being|are being|is now|are now|is already)"
        rf" {_ADVERBS_EN}{_PASSIVE_EN}\b"
    ),
    (
        rf"\b(?:it|this|that|everything|they|the [\w ]{{2,30}}?) (?:has|have|s) (?:already |now )?been (?:already"
        rf" )?{_PASSIVE_EN}\b"
    ),
    rf"\byou (?:have been|ve been|were|are being|are now) {_ADVERBS_EN}{_PASSIVE_EN}\b",
    rf"\b{_STAFF_EN} (?:has been|is|was) (?:already )?(?:notified|informed|on it|contacted|looking)\b",
    (
        rf"\b{_STAFF_EN} (?:will|ll|is going to) (?:\w+ly )?(?:call|phone|ring|contact|reach|get back|reply|write|e"
        r" ?mail|text|message|follow up)"
    ),
    (
        rf"\b{_STAFF_PT} (?:vai|ira|entrara|retornara|ligara) ?(?:te |lhe |em )?(?:ligar|telefonar|contatar|contato"
        r"|entrar em contato|retornar|responder|escrever|chamar|procurar)?"
    ),
    r"\bi went ahead\b",
    r"^(?:done|all set)\b|\b(?:taken care of|consider it done)\b",
    r"\b(?:wait|hold on|one moment|give me|bear with me)\b[\w ]{0,20}(?:while i|moment|minute|second)\b",
    rf"\b(?:eu )?(?:ja )?(?:te |lhe |o |a )?(?:{_DID_PT})\b",
    (
        r"^(?:(?:eu|ja|entao|sim|claro|pronto|ok)[ ,!.]+)*(?!(?:sei|hei|rei|lei|entendi|encontrei|achei|fiquei"
        r"|pensei|gostei)\b)[a-z]{3,}ei\b"
    ),
    rf"\b(?:vou|irei|posso|consigo|estou|acabei de|acabamos de) {_ADVERBS_PT}(?!{_HARMLESS_PT}){_VERB_PT}",
    (
        r"\b(?:cancel|reembols|estorn|credit|envi|mand|reserv|agend|marc|alter|mud|atualiz|aplic|adicion|registr|process|cri"
        r"|aprov|confirm|ativ|bloque|liber|encaminh|notific|avis|verific|investig|troc|solicit|realiz|garant|pass|cham|lig"
        r"|retorn|consult|providenci)(?:arei|irei)\b|\b(?:farei|darei|abrirei)\b"
    ),
    (
        rf"\b(?:seus?|suas?|teu|tua) [\w ]{{2,40}}? (?:ja )?(?:foi|foram|esta sendo|estao sendo|ja esta|ficou|esta"
        r"|estao)"
        rf" (?:ja )?{_DONE_PT}\b"
    ),
    rf"\b(?:isso|tudo|voce|vc) (?:ja )?(?:foi|esta) (?:ja )?{_DONE_PT}\b",
    rf"\bja (?:foi|foram|esta|estao) {_DONE_PT}\b|\bja (?:{_DID_WE_PT})\b",
    rf"\b{_STAFF_PT} (?:ja )?(?:foi|esta) (?:avisad|notificad|informad|verificand|cuidand|ciente)\w*",
    r"^(?:pronto|feito)[,!.]|\bpode ficar tranquil[oa]\b|\bconsidere feito\b",
    r"\b(?:aguarde|so|espere) (?:um|so|mais)? ?(?:um )?(?:momento|minuto|instante|segundo)",
)
"""What the bot claims to have done, to be doing or about to do, or says is done: true only in a section's own words."""
_OF_THE_COMPANY = (
    (
        rf"\bwe (?:will|ll|shall|are going to|re going to|can|could|are|re) {_ADVERBS_EN}(?!{_HARMLESS_EN})(?:be"
        rf" )?(?P<en1>{_DEED_EN})"
    ),
    rf"\byour [\w ]{{2,40}}? (?:will be|ll be) {_ADVERBS_EN}(?P<en2>{_PASSIVE_EN})\b",
    rf"\b{_STAFF_EN} (?:will|ll|is going to) (?:\w+ly )?(?P<en3>\w+)",
    r"\byou (?:will|ll) (?:\w+ly )?(?:be )?(?P<en4>receive|get|contacted|refunded|credited|notified|compensated)\b",
    rf"\b(?:vamos|iremos|podemos|estamos) {_ADVERBS_PT}(?!{_HARMLESS_PT})(?P<pt1>{_VERB_PT})",
    (
        r"\b(?P<pt2>(?:cancel|reembols|estorn|credit|envi|mand|reserv|agend|alter|mud|atualiz|aplic|registr|process|aprov"
        r"|confirm|ativ|bloque|liber|encaminh|notific|avis|verific|investig|troc|solicit|garant|lig|retorn|consult)"
        r"(?:aremos|iremos))\b"
    ),
    rf"\b(?:seus?|suas?) [\w ]{{2,40}}? (?:sera|serao) (?P<pt3>{_DONE_PT})\b",
    rf"\b{_STAFF_PT} (?:vai|ira) (?:te |lhe )?(?P<pt4>\w+)",
    (
        r"\bvoce (?:vai ser |sera )?(?P<pt5>receber|recebera|reembolsad[oa]|contatad[oa]|notificad[oa]|avisad[oa]"
        r"|creditad[oa])\b"
    ),
)
"""What the company will do for the customer: true where its deed stands in a section, however it is worded there."""
_CLAIMED = tuple(re.compile(pattern) for pattern in _OWN)
_ANNOUNCED = tuple(re.compile(pattern) for pattern in _OF_THE_COMPANY)
_CONDITION = re.compile(
    r"\b(?:if|when|once|after|as soon as|unless|until|se|quando|depois que|assim que|caso|ate que)\b[^,;.:!?]*$"
)
_SIGNS = re.compile(r"[^a-z0-9!?.,;:]+")


@dataclass(frozen=True)
class Promise:
    """A stretch of a text, in plain letters, that claims or announces a deed; `deed` is its verb.

    `own` are the bot's deeds and what is said to be done already; others are announced for the company, or depend on
    a condition.
    """

    written: str
    deed: str
    own: bool


def promises(text: str) -> tuple[Promise, ...]:
    """The deeds that a text claims or announces, each stretch once."""
    found: dict[str, Promise] = {}
    for sentence in sentences(text):
        plain = spoken(sentence)
        for pattern in _CLAIMED:
            for match in pattern.finditer(plain):
                own = not _CONDITION.search(plain[: match.start()])
                found.setdefault(match[0], Promise(match[0], match[0].split()[-1], own))
        for pattern in _ANNOUNCED:
            for match in pattern.finditer(plain):
                found.setdefault(match[0], Promise(match[0], match[str(match.lastgroup)], own=False))
    return tuple(found.values())


def spoken(sentence: str) -> str:
    """A text in lower case without accents, apostrophes and signs other than those that part clauses."""
    return _SIGNS.sub(" ", fold(sentence).replace("'", " ")).strip()
