"""Comments put together from the sentences in aurora/*.toml. Pure but for reading those files, and seeded.

A comment is either written out (`whole`, used once) or composed: a `core`, perhaps with a second sentence of the same
topic (`more`) and with an opening and a closing that any topic of the category bears.
"""

import math
import random
import re
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, TypeAlias

Table: TypeAlias = Mapping[str, Any]

EVENTS = ("release", "outage")
CHANNELS = ("app store", "vídeo", "rede social", "e-mail")
_CHANNEL_SHARES = {
    "music": (3, 44, 47, 6),
    "clip": (0, 85, 15, 0),
    "show": (0, 15, 70, 15),
    "app": (68, 0, 12, 20),
    "spam": (12, 40, 36, 12),
}
_PATTERNS = {"core": 2, "open core": 1, "core close": 2, "core more": 5, "open core more": 5, "core more close": 4}
_SHORT = ("core", "open core")
_HASTY = 0.3
"""The share of composed comments without a first capital and a last full stop."""
_NEAR, _ATTEMPTS = 0.8, 40
"""Above this cosine of word counts to another with the same core, a comment is put together anew, so many times."""
_CITIES = (
    "Recife", "Belém", "Curitiba", "Goiânia", "Campinas", "Juiz de Fora", "Maceió", "Londrina", "Feira de Santana",
    "Santos", "Manaus", "Niterói", "Uberlândia", "Joinville", "Teresina", "Caxias do Sul", "Sobral", "Dourados",
)  # fmt: skip
_PERSONS = (
    "Marta Lins", "José Carlos", "Ivone", "Rafael Quadros", "Dona Cida", "Paulo Sérgio", "Helena Couto", "Tainá",
    "Gilberto", "Priscila Antunes", "Seu Osvaldo", "Bianca Rocha", "Luiz Fernando", "Neusa Prado", "Caio", "Solange",
    "Edilson", "Rosângela", "Otávio Brum", "Aparecida", "Jonas Leite", "Vera Lúcia", "Mirela", "Seu Ademir", "Kátia",
)  # fmt: skip
_PHONES = ("meu Android", "iPhone", "meu tablet", "celular novo", "meu aparelho antigo")
_DEVICES = ("tablet", "iPhone", "Android phone")
_SITES = ("brindes-ja", "lucro-facil", "fas-vip", "premio-certo", "megadesconto", "clickrenda", "sonhogratis")
_SHORTER = {"você": "vc", "vocês": "vcs", "também": "tb", "porque": "pq", "hoje": "hj", "muito": "mto", "quando": "qdo"}


@dataclass(frozen=True)
class Planted:
    """What a demo comment was written to be: its category, topic, language, and the event it belongs to, if any."""

    category: str
    topic: str
    language: str
    event: str | None


@dataclass(frozen=True)
class Composed:
    """A comment's text and what is known about it; `late`: it makes sense only towards the end of its event."""

    text: str
    planted: Planted
    channel: str
    artist: str | None
    album: str | None
    late: bool


@dataclass(frozen=True)
class _Phrase:
    text: str
    artist: str | None
    channel: str | None
    late: bool


@dataclass(frozen=True)
class _Group:
    """The sentences of one topic that go together."""

    name: str
    planted: Planted
    wholes: tuple[_Phrase, ...]
    cores: tuple[_Phrase, ...]
    mores: tuple[str, ...]


@dataclass(frozen=True)
class _Subject:
    """Whom a comment is about: key and name of an artist, an album, two of its tracks."""

    article: str
    name: str
    album: str
    track: str
    other_track: str


class _Deck:
    """Draws from a shuffled pile, and shuffles anew when it is empty: no item comes twice before each came once."""

    def __init__(self, items: Sequence[str], seed: str) -> None:
        self._items, self._random = list(items), random.Random(seed)  # noqa: S311 - comments are no secrets
        self._pile: list[str] = []

    def draw(self) -> str:
        """The next item; an empty text where there is none at all."""
        if not self._pile:
            self._pile = self._random.sample(self._items, len(self._items))
        return self._pile.pop() if self._pile else ""


class Composer:
    """Puts comments together; two with the same seed give the same."""

    def __init__(self, seed: str) -> None:
        self._random, self._seed = random.Random(seed), seed  # noqa: S311 - as above
        self._decks: dict[str, _Deck] = {}
        self._said: dict[str, list[Counter[str]]] = {}

    def compose(self, event: str | None, category: str, language: str, count: int) -> list[Composed]:
        """`count` comments: all that are written out, then composed ones, each core as often as the others."""
        groups = _groups(event, category, language)
        written = [self._whole(group, phrase) for group in groups for phrase in group.wholes]
        pairs = [(group, core) for group in groups for core in group.cores]
        made: list[Composed] = []
        while len(written) + len(made) < count:
            self._random.shuffle(pairs)
            made += [self._joined(group, core) for group, core in pairs]
        return (written + made)[:count]

    def _whole(self, group: _Group, phrase: _Phrase) -> Composed:
        about = _mentioned(phrase.text, group.planted.event) or self._subject(group, phrase)
        channel = phrase.channel or self._channel(group.planted.topic, mail=False)
        return self._finished(group, phrase, channel, about, self._filled(phrase.text, about))

    def _joined(self, group: _Group, core: _Phrase) -> Composed:
        """A comment around the core, unlike those that it already stands in."""
        said = self._said.setdefault(core.text, [])
        made = self._attempt(group, core, first=not said)
        for _ in range(_ATTEMPTS):
            if all(_cosine(_words(made.text), other) < _NEAR for other in said):
                break
            made = self._attempt(group, core, first=not said)
        said.append(_words(made.text))
        return made

    def _attempt(self, group: _Group, core: _Phrase, *, first: bool) -> Composed:
        channel = core.channel or self._channel(group.planted.topic, mail=group.planted.language == "pt")
        about = self._subject(group, core)
        text = self._filled(self._sentences(group, core.text, channel, first=first), about)
        if channel != "e-mail":
            text = self._roughened(text, group.planted)
        return self._finished(group, core, channel, about, text)

    def _finished(self, group: _Group, phrase: _Phrase, channel: str, about: _Subject, text: str) -> Composed:
        topic = group.planted.topic
        named = topic in {"music", "clip", "show"}
        if topic == "spam":
            named = channel == "vídeo" or any(slot in phrase.text for slot in ("{artista}", "{album}", "{faixa}"))
        artist = about.name if named else None
        album = about.album if named and topic != "show" else None
        return Composed(text, group.planted, channel, artist, album, phrase.late)

    def _sentences(self, group: _Group, core: str, channel: str, *, first: bool) -> str:
        """The sentences of one comment, joined and capitalised; short ones only at the first use of their core."""
        planted = group.planted
        weights = {name: weight for name, weight in _PATTERNS.items() if first or name not in _SHORT}
        pattern = self._random.choices(list(weights), list(weights.values()))[0].split()
        mail = channel == "e-mail" and planted.language == "pt" and planted.category != "spam"
        if mail:
            pattern = ["open_mail", "core", "more", "close_mail"]
        shared = _shared(planted.category, planted.language)
        parts = [self._part(group, part, shared) if part != "core" else core for part in pattern]
        return _one_text([part for part in parts if part], hasty=not mail and self._random.random() < _HASTY)

    def _part(self, group: _Group, part: str, shared: Table) -> str:
        """The next opening or closing of the category, or the next second sentence of the topic."""
        items, owner = (group.mores, group.name) if part == "more" else (shared.get(part, ()), "")
        pile = f"{self._seed}/{group.planted.category}/{group.planted.language}/{owner}/{part}"
        return self._decks.setdefault(pile, _Deck(items, pile)).draw()

    def _channel(self, topic: str, *, mail: bool) -> str:
        last = len(CHANNELS) if mail else -1
        return self._random.choices(CHANNELS[:last], _CHANNEL_SHARES[topic][:last])[0]

    def _subject(self, group: _Group, phrase: _Phrase) -> _Subject:
        catalogue = _catalogue()
        key = "release" if group.planted.event == "release" else phrase.artist
        if key is None:
            key = self._random.choices(list(catalogue), [artist["weight"] for artist in catalogue.values()])[0]
        artist = catalogue[key]
        album = self._random.choice(artist["albums"])
        track, other = self._random.sample(album["tracks"], 2)
        return _Subject(artist["article"], artist["name"], album["title"], track, other)

    def _filled(self, text: str, about: _Subject) -> str:
        pick = self._random.choice
        other = pick(
            [
                f"{artist['article']} {artist['name']}"
                for artist in _catalogue().values()
                if artist["weight"] and artist["name"] != about.name
            ]
        )
        return text.format(
            artista=about.name, album=about.album, faixa=about.track, outra=about.other_track,
            o=about.article, O=about.article.upper(), do=f"d{about.article}", outro=other,
            cidade=pick(_CITIES), pessoa=pick(_PERSONS), aparelho=pick(_PHONES), device=pick(_DEVICES),
            link=f"www.{pick(_SITES)}.example", zap=f"(00) 9{pick(range(10, 100))}00-0{pick(range(100, 1000))}",
        )  # fmt: skip

    def _roughened(self, text: str, planted: Planted) -> str:
        """As it may be typed on a telephone: abbreviated, shouted, with an emoji."""
        roll = self._random.random
        if planted.language == "pt" and roll() < 0.25:
            text = re.sub(r"\w+", lambda word: _SHORTER.get(word[0], word[0]), text)
        if planted.category == "spam" and roll() < 0.25 and "example" not in text:
            text = text.upper()
        if roll() < 0.22:
            text += " " + self._random.choice(_shared(planted.category, planted.language).get("emoji", [""]))
        return text.strip()


def _one_text(parts: Sequence[str], *, hasty: bool) -> str:
    """One text, a capital where a sentence begins; in haste the first capital and the last full stop are left out."""
    text = "" if not hasty else parts[0]
    for part in parts[hasty:]:
        begins = not text or text[-1] in ".!?…"
        at = 1 if part.startswith("{o}") else 0
        capital = part[:at] + part[at].upper() + part[at + 1 :]
        text += (" " if text else "") + (capital if begins and (at or part[0] != "{") else part)
    return text.removesuffix(".") if hasty else text


def _words(text: str) -> Counter[str]:
    return Counter(re.findall(r"\w+", text.lower()))


def _cosine(one: Counter[str], other: Counter[str]) -> float:
    shared = sum(count * other[word] for word, count in one.items())
    return shared / math.sqrt(sum(n * n for n in one.values()) * sum(n * n for n in other.values()))


@cache
def _table(name: str) -> Table:
    return tomllib.loads((files("ouvidor.demo") / "aurora" / f"{name}.toml").read_text("utf-8"))


def _catalogue() -> Table:
    return _table("catalogue")


def _shared(category: str, language: str) -> Table:
    """Openings, closings and emoji of a category: what is not a topic in its file."""
    return {name: part for name, part in _table(category).get(language, {}).items() if isinstance(part, list)}


@cache
def _groups(event: str | None, category: str, language: str) -> tuple[_Group, ...]:
    """The topics of a category; an event's file holds categories, and its topics are read from the words."""
    table: Table = _table(event or category).get(language, {})
    groups: list[_Group] = []
    for name, value in table.items():
        if isinstance(value, list) or (event and name.split("_")[0] != category):
            continue
        part: Table = value
        topics = {None: name.split("_")[0], "outage": "app", "release": "clip" if name.endswith("_clip") else "music"}
        planted = Planted(category, topics[event], language, event)
        wholes, cores = (tuple(map(_phrase, part.get(kind, ()))) for kind in ("whole", "core"))
        groups.append(_Group(name, planted, wholes, cores, tuple(part.get("more", ()))))
    return tuple(groups)


def _phrase(line: str) -> _Phrase:
    """A line with its marks before ` | `: an artist's key, a channel, `late`."""
    *marks, text = line.split(" | ")
    artist = next((mark for mark in marks if mark in _catalogue()), None)
    return _Phrase(text, artist, next((mark for mark in marks if mark in CHANNELS), None), "late" in marks)


def _mentioned(text: str, event: str | None) -> _Subject | None:
    """The artist and album that a written-out comment names by a title or a name, if it does."""
    titles: dict[str, _Subject] = {}
    for key, artist in _catalogue().items():
        if (key == "release") != (event == "release"):
            continue
        for album in artist["albums"]:
            about = _Subject(artist["article"], artist["name"], album["title"], *album["tracks"][:2])
            titles |= dict.fromkeys((*album["tracks"], album["title"]), about)
            titles.setdefault(artist["name"], about)
    named = [title for title in titles if re.search(rf"\b{re.escape(title)}(?!\w)", text)]
    return titles[max(named, key=len)] if named else None
