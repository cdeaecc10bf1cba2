"""Comments as our own routes take and answer them."""

from datetime import datetime
from typing import Annotated, cast

from fastapi import UploadFile
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    InstanceOf,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic.config import JsonDict
from pydantic.json_schema import SkipJsonSchema

from ouvidor.conversations.import_command import reading_of
from ouvidor.conversations.imported import BrokenRow, shown
from ouvidor.feedback.intake.columns import CommentReading, Form, fields_named
from ouvidor.feedback.intake.sending import SentFile, as_text, id_of_unfit
from ouvidor.feedback.read import CommentOut
from ouvidor.feedback.refusals import Refusal
from ouvidor.feedback.told import MAX_FIELDS, MAX_ID_CHARACTERS, MAX_TEXT_CHARACTERS, Told, Unfit, told
from ouvidor.inputs import StorableText

NOT_ACCEPTED = 422

Option = Annotated[StorableText, Field(max_length=200)]


class CommentIn(BaseModel):
    """A comment to classify."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(description=f"At most {MAX_TEXT_CHARACTERS:,} characters.")
    id: str | int | None = Field(
        default=None, description=f"Yours, unique in the project; at most {MAX_ID_CHARACTERS} characters."
    )
    fields: dict[str, str | int | float | bool | None] = Field(
        default={}, description=f"Whatever else is to be kept with it, such as the artist; at most {MAX_FIELDS}."
    )
    author: str | int | None = Field(default=None, description="Who wrote it: an erasure finds it by that.")
    written_at: str | int | float | None = Field(
        default=None, description="ISO 8601, or seconds or milliseconds since 1970; without one it is now."
    )


def _or_unfit(value: object, handler: ValidatorFunctionWrapHandler) -> object:
    """The comment, or what is wrong with it: a broken one does not keep the others out."""
    try:
        return handler(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = shown(".".join(map(str, first["loc"][1:3])))
        given = cast("dict[object, object]", value).get("id") if isinstance(value, dict) else None
        reason = f"has a wrong {place} ({first['msg']})" if place else f"cannot be read ({first['msg']})"
        return Unfit(id_of_unfit(given), NOT_ACCEPTED, reason)


Item = Annotated[CommentIn | SkipJsonSchema[InstanceOf[Unfit]], WrapValidator(_or_unfit)]
EXAMPLE: JsonDict = {
    "comments": [
        {
            "id": "4711",
            "text": "Amei o clipe novo, que história linda",
            "fields": {"artista": "Marina Sol", "album": "Laje"},
            "written_at": "2026-11-20T18:12:00-03:00",
        }
    ]
}


class CommentsIn(BaseModel):
    """Comments to classify: up to 100 at once, more as a job."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": EXAMPLE})

    comments: list[Item] = Field(min_length=1)


class FileIn(BaseModel):
    """A file of comments, and how to read it where it does not tell."""

    model_config = ConfigDict(extra="forbid")

    file: UploadFile
    form: Form | None = Field(default=None, description="Without it the file's name or its beginning tells.")
    encoding: Option = "utf-8"
    text: Option = Field(default="", description="The column of the text.")
    id: Option = Field(default="", description="The column of your ids.")
    author: Option = Field(default="", description="The column of who wrote it.")
    written_at: Option = Field(default="", description="The column of when it was written.")
    zone: Option = Field(default="UTC", description="Of times that name none, such as America/Sao_Paulo.")
    time_format: Option = Field(default="", description="As of strptime, where times are not ISO 8601.")
    batch: bool = Field(default=False, description="By the provider's batches, at half the price and within a day.")

    def opened(self) -> SentFile:
        """As the deed takes it.

        Raises:
            UnknownName: no such time zone.
        """
        told_columns = {"text": self.text, "id": self.id, "author": self.author, "written_at": self.written_at}
        columns = fields_named({name: column for name, column in told_columns.items() if column})
        values = reading_of({}, self.zone, self.time_format or None)
        reading = CommentReading(self.form, self.encoding, columns, values)
        return SentFile(self.file.file, self.file.filename or "", reading, batched=self.batch)


class ResultOut(BaseModel):
    """What came of one comment: as it is stored, or why it is not. `id` is the caller's."""

    id: str | None
    comment: CommentOut | None = None
    error: Refusal | None = None

    @classmethod
    def of(cls, result: CommentOut | Unfit) -> "ResultOut":
        """From the deed's answer."""
        if isinstance(result, Unfit):
            return cls(id=result.id, error=Refusal.of(result))
        return cls(id=result.external_id, comment=result)


class ResultsOut(BaseModel):
    """What came of each comment, in the order of the request, duplicates included."""

    data: list[ResultOut]


def told_of(one: CommentIn | Unfit, now: datetime) -> Told | Unfit:
    """As the deed takes it, or what is wrong with it."""
    if isinstance(one, Unfit):
        return one
    fields = {name: as_text(value) for name, value in one.fields.items()}
    try:
        return told(one.id, one.text, fields=fields, author=one.author, written_at=one.written_at, now=now)
    except BrokenRow as broken:
        return Unfit(id_of_unfit(one.id), NOT_ACCEPTED, str(broken))
