"""What a call of a model is called in OpenTelemetry: the one place with the names of its GenAI conventions.

The conventions are still in development; https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/.
"""

from urllib.parse import urlsplit

from ouvidor.engines.calls import CallRecord
from ouvidor.tracing.base import Value

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
RESPONSE_MODEL = "gen_ai.response.model"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
CACHE_READ_TOKENS = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITE_TOKENS = "gen_ai.usage.cache_creation.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CONVERSATION = "gen_ai.conversation.id"
INPUT = "gen_ai.input.messages"
OUTPUT = "gen_ai.output.messages"
CHAT = "chat"
OPENAI_HOST = "api.openai.com"


def span_name(model: str) -> str:
    """`chat {model}`."""
    return f"{CHAT} {model}"


def provider_of(base_url: str | None) -> str:
    """`openai` for OpenAI's own server, else the host that the operator set."""
    host = urlsplit(base_url or "").hostname or OPENAI_HOST
    return "openai" if host == OPENAI_HOST else host


def facts_of(record: CallRecord, provider: str, asked: str) -> dict[str, Value]:
    """The attributes of a call to the model `asked`; content where it was recorded.

    Input tokens hold those of the cache and output tokens those of reasoning, as the conventions have it.
    """
    facts: dict[str, Value] = {
        OPERATION: CHAT,
        PROVIDER: provider,
        REQUEST_MODEL: asked,
        RESPONSE_MODEL: record.model,
        "ouvidor.task": record.task,
        "ouvidor.prompt": record.prompt_label,
        "ouvidor.retries": record.retries,
        "ouvidor.degraded": record.degraded,
    }
    if record.usage is not None:
        usage = record.usage
        facts[INPUT_TOKENS] = usage.input + usage.cache_read + usage.cache_write
        facts[CACHE_READ_TOKENS] = usage.cache_read
        facts[CACHE_WRITE_TOKENS] = usage.cache_write
        facts[OUTPUT_TOKENS] = usage.output + usage.reasoning
    told = {CONVERSATION: record.conversation_id and str(record.conversation_id)}
    told |= {INPUT: record.prompt, OUTPUT: record.answer}
    return facts | {name: value for name, value in told.items() if value is not None}
