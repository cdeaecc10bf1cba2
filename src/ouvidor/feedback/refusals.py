"""Why a comment was not taken in, or not classified: as the error that it is, and as it stands beside its results."""

from typing import Self

from pydantic import BaseModel, ConfigDict

from ouvidor.errors import Conflict, NotFound, OuvidorError, Unavailable, Unprocessable
from ouvidor.feedback.told import Unfit
from ouvidor.problems import TITLES

WHERE = ("line ", "object ", "value ", "comment ", "item ")
"""Reasons that come from a file begin with the place."""


class UnfitComment(Unprocessable):
    """A value of this comment cannot be accepted."""


class OtherTextStored(Conflict):
    """Another text is stored under this id; give the comment another id."""


class CommentGone(NotFound):
    """This comment was deleted since the request was answered."""


class Unclassified(Unavailable):
    """This comment could not be classified; have the failed ones of the job tried again."""


class Refusal(BaseModel):
    """Why one comment of several has no result: the members of a problem document (RFC 9457)."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "urn:ouvidor:unfit_comment",
                "title": "A value cannot be accepted",
                "status": 422,
                "detail": "The comment has no text.",
            }
        }
    )

    type: str
    title: str
    status: int
    detail: str

    @classmethod
    def of(cls, unfit: Unfit) -> Self:
        """From what is told of the comment."""
        error = refusal_of(unfit)
        title = TITLES.get(error.status, "Error")
        return cls(type=f"urn:ouvidor:{error.code()}", title=title, status=error.status, detail=error.detail)


def refusal_of(unfit: Unfit) -> OuvidorError:
    """The error that it is where the comment was sent alone."""
    match unfit.status:
        case OtherTextStored.status:
            return OtherTextStored()
        case CommentGone.status:
            return CommentGone()
        case UnfitComment.status:
            reason = unfit.reason.removesuffix(".")
            return UnfitComment(f"{_upper(reason) if reason.startswith(WHERE) else f'The comment {reason}'}.")
        case _:
            return Unclassified(f"The comment {unfit.reason}; have the failed ones of the job tried again.")


def _upper(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
