"""A sentence of the bot as something stated: its values by kind, what it is about, what it affirms and denies. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

from ouvidor.analysis.local.money import amounts
from ouvidor.analysis.local.talk import Message, folded, stems_of
from ouvidor.text import Language, terms

_MONTHS = (
    "janeiro january", "fevereiro february", "marco march", "abril april", "maio may", "junho june", "julho july",
    "agosto august", "setembro september", "outubro october", "novembro november", "dezembro december",
)  # fmt: skip
_FULL_MONTHS = {name: number for number, names in enumerate(_MONTHS, 1) for name in names.split()}
_MONTH_OF = {**{name[:3]: number for name, number in _FULL_MONTHS.items()}, **_FULL_MONTHS}
_MONTH_NAMES = "|".join(sorted(_MONTH_OF, key=len, reverse=True))
_DATES = re.compile(
    rf"\b(?P<d1>\d{{1,2}})(?:st|nd|rd|th)?(?: de| of)? (?P<m1>{_MONTH_NAMES})\b"
    rf"|\b(?P<m2>{_MONTH_NAMES}) (?P<d2>\d{{1,2}})(?:st|nd|rd|th)?\b"
    rf"|(?<![\d/])(?P<d3>\d{{1,2}})/(?P<m3>\d{{1,2}})(?![\d/])"
)
_CLOCK = re.compile(r"\b(\d{1,2})(?:[:.h](\d{2}))? ?(am|pm|a\.m|p\.m|h\b|horas|hrs|o'clock)?(?=[\s,.;:!?)]|$)")
_PERCENT = re.compile(r"\b(\d{1,3}(?:[.,]\d+)?) ?(?:%|por cento|percent|per cent)")
_MEASURE = re.compile(
    r"\b(\d{1,4}(?:[.,]\d+)?|um|uma|dois|duas|tres|quatro|cinco|seis|sete|oito|nove|dez|quinze|vinte|trinta|one"
    r"|two|three|four|five|six|seven|eight|nine|ten|fifteen|twenty|thirty) (?:working |business |calendar |full "
    r"|more )?(dias? uteis|dias?|days?|horas?|hours?|hrs?|semanas?|weeks?|mes(?:es)?|months?|anos?|years?"
    r"|minutos?|minutes?|kg|quilos?|kilos?|km|miles?|gb|mb|litros?|liters?|litres?|metros?|meters?|metres?"
    r"|pessoas?|people|guests?|vagas?|places?|spaces?|bags?|malas?|parcelas?|vezes|instal?lments?)\b"
)
_UNITS = {
    "day": "dias uteis, dia util, dia, dias, days, day",
    "hour": "hora, horas, hours, hour, hr, hrs, minuto, minutos, minute, minutes",
    "week": "semana, semanas, weeks, week",
    "month": "mes, meses, months, month",
    "year": "ano, anos, years, year",
}
_UNIT_ROOT = {name: unit for unit, names in _UNITS.items() for name in names.split(", ")}
_NUMBERS = {
    "1": "um uma one", "2": "dois duas two", "3": "tres three", "4": "quatro four", "5": "cinco five", "6": "seis six",
    "7": "sete seven", "8": "oito eight", "9": "nove nine", "10": "dez ten", "15": "quinze fifteen",
    "20": "vinte twenty", "30": "trinta thirty",
}  # fmt: skip
_NUMBER_WORDS = {word: number for number, words in _NUMBERS.items() for word in words.split()}
_FAMILIES = """
    semana weekday weekdays uteis | fds weekend weekends fim | sabado sabados saturday saturdays | domingo
    domingos sunday sundays | feriado feriados holiday holidays | segunda monday | terca tuesday | quarta
    wednesday | quinta thursday | sexta friday

    adulto adultos adult adults | crianca criancas child children kid kids | bebe baby infant | senior seniors
    idoso | estudante student | meia half | sister irma brother irmao sibling second

    pessoa person each guest hospede pp | quarto room | casal couple | solteiro single | double | triplo triple
    | familia family

    ida outbound outward | volta return inbound | partida departure saida | chegada arrival entrada

    alta high peak | baixa low

    promocional promo saver | flexivel flexible flex | standard regular normal | light lite | economy | business

    pix | cartao card credito credit | boleto | dinheiro cash | debito debit

    simples simple | luxo deluxe | duplo | master | premium | basic basico | plus | pro | executivo | superior |
    varanda balcony | vista view

    manha morning | tarde afternoon | noite evening night | madrugada

    almoco lunch | jantar dinner ceia | cafe breakfast

    piscina pool | sauna | academia gym | spa | restaurante restaurant | bar | recepcao reception

    dianteira front frente | traseira rear tras | esquerda left | direita right
"""
"""Words that set two things apart, groups of one meaning between bars; families between blank lines."""
_PERIODS = """
    noite noites night nights diaria diarias dia day | total inteiro altogether tudo all | mes mensal mensais
    month monthly months | ano anual annual year yearly | semana semanal week weekly | hora hour hourly |
    parcela parcelas instalment installment vezes

    sinal deposito deposit | balance restante | taxa fee | frete entrega delivery shipping | caucao
"""
"""The same of what a price is for; one alone sets nothing apart."""


def _groups(family: str) -> dict[str, str]:
    return {word: group.split()[0] for group in family.split("|") for word in group.split()}


_APART = tuple(map(_groups, _FAMILIES.split("\n\n")))
_ALL_FAMILIES = (*_APART, *map(_groups, _PERIODS.split("\n\n")))
_FAMILY_OF: dict[str, list[tuple[int, str]]] = {}
for _number, _family in enumerate(_ALL_FAMILIES):
    for _one, _group in _family.items():
        _FAMILY_OF.setdefault(_one, []).append((_number, _group))
_CORRECTS = re.compile(
    r"\b(?:corrigindo|correcao|corrijo|correction|desculp\w+|me enganei|engano|erro meu|errei|sorry|apolog\w+"
    r"|my mistake|i was wrong|mistaken|na verdade|in fact|instead of|em vez de|no lugar de|antes era|passou a"
    r"|atualiz\w+|updated?|mudou|muda\b|changes?|changed|agora|now\b|novo|nova|new\b|desconto|discount\w*|off\b"
    r"|promoc\w+|com o cupom|with the code|rather than|plus|mais\b|alem d|adicional|additional|extra|acrescent\w+"
    r"|acrescim\w+|upgrade|reajust\w+|porque|because|since|valia\w*|passou|passaram|era\b|was\b|como (?:voce"
    r"|o senhor|sao)|nesse caso|neste caso|in that case|then|entao|com isso|for these|para ess[ae]s|so\b"
    r"|only if)\b"
)
_NO_COST = re.compile(
    r"\b(?:(?:at |for |por |a )?(?:no|sem|nenhum|without(?: an?y?)?) (?:extra |additional |further )?(?:cost"
    r"|charge|fee|problem\w*|custo|taxa|cobranca|juros|multa|doubt|worries|rush|pressa|duvida|limit\w*|fine)"
    r"|nao (?:perde|paga|ha custo|tem custo|se preocupe|tem problema|ha problema)\w*|don't worry|no (?:worries"
    r"|need)|nao precisa|not only|nao so|nem sempre)\b"
)
_DENIES: dict[Language, re.Pattern[str]] = {
    "pt": re.compile(r"\b(?:nao|nem|nunca|jamais|nenhum\w*|sem|indisponivel|exceto|tampouco)\b"),
    "en": re.compile(
        r"\b(?:not|no|never|none|cannot|can't|don't|doesn't|isn't|aren't|won't|wasn't|didn't|without|neither|nor"
        r"|unavailable|excluded)\b"
    ),
}
_CONDITION = re.compile(r"\b(?:if|se|(?<!em )caso|when|quando|unless|whether|while|enquanto|until|ate que)\b")
_CLAUSE = re.compile(r"[;:–—]\s|,\s(?=(?:mas|but|e\b|and\b|porem|so\b|apenas|only))|\s(?:mas|but|porem|however)\s")
_ALIKE: dict[Language, tuple[str, ...]] = {
    "en": (
        "pet pets dog dogs cat cats animal animals puppy",
        "allowed accepted permitted welcome possible",
        "free complimentary included",
        "parking garage",
        "kids children child",
        "refundable refund refunded returned",
        "cancel cancellation cancelled",
    ),
    "pt": (
        "animal animais cachorro cachorros gato gatos cão cães pet pets",
        "permitido permitida aceito aceita aceitamos aceitos liberado possível",
        "grátis gratuito gratuita incluso inclusa incluído cortesia",
        "estacionamento garagem",
        "criança crianças filho filhos",
        "reembolso reembolsável devolução devolvido reembolsado",
        "cancelamento cancelar cancelado",
    ),
}
_SAME = {
    stem: group.split()[0] for language, groups in _ALIKE.items() for group in groups for stem in terms(group, language)
}
"""Stems that stand for one thing where two sentences are held together."""
_SCOPE = 7
_FIGURE = re.compile(r"\d{1,3}|\d+\.\d+|\d{1,2}[a-z]{1,2}|h|am|pm")
_TITLES = frozenset({"dr", "dra", "sr", "sra", "mr", "mrs", "ms", "i"})
_COUNTED = re.compile(r"\d|\b(?:" + "|".join(_NUMBER_WORDS) + r")\b")
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_PROPER = re.compile(r"(?<=[\w,;:.] )[A-ZÀ-Ý][\w'-]+(?: (?:d[aeo]s? )?[A-ZÀ-Ý0-9][\w'-]*)*")
_GENERIC: dict[Language, frozenset[str]] = {
    "pt": frozenset(terms((
        "custa custam valor preço sai fica são é está partir reais dia dias hora horas por cada você vocês nosso"
        " nossa temos tem há pode podem fazer ser até também já com claro sim bom boa tarde noite obrigado olá oi"
        " previsto prevista chega chegar entrega mês ano só horário atendimento ótimo certo antes depois fim início"
        " casa possível local momento aqui nenhum"
    ), "pt")),
    "en": frozenset(terms((
        "cost costs price comes is are be has have there you your our we from until till day days hour hours each per"
        " can do yes no sure hello hi thanks please note just only also good great about around at on for one take"
        " takes get before after end start home possible first last site place property moment current any"
    ), "en")),
}  # fmt: skip


@dataclass(frozen=True)
class Statement:
    """A sentence of the bot: its message, folded words, what it is about, the values that it gives by kind."""

    message: Message
    text: str
    plain: str
    language: Language

    @cached_property
    def words(self) -> frozenset[str]:
        """Its words in plain letters."""
        return frozenset(_WORD.findall(self.plain))

    @cached_property
    def stems(self) -> frozenset[str]:
        """What it is about: stems without figures and without what every sentence has."""
        return frozenset(stem for stem in _stems(self.plain, self.language) if not _FIGURE.fullmatch(stem))

    @cached_property
    def values(self) -> dict[str, frozenset[str]]:
        """Amounts, dates, hours and measures by kind."""
        return (
            {kind: found for kind, found in _values(self.text, self.plain) if found}
            if _COUNTED.search(self.plain)
            else {}
        )

    @cached_property
    def names(self) -> frozenset[str]:
        """The words of the names in it."""
        return frozenset(part for name in _PROPER.findall(self.text) for part in folded(name).split()) - _TITLES

    @cached_property
    def groups(self) -> tuple[frozenset[str], ...]:
        """For each family of words that set things apart, those groups that it has a word of."""
        found: dict[int, set[str]] = {}
        for word in self.words:
            for number, group in _FAMILY_OF.get(word, ()):
                found.setdefault(number, set()).add(group)
        return tuple(frozenset(found.get(number, ())) for number in range(len(_ALL_FAMILIES)))

    @cached_property
    def corrects(self) -> bool:
        """Whether it says itself why something is different."""
        return bool(_CORRECTS.search(self.plain))

    @cached_property
    def affirmed(self) -> frozenset[str]:
        """The stems of its clauses that deny nothing."""
        clauses = [one for one in self.clauses if not _DENIES[self.language].search(one)]
        return frozenset[str]().union(*(_stems(one, self.language) for one in clauses))

    @cached_property
    def denied(self) -> tuple[tuple[str, frozenset[str]], ...]:
        """Its clauses that deny something, with the stems in reach of the negation; those under a condition not."""
        scopes = ((one, _scope(one, self.language)) for one in self.clauses if not _CONDITION.search(one))
        return tuple((one, scope) for one, scope in scopes if scope)

    @cached_property
    def clauses(self) -> tuple[str, ...]:
        """Its clauses; what merely says that something costs nothing is no denial."""
        return tuple(part for part in _CLAUSE.split(_NO_COST.sub(" free ", self.plain)) if part and part.strip())


def statements_in(message: Message, language: Language, *, asking: bool = False) -> Iterator[Statement]:
    """The sentences of a message that ask nothing, or with `asking` all of them."""
    for sentence in message.sentences:
        if asking or not sentence.endswith("?"):
            yield Statement(message, sentence, folded(sentence), language)


def _date(found: re.Match[str]) -> str:
    """Day and month as numbers, "12/3"."""
    named = found["m1"] or found["m2"]
    return f"{int(found['d1'] or found['d2'] or found['d3'])}/{_MONTH_OF[named] if named else int(found['m3'])}"


def _values(sentence: str, plain: str) -> Iterator[tuple[str, frozenset[str]]]:
    yield "money", frozenset(str(one) for one in amounts(sentence))
    dates = [_date(found) for found in _DATES.finditer(plain)]
    yield "date", frozenset(dates)
    yield "percent", frozenset(found[1].replace(",", ".") for found in _PERCENT.finditer(plain))
    measures: dict[str, set[str]] = {}
    for found in _MEASURE.finditer(plain):
        unit = _UNIT_ROOT.get(found[2], found[2].rstrip("s"))
        if unit == "hour":
            continue
        measures.setdefault(unit, set()).add(_NUMBER_WORDS.get(found[1], found[1].replace(",", ".")))
    for unit, told in measures.items():
        yield unit, frozenset(told)
    if not dates:
        clocks = {
            f"{int(found[1]) % 12}:{found[2] or '00'}"
            for found in _CLOCK.finditer(plain)
            if (found[2] or found[3]) and int(found[1]) < 25
        }
        yield "clock", frozenset(clocks)


def part_with(said: Statement, kind: str) -> str:
    """The stretches between commas that hold values of a kind."""
    parts = re.split(r"(?:,|;|:) ", said.plain)
    return " ".join(part for part in parts if any(name == kind and found for name, found in _values(part, part)))


def _scope(clause: str, language: Language) -> frozenset[str]:
    """The stems in reach of the clause's first negation."""
    found = _DENIES[language].search(clause)
    if not found:
        return frozenset()
    return _stems(" ".join(clause[found.end() :].split()[:_SCOPE]), language)


@lru_cache(maxsize=4096)
def _stems(text: str, language: Language) -> frozenset[str]:
    return frozenset(_SAME.get(stem, stem) for stem in stems_of(text, language)) - _GENERIC[language]


def one_sided(earlier: Statement, later: Statement, kind: str) -> bool:
    """Whether the part of one sentence with the value has a word of a family that the other sentence lacks."""
    for one, other in ((earlier, later), (later, earlier)):
        for word in _WORD.findall(part_with(one, kind)):
            if any(number < len(_APART) and not other.groups[number] for number, _ in _FAMILY_OF.get(word, ())):
                return True
    return False
