"""How often people agree with the AI: on comments judged blindly, which is unbiased, and on those it was unsure of."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.feedback.measures import share
from ouvidor.feedback.models import Waits

MOST_MISTAKES = 10

SAID = text("""
select said.waited, given.category as given, c.category as said, count(*) as comments
from comment_classification said
join comment c on c.id = said.comment_id and c.corrected_at is not null
join lateral (
    select g.category, g.taxonomy from comment_classification g
    where g.comment_id = said.comment_id and g.by <> 'person' and g.created_at <= said.created_at
    order by g.created_at desc, g.id desc limit 1
) given on given.taxonomy = said.taxonomy
where said.project_id = :project and said.by = 'person' and said.created_at >= :since
    and said.waited is not null and said.deed is null and said.withdrawn_at is null
group by 1, 2, 3 order by 4 desc, 1, 2, 3
""")
"""By what the comment had waited for: the AI's category at that time, and what holds since; not what was said of many
at once.
"""


class ShareOut(BaseModel):
    """A share with the interval (Wilson) that holds the true one in 95 of 100 cases; null of nothing."""

    model_config = ConfigDict(frozen=True)

    agreed: int
    looked_at: int
    share: float | None
    low: float = Field(description="0 to 1.")
    high: float = Field(description="0 to 1.")


class Mistake(BaseModel):
    """So many comments that the AI took for `given` are `said`, by code."""

    given: str
    said: str
    comments: int


class AgreementOut(BaseModel):
    """How often people agreed with the AI's category.

    `blind` comments are a random share judged without knowing the AI's value: their share is its accuracy. `unsure` are
    the hard ones, so theirs is lower. `mistakes` are the most frequent differences of both.
    """

    blind: ShareOut
    unsure: ShareOut
    mistakes: list[Mistake]


async def agreement(session: AsyncSession, project_id: UUID, since: datetime) -> AgreementOut:
    """Of what people have said since then and not taken back; comments sorted by another taxonomy are left out."""
    rows = (await session.execute(SAID, {"project": project_id, "since": since})).all()

    def of(waited: Waits) -> ShareOut:
        counts = [(row.comments, row.given == row.said) for row in rows if row.waited == waited]
        found = share(sum(count for count, agreed in counts if agreed), sum(count for count, _ in counts))
        return ShareOut(agreed=found.hits, looked_at=found.count, share=found.value, low=found.low, high=found.high)

    mistakes: dict[tuple[str, str], int] = {}
    for row in rows:
        if row.given != row.said:
            mistakes[row.given, row.said] = mistakes.get((row.given, row.said), 0) + row.comments
    ranked = sorted(mistakes.items(), key=lambda one: (-one[1], one[0]))[:MOST_MISTAKES]
    return AgreementOut(
        blind=of(Waits.BLIND),
        unsure=of(Waits.UNSURE),
        mistakes=[Mistake(given=given, said=said, comments=count) for (given, said), count in ranked],
    )
