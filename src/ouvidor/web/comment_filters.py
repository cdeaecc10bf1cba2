"""What the list of comments is narrowed to, as its address says it; whatever it cannot mean is left out.

The names are those of `GET /api/v1/comments`, so that a saved view serves both. The form above the list has names of
its own for what people write otherwise: whole days, per cent, one field each.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, get_args
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from fastapi import Depends, Request

from ouvidor.feedback.classification import Sentiment
from ouvidor.feedback.finding.find import Mode, Order
from ouvidor.feedback.finding.views import LONGEST_QUERY
from ouvidor.feedback.finding.wanted import CommentFilter
from ouvidor.feedback.told import MAX_FIELD_CHARACTERS, MAX_FIELD_NAME_CHARACTERS
from ouvidor.inputs import EARLIEST, LATEST, day_of, storable

LONGEST_SEARCH = 500
LONGEST_VALUE = 300
MOST_FIELDS = 10
MOST_IDS = 100
FIELD = "field."
"""Before a field's name in the form: `field.channel`."""
MODES: tuple[Mode, ...] = get_args(Mode)
ORDERS: tuple[Order, ...] = get_args(Order)
SENTIMENTS: tuple[Sentiment, ...] = get_args(Sentiment)
CHOICES: Mapping[str, tuple[str, ...]] = {
    "sentiment": SENTIMENTS,
    "corrected": ("true", "false"),
    "waiting": ("true",),
    "mode": tuple(mode for mode in MODES if mode != "auto"),
    "order": ORDERS,
    "rows": ("dense",),
}
TEXTS = ("category", "given_category", "tag", "artist", "album", "language")
STATES: Mapping[str, tuple[str, str]] = {
    "waiting": ("waiting", "true"),
    "corrected": ("corrected", "true"),
    "not-corrected": ("corrected", "false"),
}
"""What the form's one choice stands for."""
HOW = frozenset({"mode", "order", "rows"})
"""What tells how comments are shown, not which."""
DAY = timedelta(days=1)


@dataclass(frozen=True)
class CommentFilters:
    """The filters that mean something: `told` by their names in the address, the fields looked into, callers' ids.

    `rows` is `dense` where each comment takes one line.
    """

    told: Mapping[str, str] = field(default_factory=dict[str, str])
    fields: tuple[tuple[str, str], ...] = ()
    ids: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> str:
        """What this filter is, empty where it is not set."""
        return self.told.get(name, "")

    @property
    def narrowed(self) -> bool:
        """Whether they leave anything out."""
        return bool(self.fields or self.ids) or any(name not in HOW for name in self.told)

    @property
    def mode(self) -> Mode:
        """How words are looked for."""
        known: dict[str, Mode] = {mode: mode for mode in MODES}
        return known.get(self["mode"], "auto")

    @property
    def order(self) -> Order | None:
        """The order asked for, if one was."""
        return next((order for order in ORDERS if order == self["order"]), None)

    def address(self, **changes: str) -> str:
        """The filters with these changes, as an address has them; an empty one is taken away."""
        told = {name: value for name, value in {**self.told, **changes}.items() if value}
        pairs = (("field", f"{name}={value}") for name, value in self.fields)
        return urlencode([*told.items(), *pairs, *(("external_id", each) for each in self.ids)])

    def without_field(self, name: str) -> "CommentFilters":
        """The same without what this field must be."""
        return replace(self, fields=tuple(pair for pair in self.fields if pair[0] != name))

    def with_field(self, name: str, value: str) -> "CommentFilters":
        """The same with what this field must be."""
        return replace(self, fields=(*self.without_field(name).fields, (name, value)))

    def shown(self) -> dict[str, str]:
        """The filters as the form shows them; what is not chosen is empty."""
        names = ("q", "job", *TEXTS, *CHOICES)
        state = next((name for name, (flag, value) in STATES.items() if self[flag] == value), "")
        until = _moment(self["until"])
        return {name: self[name] for name in names} | {
            "state": state,
            "from": self["since"][:10],
            "to": (until - DAY).date().isoformat() if until else "",
            "sure_from": _per_cent(self["least"]),
            "sure_to": _per_cent(self["most"]),
        }

    def wanted(self) -> CommentFilter:
        """The filters as lists, exports and corrections take them."""
        flags = {"true": True, "false": False}
        return CommentFilter(
            category=self["category"] or None,
            given_category=self["given_category"] or None,
            tag=self["tag"] or None,
            fields=self.fields,
            artist=self["artist"] or None,
            album=self["album"] or None,
            sentiment=self["sentiment"] or None,
            language=self["language"] or None,
            since=_moment(self["since"]),
            until=_moment(self["until"]),
            least=_share(self["least"]),
            most=_share(self["most"]),
            corrected=flags.get(self["corrected"]),
            waiting=flags.get(self["waiting"]),
            job=UUID(self["job"]) if self["job"] else None,
            external_ids=self.ids,
        )


def filters_of(parameters: Iterable[tuple[str, str]]) -> CommentFilters:
    """The filters of an address, as the form writes it or as our links do."""
    given = [(name, value.strip()) for name, value in parameters if _is_storable(name) and _is_storable(value)]
    last = dict(given)
    told = {name: value for name in ("q", *TEXTS, *CHOICES) if (value := _sound(name, last.get(name, "")))}
    told |= {name: value for name in ("least", "most") if _share(value := last.get(name, "")) is not None}
    told |= {name: at.isoformat() for name in ("since", "until") if (at := _moment(last.get(name, "")))}
    if _is_id(last.get("job", "")):
        told["job"] = last["job"]
    fields = dict(pair for name, value in given if (pair := _field(name, value)))
    if _is_field(pair := (last.get("other", ""), last.get("value", ""))):
        fields[pair[0]] = pair[1]
    ids = tuple(value[:LONGEST_VALUE] for name, value in given if name == "external_id" and value)
    return CommentFilters(told | _of_form(last), tuple(fields.items())[:MOST_FIELDS], ids[:MOST_IDS])


def filters_in(query: str) -> CommentFilters:
    """The filters of the query part of an address."""
    return filters_of(parse_qsl(query[:LONGEST_QUERY]))


def read_filters(request: Request) -> CommentFilters:
    """The filters of the request's own address."""
    return filters_of(request.query_params.multi_items())


FiltersDep = Annotated[CommentFilters, Depends(read_filters)]


def _of_form(last: Mapping[str, str]) -> dict[str, str]:
    """What the form says in its own way."""
    told: dict[str, str] = {}
    if day := day_of(last.get("from", "")):
        told["since"] = day.isoformat()
    if day := day_of(last.get("to", "")):
        told["until"] = (day + DAY).isoformat()
    for name, plain in (("least", "sure_from"), ("most", "sure_to")):
        number = last.get(plain, "")
        if number.isascii() and number.isdigit() and len(number) <= 3 and int(number) <= 100:
            told[name] = str(int(number) / 100)
    if state := STATES.get(last.get("state", "")):
        told[state[0]] = state[1]
    return told


def _sound(name: str, value: str) -> str:
    if name in CHOICES:
        return value if value in CHOICES[name] else ""
    return value[: LONGEST_SEARCH if name == "q" else LONGEST_VALUE]


def _field(name: str, value: str) -> tuple[str, str] | None:
    """The field that a parameter names, and what it must be; in the form each field has a parameter of its own."""
    key, _, wanted = value.partition("=") if name == "field" else (name.removeprefix(FIELD), "", value)
    pair = (key, wanted)
    return pair if (name == "field" or name.startswith(FIELD)) and _is_field(pair) else None


def _is_field(pair: tuple[str, str]) -> bool:
    name, value = pair
    return 0 < len(name) <= MAX_FIELD_NAME_CHARACTERS and 0 < len(value) <= MAX_FIELD_CHARACTERS


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC) if EARLIEST + DAY <= moment <= LATEST else None


def _share(text: str) -> float | None:
    try:
        share = float(text)
    except ValueError:
        return None
    return share if 0 <= share <= 1 else None


def _per_cent(text: str) -> str:
    share = _share(text)
    return "" if share is None else str(round(100 * share))


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _is_storable(text: str) -> bool:
    try:
        storable(text)
    except ValueError:
        return False
    return True
