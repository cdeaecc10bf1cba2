"""What a list, an export or a correction of many comments is narrowed to."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

ARTIST = ("artista", "artist", "Artista", "Artist")
ALBUM = ("album", "álbum", "Album", "Álbum")
"""Under which names of fields an artist or an album is told."""


@dataclass(frozen=True)
class Condition:
    """A condition in SQL on the table `comment`, and the values of its parameters.

    Those of a filter are `project`, and others whose names begin with `of_`, `field_`, `artist_` or `album_`.
    """

    text: str
    values: dict[str, Any]

    def also(self, text: str, **values: Any) -> "Condition":
        """Both this condition and another."""
        return Condition(f"{self.text} and {text}", {**self.values, **values})


@dataclass(frozen=True)
class CommentFilter:
    """The comments of a project that count; what is None or empty leaves a thing open, and all else must hold.

    `category` and `tag` are codes; `given_category` is what the AI gave, whatever a person made of it. `fields` are
    names of fields, each with the text that must stand in it; `artist` and `album` look under each of their names.
    `since` (inclusive) and `until` (exclusive) bound when a comment was written; `least` and `most` its confidence,
    both included. `waiting` are those that a person is to look at; `job` those that came with an upload, as long
    as its items are kept; `external_ids` are the callers' ids, `ids` our own.
    """

    category: str | None = None
    given_category: str | None = None
    tag: str | None = None
    fields: tuple[tuple[str, str], ...] = ()
    artist: str | None = None
    album: str | None = None
    sentiment: str | None = None
    language: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    least: float | None = None
    most: float | None = None
    corrected: bool | None = None
    waiting: bool | None = None
    job: UUID | None = None
    external_ids: tuple[str, ...] = ()
    ids: tuple[UUID, ...] = ()

    @property
    def narrows(self) -> bool:
        """Whether it leaves anything out."""
        return self != CommentFilter()

    def condition(self, project_id: UUID) -> Condition:
        """What a comment of the project must meet; each part has an index that answers it."""
        told = Condition("comment.project_id = :project", {"project": project_id})
        for name, text in CONDITIONS.items():
            value: object = getattr(self, name)
            if value is not None and value != ():
                told = told.also(text, **{f"of_{name}": list(getattr(self, name)) if name in SEVERAL else value})
        for name, column in FLAGS.items():
            wanted: bool | None = getattr(self, name)
            told = told if wanted is None else told.also(f"{column} is {'not ' if wanted else ''}null")
        for place, pair in enumerate(self.fields):
            told = _under_any(told, f"field_{place}", pair[:1], pair[1])
        for which, names, text in (("artist", ARTIST, self.artist), ("album", ALBUM, self.album)):
            told = told if text is None else _under_any(told, which, names, text)
        return told


CONDITIONS = {
    "category": "comment.category = :of_category",
    "given_category": "comment.given_category = :of_given_category",
    "tag": "comment.tag_codes @> array[cast(:of_tag as text)]",
    "sentiment": "comment.sentiment = :of_sentiment",
    "language": "comment.language = :of_language",
    "since": "comment.written_at >= :of_since",
    "until": "comment.written_at < :of_until",
    "least": "comment.confidence >= :of_least",
    "most": "comment.confidence <= :of_most",
    "job": "comment.id in (select comment_id from comment_item where project_id = :project and job_id = :of_job)",
    "external_ids": "comment.external_id = any(cast(:of_external_ids as text[]))",
    "ids": "comment.id = any(cast(:of_ids as uuid[]))",
}
SEVERAL = ("external_ids", "ids")
FLAGS = {"corrected": "comment.corrected_at", "waiting": "comment.waits"}


def _under_any(told: Condition, which: str, names: Sequence[str], text: str) -> Condition:
    """The text stands in a field of one of these names."""
    values = {f"{which}_{place}": json.dumps({name: text}) for place, name in enumerate(names)}
    either = " or ".join(f"comment.fields @> cast(:{key} as jsonb)" for key in values)
    return told.also(f"({either})", **values)
