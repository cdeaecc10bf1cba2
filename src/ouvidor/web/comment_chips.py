"""The filters in force above the list of comments, in words, each with the address of the list without it."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from ouvidor.web.categories import CategoryView, category_view
from ouvidor.web.comment_filters import CommentFilters
from ouvidor.web.contexts.comments import FilterChip
from ouvidor.web.words import Words


def chips_of(
    words: Words, base: str, filters: CommentFilters, categories: Mapping[str, CategoryView]
) -> tuple[FilterChip, ...]:
    """A chip for each filter, in the order of the form; a span of days or of confidence is one."""
    _, told = words.text, filters.told
    named: dict[tuple[str, ...], tuple[str, Callable[[str], str]]] = {
        ("q",): (_("Searched for"), str),
        ("category",): (_("Category"), lambda code: category_view(categories, code).name),
        ("given_category",): (_("Category of the AI"), lambda code: category_view(categories, code).name),
        ("sentiment",): (_("Sentiment"), lambda value: sentiment_word(words, value)),
        ("tag",): (_("Tag"), lambda code: f"#{code}"),
        ("language",): (_("Language"), lambda code: tongue_name(words, code)),
        ("artist",): (_("Artist"), str),
        ("album",): (_("Album"), str),
        ("since", "until"): (_("Written on"), lambda _: _days(words, filters)),
        ("least", "most"): (_("Confidence"), lambda _: _shares(words, filters)),
        ("corrected",): (_("Corrected"), lambda flag: _("Yes") if flag == "true" else _("No")),
        ("waiting",): (_("Waits to be looked at"), lambda flag: _("Yes") if flag == "true" else _("No")),
        ("job",): (_("Came with"), lambda _job: _("one upload")),
    }
    chips = [
        FilterChip(label, shown(next(told[key] for key in keys if key in told)), _without(base, filters, keys))
        for keys, (label, shown) in named.items()
        if any(key in told for key in keys)
    ]
    for name, value in filters.fields:
        rest = filters.without_field(name).address()
        chips.append(FilterChip(name, value, f"{base}?{rest}" if rest else base))
    if filters.ids:
        rest = CommentFilters(filters.told, filters.fields).address()
        chips.append(FilterChip(_("Id"), ", ".join(filters.ids), f"{base}?{rest}" if rest else base))
    return tuple(chips)


def sentiment_word(words: Words, sentiment: str) -> str:
    """The word of a sentiment."""
    _ = words.text
    return {"positive": _("positive"), "negative": _("negative"), "neutral": _("neutral")}.get(sentiment, sentiment)


def tongue_name(words: Words, code: str) -> str:
    """The language of a comment; those of which we have no name go by their code."""
    _ = words.text
    return {"pt": _("Portuguese"), "en": _("English"), "es": _("Spanish")}.get(code, code)


def _without(base: str, filters: CommentFilters, keys: tuple[str, ...]) -> str:
    rest = filters.address(**dict.fromkeys(keys, ""))
    return f"{base}?{rest}" if rest else base


def _days(words: Words, filters: CommentFilters) -> str:
    """`21 Nov – 23 Nov`, both included; open where there is one bound."""
    _ = words.text
    since, until = (datetime.fromisoformat(filters[name]) if filters[name] else None for name in ("since", "until"))
    last = until - timedelta(microseconds=1) if until else None
    if since and last:
        first, end = words.day(since.date()), words.day(last.date())
        return first if since.date() == last.date() else f"{first} – {end}"
    if since:
        return _("since %(day)s", day=words.day(since.date()))
    return _("until %(day)s", day=words.day(last.date())) if last else ""


def _shares(words: Words, filters: CommentFilters) -> str:
    least, most = (round(100 * float(filters[name] or usual)) for name, usual in (("least", "0"), ("most", "1")))
    return f"{words.number(least)} – {words.number(most)} %"
