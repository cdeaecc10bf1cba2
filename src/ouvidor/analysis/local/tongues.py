"""The language of one message, with a margin: silence where the words leave a doubt. Pure.

Portuguese and English are told by more words, chat spellings among them; Spanish, French, Italian and German by the
words that they share with neither.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_LISTS: Mapping[str, str] = {
    "pt": """
        a ao aos agora ai ainda alguem algum alguma amanha antes aqui as ate bem boa bom brigada cada cade coisa com
        como consigo da das de dela dele depois desde dia do dois dos duas e ela ele eles em entao entre era essa
        esse esta estao estar estou eu faz fazer fica foi foram fosse gente ha hoje isso isto ja la lhe mais mas me
        melhor mesmo meu meus minha minhas msm mto muito muita na nada nao nas nem nenhum no nos nossa nosso nossos
        num numa obg obrigada obrigado oi ola onde ontem os ou outra outro para pela pelo pelos pessoa pode podem
        posso por porque pq pra pras pro precisa preciso qdo qto qual quais qualquer quando quanto quantos que quem
        quer quero sao se seja sem sempre ser sera seria seu seus sim so sobre sou sua suas ta tambem tao tb tbm td
        tem temos tenho ter teve tinha to toda todas todo todos tudo um uma umas uns vai vao valeu vc vcs vlw voce
        voces vou vocês né blz tchau dona isso aquele aquela deu dar dao vem estava nessa nesse nesta neste disso
        desse dessa deste desta pelas ninguem algo eh ne aceita senhor senhora tarde noite hein sendo feito
    """,
    "en": """
        a about after again all already also am an and another any anything are as at back be because been before
        being but by can can't cannot cheers come could day did didn't do does doesn't doing don't down each else
        even every for from get give go going good got great had has have haven't he hello help her here hey hi him
        his how i i'd i'll i'm i've if in into is isn't it it's its just know last let like long look made make
        many may me mine more most much must my need never new next no not now of off on once one only or other
        our ours out over please really right same say see send set shall she should since so some something sorry
        still such sure take tell than thank thanks that that's the their them then there there's these they thing
        think this those through till time to today tomorrow too two under until up us very want was wasn't way we
        we'll we're we've well were what what's when where which while who why will with within without won't would
        wouldn't yes yet you you'd you'll you're you've your yours im dont cant whats thx pls u ur gonna wanna
    """,
    "es": """
        el la los las y en un una unos unas hay muy pero con del al es lo le les su sus mi mis tu usted ustedes
        nosotros ellos ella puede pueden puedo tiene tienen tengo quiere quiero esta estan este estos estas eso esa
        tambien fue hasta cuando cuanto donde cual quien hoy manana ayer gracias hola buenos buenas dias noches
        tardes favor nuestro nuestra si por para que de se no como mas sin sobre desde hace hacer ser estar servicio
        vuelve avisar ahora aqui alli siempre nunca todo todos toda todas otro otra bien mejor cada entre porque
        entonces ya hemos habitacion disculpe lamento ha nos sera
    """,
    "fr": """
        le la les un une des du de et en est sont pas ne vous nous je tu il elle ils que qui dans pour par sur avec
        sans mais ou votre vos notre nos mon ma mes ce cette ces bonjour bonsoir merci oui non tres bien aussi plus
        tout tous etre avoir avez avons pouvez peut faire au aux chez s'il c'est j'ai d'un d'une l'hotel se son sa
        comme quand aujourd'hui demain jusqu'a quel quelle chambre
    """,
    "it": """
        il lo la i gli le un una uno di del della dei delle e è in con per non che si sono ho ha hai abbiamo avete
        puo posso vuole vorrei grazie buongiorno buonasera ciao anche ma come quando dove quale questo questa questi
        nostro nostra suo sua lei noi voi al alla ai alle dal dalla nel nella piu molto bene oggi domani ieri prego
        camera ci
    """,
    "de": """
        der die das den dem des ein eine einen einem einer und oder aber ist sind war nicht kein keine ich sie wir
        ihr er es mit von zu zum zur im in am auf fur bei nach aus wie was wann wo bitte danke guten tag morgen
        haben hat habe konnen kann mochte ihre ihren unser unsere auch noch sehr gut heute uhr zimmer
    """,
}
_WORDS: Mapping[str, frozenset[str]] = {language: frozenset(words.split()) for language, words in _LISTS.items()}
_SHARED_BY_MANY = 0.34
_LETTERS: Mapping[str, re.Pattern[str]] = {
    "pt": re.compile(r"[ãõ]|ç[aãoõ]|[âêô]|nh[ao]s?\b|lh[aeo]s?\b|\w(?:ção|ções)\b"),
    "es": re.compile(r"[ñ¿¡]|\w(?:ción|dad|ciones)\b|ll[aeo]"),
    "fr": re.compile(r"[èëùœ]|\b[lcdjnmsq]'|eaux?\b|[àê]"),
    "it": re.compile(r"(?:zione|zioni|tà)\b|\b\w+(?:gli|cch)\w+"),
    "de": re.compile(r"[äöüß]|\w(?:ung|keit|lich|sch)\w*\b"),
    "en": re.compile(r"\w(?:ing|tion|ght|ould)\b|\bwh|\w'(?:s|t|re|ll|ve|d|m)\b"),
}
_LETTER_WEIGHS = 0.7
_MOST_LETTERS = 3
_TOKEN = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


def _weights() -> dict[str, dict[str, float]]:
    """What each word tells of each language: 1 where it belongs to one or two of them, little where to more."""
    held: dict[str, dict[str, float]] = {}
    for language, words in _WORDS.items():
        for word in words:
            held.setdefault(word, {})[language] = 1.0
    return {
        word: dict.fromkeys(told, 1.0 if len(told) < 3 else _SHARED_BY_MANY)  # "a", "no", "me" say little
        for word, told in held.items()
    }


_TELLS = _weights()


@dataclass(frozen=True)
class Tongue:
    """What the words of a text tell of its language: the likeliest, its evidence and that of the next."""

    language: str
    evidence: float
    next_best: float
    runner_up: str

    def clearly(self, least: float, times: float = 2.0) -> bool:
        """Whether there is so much evidence, and so many times that of any other language."""
        return self.evidence >= least and self.evidence >= times * self.next_best + 0.5


SILENT = Tongue("", 0.0, 0.0, "")
"""A text without a word that tells."""


def tongue_of(text: str, words: Sequence[str]) -> Tongue:
    """The language of a text whose folded words are given."""
    scores = dict.fromkeys(_WORDS, 0.0)
    for word in words:
        for language, weight in _TELLS.get(word, {}).items():
            scores[language] += weight
    lowered = text.lower()
    for language, letters in _LETTERS.items():
        if scores[language] or language in {"pt", "es"}:
            scores[language] += _LETTER_WEIGHS * min(len(letters.findall(lowered)), _MOST_LETTERS)
    (best, most), (other, second), *_ = sorted(scores.items(), key=lambda item: -item[1])
    return Tongue(best, most, second, other) if most else SILENT
