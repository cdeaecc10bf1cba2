"""The shapes of OpenAI's chat completions: what is read of a request, what an answer holds, whole or in chunks."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ouvidor.agent.policy import Move, Reason
from ouvidor.conversations.history import Line
from ouvidor.conversations.wire import CustomerId, KeptCompletion, ShownSectionOut
from ouvidor.engines.base import Usage
from ouvidor.engines.tokens import estimate_tokens
from ouvidor.errors import Fault, Unprocessable
from ouvidor.inputs import StorableText

LONGEST_MESSAGE = 20_000
PIECE = re.compile(r"\s*(?:\S+\s*){1,4}|\s+")
"""A few words: what one chunk of a streamed reply holds."""


def _text_of_parts(value: object) -> object:
    """A list of text parts as one text; what a model said in refusal, which is no word of ours, is left out."""
    if not isinstance(value, list):
        return value
    texts: list[str] = []
    for part in cast("list[Any]", value):
        told = cast("dict[str, Any]", part) if isinstance(part, dict) else {}
        if told.get("type") == "text" and isinstance(told.get("text"), str):
            texts.append(told["text"])
        elif told.get("type") != "refusal":
            raise ValueError("Only parts of the type text can be read: no images, sounds or files")
    return "\n".join(texts)


def _blank_as_none(value: object) -> object:
    return None if value == "" else value


Id = Annotated[CustomerId, BeforeValidator(_blank_as_none)]


class ChatMessage(BaseModel):
    """One message. Only those of `user` and `assistant` are read: nobody instructs the bot from outside."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Annotated[StorableText | None, BeforeValidator(_text_of_parts)] = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.line() is not None and len(self.content or "") > LONGEST_MESSAGE:
            raise ValueError(f"A message has at most {LONGEST_MESSAGE:,} characters")
        return self

    def line(self) -> Line | None:
        """What was said to or by the bot; None for instructions, tools and empty messages."""
        if not self.content or self.role not in {"user", "assistant"}:
            return None
        return Line("USER" if self.role == "user" else "AGENT", self.content)


class StreamOptions(BaseModel):
    """With `include_usage` a last chunk without choices tells the usage."""

    include_usage: bool | None = None


class Metadata(BaseModel):
    """Of the free metadata these two are read."""

    conversation_id: Id = Field(None, description="The conversation's id in your helpdesk.")
    customer_id: Id = Field(None, description="Who the customer is in your system.")


class ResponseFormat(BaseModel):
    """A reply is text; other formats are refused."""

    type: Literal["text"]


class ChatRequest(BaseModel):
    """A chat-completions request. Fields that are not listed here are ignored: no knob of a model has an effect."""

    model_config = ConfigDict(
        extra="ignore",
        json_schema_extra={
            "example": {
                "model": "ventara",
                "messages": [{"role": "user", "content": "How long does it take to charge at home?"}],
                "helpdesk_id": "123456",
            }
        },
    )

    model: StorableText = Field(min_length=1, max_length=200, description="The project's name.")
    messages: list[ChatMessage] = Field(min_length=1, max_length=1000)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Literal[1] | None = Field(None, description="There is one reply.")
    response_format: ResponseFormat | None = None
    tool_choice: Literal["none", "auto"] | None = Field(None, description="Tools are never called.")
    helpdesk_id: Id = Field(None, description="Ours: the conversation's id in your helpdesk; a number or a text.")
    user: Id = Field(None, description="Who the customer is in your system.")
    metadata: Metadata | None = None

    @property
    def conversation(self) -> str | None:
        """The helpdesk id that the request names, in its own field or in the metadata."""
        return self.helpdesk_id or (self.metadata and self.metadata.conversation_id)

    @property
    def customer(self) -> str | None:
        """Who the customer is: the metadata's word goes before `user`."""
        return (self.metadata and self.metadata.customer_id) or self.user

    @property
    def wants_usage_streamed(self) -> bool:
        """Whether the stream ends with a chunk that tells the usage."""
        return bool(self.stream_options and self.stream_options.include_usage)

    def lines(self) -> tuple[Line, ...]:
        """The conversation as the request tells it.

        Raises:
            Unprocessable: its last message is not the customer's.
        """
        lines = tuple(line for message in self.messages if (line := message.line()) is not None)
        if not lines or lines[-1].role != "USER":
            fault = Fault("body.messages", "The last message must be the user's, and not empty")
            raise Unprocessable(fault.message, faults=[fault])
        return lines


class PromptDetails(BaseModel):
    """Tokens of the prompt that the server's cache held."""

    cached_tokens: int


class CompletionDetails(BaseModel):
    """Tokens that a reasoning model thought with."""

    reasoning_tokens: int


class ChatUsage(BaseModel):
    """Tokens of the whole turn as the model's server counted them; `estimated` from the texts where none did."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetails
    completion_tokens_details: CompletionDetails
    estimated: bool

    @classmethod
    def of(cls, usage: Usage | None, completion: KeptCompletion) -> Self:
        """From what a server counted, else from what was sent and said: three bytes a token."""
        if usage is None:
            said = sum(estimate_tokens(message.content) for message in completion.messages)
            replied = estimate_tokens(completion.reply)
            return cls._of(Usage(input=said - replied, output=replied), estimated=True)
        return cls._of(usage, estimated=False)

    @classmethod
    def _of(cls, usage: Usage, *, estimated: bool) -> Self:
        prompt, written = usage.input + usage.cache_read + usage.cache_write, usage.output + usage.reasoning
        return cls(
            prompt_tokens=prompt,
            completion_tokens=written,
            total_tokens=prompt + written,
            prompt_tokens_details=PromptDetails(cached_tokens=usage.cache_read),
            completion_tokens_details=CompletionDetails(reasoning_tokens=usage.reasoning),
            estimated=estimated,
        )


class ReplyMessage(BaseModel):
    """What the bot says: empty while a person holds the conversation."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None


class Choice(BaseModel):
    """The one reply."""

    index: Literal[0] = 0
    message: ReplyMessage
    logprobs: None = None
    finish_reason: Literal["stop"] = "stop"


class Grounds(BaseModel):
    """Ours: what was decided and on what the reply rests; `citations` index `sections`."""

    decision: Move
    handover_reason: Reason | None
    citations: list[int]
    sections: list[ShownSectionOut]
    helpdesk_id: str = Field(description="Send it with the next message of this conversation.")
    conversation_id: str
    message_id: str | None

    @classmethod
    def of(cls, completion: KeptCompletion) -> Self:
        """From the deed's answer."""
        return cls(**_grounds(completion))


class ChatCompletion(Grounds):
    """A reply, whole."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: ChatUsage

    @classmethod
    def whole(cls, completion: KeptCompletion, *, identity: str, created: int, model: str) -> Self:
        """From the deed's answer; `created` in seconds since 1970."""
        return cls(
            id=identity,
            created=created,
            model=model,
            choices=[Choice(message=ReplyMessage(content=completion.reply))],
            usage=ChatUsage.of(completion.usage, completion),
            **_grounds(completion),
        )


def chunks(whole: ChatCompletion, *, usage: bool) -> Iterator[dict[str, Any]]:
    """The same reply as OpenAI streams one: the role, the text in pieces, the end with the grounds, the usage."""
    head: dict[str, Any] = {
        "id": whole.id,
        "object": "chat.completion.chunk",
        "created": whole.created,
        "model": whole.model,
    }
    silent: dict[str, Any] = {"usage": None} if usage else {}
    deltas = [{"role": "assistant", "content": ""}] + [{"content": piece} for piece in pieces(_text_of(whole))]
    for delta in deltas:
        yield head | {"choices": [_choice(delta)]} | silent
    grounds = whole.model_dump(mode="json", include=set(Grounds.model_fields))
    yield head | {"choices": [_choice({}, "stop")]} | silent | grounds
    if usage:
        yield head | {"choices": [], "usage": whole.usage.model_dump()}


def pieces(text: str) -> list[str]:
    """The text in runs of up to four words, which joined are the text."""
    return PIECE.findall(text)


class Model(BaseModel):
    """A project, as OpenAI's clients list models."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str


class ModelList(BaseModel):
    """The one project of the credential."""

    object: Literal["list"] = "list"
    data: list[Model]


def _choice(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}


def _text_of(whole: ChatCompletion) -> str:
    return whole.choices[0].message.content


def _grounds(completion: KeptCompletion) -> dict[str, Any]:
    return {
        "decision": completion.decision,
        "handover_reason": completion.handoverReason,
        "citations": completion.citations,
        "sections": completion.sectionsRetrieved,
        "helpdesk_id": completion.helpdeskId,
        "conversation_id": str(completion.conversationId),
        "message_id": completion.messageId and str(completion.messageId),
    }
