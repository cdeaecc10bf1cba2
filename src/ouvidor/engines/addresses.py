"""Where street addresses stand in a text, Portuguese and English: street and number, complement, post box. Pure.

A street without a number is left alone unless the words before it say that somebody lives there: "the shop in Rua
Augusta" is a question, no address.
"""

import re
from collections.abc import Iterator

_END = r"(?![\w%])(?![.,]\d)"
_NO_NAME = (
    r"(?!(?:às|as|até|com|para|pra|que|fica|abre|fecha|em|é|tem|na|no|nas|nos|o|os|um|uma|por|mais|não|ou|está|entre|"
    r"num|n|número|numero|km|n[º°]|apto?|tem|quero|aqui|acima|abaixo|perto|hoje|amanhã|há|ha|uns|cerca)\b)"
)
_DATE = r"(?:\d{1,2}º?\s(?:de\s)?)?"
_NAME_WORD = rf"{_NO_NAME}[^\W\d_][\w'’.]{{0,30}}"
_NAME = rf"{_DATE}{_NAME_WORD}(?:[\s-]{{1,2}}(?:\d{{1,2}}\sde\s)?{_NAME_WORD}){{0,6}}?"
_NUMBER = (
    r"(?:\s?[,–-]?\s{0,2}(?:n[º°o]?\.?\s?|n[úu]m(?:ero|\.)?\s?|casa\s|km\s)?"
    rf"\d{{1,5}}(?:[.,]\d{{3}})?(?:\s?-?[A-Za-z])?{_END}"
    r"|\s?,?\s?s/?n[º°]?\b|\s?,?\s?sem n[úu]mero\b)"
)
_UNIT = (
    r"(?:\s?[,;–-]?\s{0,2}(?:(?:apto|apt|ap|bl|cj|conj|lt|qd|cob)\.?|apartamento|bloco|casa|sala|conjunto|andar|lote|"
    r"quadra|torre|cobertura|unidade)\s?(?:n[º°]?\s?)?(?=[\w]{0,3}\d|[A-Za-z]\b)[\w-]{1,6}\b"
    r"|\s?[,–-]\s?\d{1,2}[º°]\s?andar\b|\s?[,–-]\s?fundos\b)"
)
_STREET_WORD = (
    r"(?<![\w$/])(?:(?:rua|avenida|travessa|alameda|rodovia|estrada|praça|praca|ladeira|beco|viela|largo d[aeo]s?)\s"
    r"|(?:av|trav|tv|al|rod|estr|pça|pca)\.\s?|(?:av|pça)\s|r\.\s?)"
)
STREET_PT = re.compile(rf"{_STREET_WORD}{_NAME}{_NUMBER}{_UNIT}{{0,4}}", re.IGNORECASE)
STREET_R = re.compile(rf"(?<![\w$/])R\s(?=[A-ZÀ-Ý]){_NAME},\s?\d{{1,5}}{_END}{_UNIT}{{0,4}}")
HIGHWAY_PT = re.compile(
    r"(?<![\w/])(?:rodovia\s(?:[^\W\d_][\w'’.]{0,30}\s){0,4}?|rod\.\s?|estrada\s)?"
    r"\(?\b(?:BR|SP|RJ|MG|PR|SC|RS|BA|ES|GO)-?\s?\d{2,3}\)?\s?[,–-]?\s?km\s?\d{1,4}(?:[.,+]\d{1,3})?\b",
    re.IGNORECASE,
)
BRASILIA = re.compile(
    r"(?<!\w)(?:SQS|SQN|SQSW|SHIS|SHIN|SHCGN|QNM|QNL|QND|QNN|QI|QE|CLN|CLS|SCS|SCN|SBS|SBN|SRTVS|QS|QR)\s?"
    r"(?:quadra\s)?\d{1,3}"
    r"(?:,?\s(?:conj(?:unto|\.)?|bloco|bl\.?|casa|lote|sala|apto?\.?|ap\.?|apartamento)\s?\w{1,5}\b){1,4}",
    re.IGNORECASE,
)
LIVES_PT = re.compile(
    r"\b(?:moro|mora|moramos|resido|reside|vivo|endereço é|endereco é|endereço:|endereco:)\s(?:[aà]|n[ao]|é|em)?\s?"
    r"((?:rua|avenida|av\.|travessa|alameda|estrada|r\.)\s?[^\W\d_][\w'’]{1,30}"
    rf"(?:\s(?:d[aeo]s?\s\w{{1,30}}|e\s\w{{1,30}}|(?-i:[A-ZÀ-Ý][\w'’]{{1,30}}))){{0,5}}{_UNIT}{{0,3}})",
    re.IGNORECASE,
)
UNIT_ALONE = re.compile(
    r"(?<!\w)(?:apto?\.?|apt\.?|ap\.|apartamento|apartment)\s?(?:n[º°]?\.?\s?|#\s?|no\.\s?)?"
    r"(?:\d{1,5}(?:[ -]?[A-Za-z])?|[A-Za-z]-?\d{1,4})(?![\w%])"
    r"(?:[,\s]{1,2}(?:d[oa]\s)?(?:bloco|bl\.|torre|building|block)\s?\w{1,4}\b)?",
    re.IGNORECASE,
)
BOX = re.compile(
    r"(?<!\w)(?:P\.?\s?O\.?\s?Box|post office box|caixa postal|cx\.?\s?postal)\s"
    r"(?:n[º°o]\.?\s?|#)?\d{1,3}(?:[.\s]?\d{3})?(?!\w)",
    re.IGNORECASE,
)

_SURE = r"(?:street|avenue|road|boulevard|lane|blvd|ave|rd|st|ln|highway|hwy|parkway|pkwy)"
_WORDY = (
    r"(?:Drive|Dr|Court|Ct|Way|Place|Pl|Terrace|Square|Sq|Close|Crescent|Gardens|Mews|Row|Hill|Walk|Grove|Circle|Cir|"
    r"Trail|Green|Quay)"
)
_NO_ENGLISH = (
    r"(?!(?:of|on|in|at|the|a|an|and|to|for|from|by|stores?|shops?|is|are|was|were|people|items?|days?|weeks?|"
    r"hours?|minutes?|min|mins|months?|years?|times?|things?|or|my|your|off|per|units?|pairs?|boxes|am|pm|[ap]\.m|that|this|with|more|"
    r"questions?|blocks?|miles?|km|rooms?|nights?|guests?|adults?|children|kids|kg|lbs?|cm|dollars?|euros?|January|February|"
    r"March|April|May|June|July|August|September|October|November|December)\b)"
)
_EN_NAME = rf"(?:(?:\d{{1,3}}(?:st|nd|rd|th)|{_NO_ENGLISH}[A-Za-z][\w'’.]{{0,25}})\s){{1,4}}?"
_EN_CAPITAL = r"(?:(?:\d{1,3}(?:st|nd|rd|th)|[A-Z][\w'’.]{0,25})\s){1,4}?"
_EN_NUMBER = r"(?<![\w$€£.,:#/-])(?<!R\$\s)(?<![$€£#]\s)\d{1,5}(?:[A-Za-z]|-\d{1,4})?,?\s"
_EN_UNIT = (
    r"(?i:(?:,?\s(?:NW|NE|SW|SE|[NSEW]|North|South|East|West)\b)?"
    r"(?:\s?,?\s?(?:apt\.?|apartment|suite|ste\.?|unit|flat|floor|fl\.|room|rm\.?|#)\s?#?"
    r"(?=\w{0,3}\d|[A-Za-z]\b)[\w-]{1,6}\b"
    r"|,?\s\d{1,2}(?:st|nd|rd|th)\sfloor\b)?)"
)
_EN_BEFORE = r"(?i:(?<!\w)(?:flat|apt\.?|apartment|unit|suite|room|house)\s?#?(?=\w{0,3}\d|[A-Za-z]\b)\w{1,5},?\s)?"
STREET_EN = re.compile(rf"{_EN_BEFORE}{_EN_NUMBER}{_EN_NAME}{_SURE}\b\.?{_EN_UNIT}", re.IGNORECASE)
STREET_EN_CAPITAL = re.compile(
    rf"{_EN_BEFORE}{_EN_NUMBER}(?:{_EN_CAPITAL}{_WORDY}\b\.?|(?:Broadway|Park Row|Strand|Piccadilly)\b){_EN_UNIT}"
)
PATTERNS = (
    STREET_PT,
    STREET_R,
    HIGHWAY_PT,
    BRASILIA,
    STREET_EN,
    STREET_EN_CAPITAL,
    BOX,
    UNIT_ALONE,
)


def streets(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each address; they may overlap."""
    for pattern in PATTERNS:
        yield from (match.span() for match in pattern.finditer(text))
    yield from (match.span(1) for match in LIVES_PT.finditer(text))
