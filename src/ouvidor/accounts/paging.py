"""Pages of lists whose ids tell when each entry was made: the newest first (CONTRACTS, part 3)."""

from collections.abc import Callable, Sequence
from typing import Annotated, Generic, Literal, Self, TypeVar
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel

Row = TypeVar("Row")
Out = TypeVar("Out")

After = Annotated[UUID | None, Query(description="The last id of the page before.")]
Limit = Annotated[int, Query(ge=1, le=100, description="Entries on a page, at most.")]


class Page(BaseModel, Generic[Out]):
    """One page of a list; `last_id` is the next page's `after`."""

    object: Literal["list"] = "list"
    data: list[Out]
    first_id: UUID | None
    last_id: UUID | None
    has_more: bool

    @classmethod
    def of(
        cls,
        rows: Sequence[Row],
        id_of: Callable[[Row], UUID],
        show: Callable[[Row], Out],
        *,
        after: UUID | None,
        limit: int,
    ) -> Self:
        """The page after `after`, cut from rows in any order (at least one more than the page, where there is one)."""
        rest = sorted((row for row in rows if after is None or id_of(row) < after), key=id_of, reverse=True)
        kept = rest[:limit]
        first, last = (id_of(kept[0]), id_of(kept[-1])) if kept else (None, None)
        return cls(data=[show(row) for row in kept], first_id=first, last_id=last, has_more=len(rest) > limit)
