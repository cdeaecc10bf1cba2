"""Settings, read once from the environment or `.env` and handed down; docs/settings.md lists them."""

import os
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from ouvidor.errors import Fault, Misconfigured

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
OPENAI = "https://api.openai.com/v1"


def default_data_dir() -> Path:
    """Where the embedded database and the prepared model live: /var/lib for root, the user's data folder else."""
    if os.geteuid() == 0:
        return Path("/var/lib/ouvidor")
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "ouvidor"


class Settings(BaseSettings):
    """What an operator may set. Each name is read from `OUVIDOR_<NAME>`."""

    model_config = SettingsConfigDict(
        env_prefix="OUVIDOR_", env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True
    )

    database_url: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("OUVIDOR_DATABASE_URL", "DATABASE_URL", "database_url"),
        description="PostgreSQL 16 to 18 with pgvector, e.g. `postgresql://user:password@host/ouvidor`; "
        "`DATABASE_URL` is understood as well. Empty: the embedded server.",
    )
    data_dir: Path = Field(
        default_factory=default_data_dir,
        description="Folder of the embedded database, the prepared embedding model and the installation's secret.",
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on; demo logins and keys need loopback.")
    port: int = Field(default=8000, ge=1, le=65535, description="Port to listen on.")
    public_url: str | None = Field(
        default=None, description="Address under which people reach this installation, e.g. `https://care.example.com`."
    )
    secret_key: SecretStr | None = Field(
        default=None,
        description="Signs form tokens; at least 32 characters. Empty: made once and kept in the data folder. "
        "Set it where several machines serve.",
    )
    session_hours: int = Field(default=12, ge=1, le=720, description="Hours until a sign-in on the pages ends.")
    model_dir: Path | None = Field(
        default=None,
        description="Folder of your own embedding model of the MiniLM kind (`model.safetensors`, `tokenizer.json`).",
    )
    embedding_threads: int = Field(default=2, ge=1, le=64, description="Processor threads for embeddings.")
    database_pool: int = Field(default=20, ge=2, le=200, description="Most database connections of one process.")
    analysis_cron: str = Field(
        default="* * * * *", description="When conversations are looked for that are due to be analysed (cron, UTC)."
    )
    analysis_concurrency: int = Field(
        default=16, ge=1, le=512, description="Conversations under analysis at once, over all workers together."
    )
    comments_concurrency: int = Field(
        default=8,
        ge=1,
        le=512,
        description="Calls of a language model about comments at once, over all workers together.",
    )
    stalled_seconds: int = Field(
        default=20, ge=1, le=600, description="After how long without a sign of life a worker's job is taken up again."
    )
    worker_concurrency: int = Field(default=4, ge=1, le=64, description="Jobs that one worker runs at once.")
    max_body_bytes: int = Field(
        default=33_554_432, ge=1024, description="Largest request body; knowledge files are the large ones."
    )
    trusted_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Host names to answer to, comma-separated. Empty: loopback and the public URL."
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Addresses or networks of the proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` count, "
        "comma-separated, e.g. `10.0.0.5, 10.1.0.0/16`. Set it behind a proxy: else everybody has the proxy's address, "
        "and the failed sign-ins of all count together. Empty: those headers count from nobody.",
    )
    open_registration: bool = Field(
        default=False,
        description="Whether strangers may make accounts through `POST /api/auth/register`, each with a new project "
        "of their own.",
    )
    llm_base_url: str | None = Field(
        default=None,
        validation_alias=AliasChoices("OUVIDOR_LLM_BASE_URL", "OPENAI_BASE_URL", "llm_base_url"),
        description="Address of an OpenAI-compatible server, e.g. `https://api.openai.com/v1` or "
        "`http://127.0.0.1:11434/v1`; `OPENAI_BASE_URL` is understood as well. Empty with a model set: OpenAI's.",
    )
    llm_api_key: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("OUVIDOR_LLM_API_KEY", "OPENAI_API_KEY", "llm_api_key"),
        description="Its key; `OPENAI_API_KEY` is understood as well. Empty where the server wants none.",
    )
    llm_model: str | None = Field(
        default=None,
        description="The model's name on that server, e.g. `gpt-5-mini`. Empty: no language model, the local engine.",
    )
    llm_deadline_seconds: float = Field(
        default=30.0, ge=1, le=600, description="Longest time for one answer of the model, all attempts together."
    )
    llm_attempts: int = Field(default=3, ge=1, le=10, description="Most attempts for one answer.")
    llm_requests_per_minute: int | None = Field(
        default=None,
        ge=1,
        description="Most requests a minute of each model, over all processes. Empty: no limit of ours.",
    )
    llm_tokens_per_minute: int | None = Field(
        default=None,
        ge=1,
        description="Most tokens a minute of each model, over all processes. Empty: no limit of ours.",
    )
    llm_context_tokens: int = Field(
        default=16_000,
        ge=4_000,
        le=2_000_000,
        description="Tokens of prompt, sections and history that a call may hold.",
    )
    llm_when_down: Literal["local", "handover", "error"] = Field(
        default="local",
        description="What a customer gets while the model fails: the local engine's answer, a hand-over to a person, "
        "or an error (503) with the project's error phrase.",
    )
    llm_record_content: bool = Field(
        default=False, description="Whether records of calls hold prompts and answers, not their measures alone."
    )
    embedding_model: str | None = Field(
        default=None,
        description="A model of the same server to make vectors with, e.g. `text-embedding-3-large`. "
        "Empty: the local one.",
    )
    metrics_token: SecretStr | None = Field(
        default=None,
        description="Bearer token that `/metrics` wants from other machines. Empty: it answers this machine alone.",
    )
    traces_endpoint: str | None = Field(
        default=None,
        validation_alias=AliasChoices("OUVIDOR_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT", "traces_endpoint"),
        description="Address of an OpenTelemetry collector (OTLP over HTTP), e.g. `http://127.0.0.1:4318`; "
        "`OTEL_EXPORTER_OTLP_ENDPOINT` is understood as well. Needs the extra `ouvidor[opentelemetry]`. "
        "Empty: no traces.",
    )
    log_format: Literal["text", "json"] = Field(default="text", description="Form of the lines that are logged.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least level that is logged."
    )

    @field_validator(
        "database_url",
        "secret_key",
        "model_dir",
        "public_url",
        "llm_base_url",
        "llm_api_key",
        "llm_model",
        "llm_requests_per_minute",
        "llm_tokens_per_minute",
        "embedding_model",
        "metrics_token",
        "traces_endpoint",
        mode="before",
    )
    @classmethod
    def empty_is_unset(cls, value: object) -> object:
        """`OUVIDOR_X=` in a file means: not set."""
        return None if value == "" else value

    @field_validator("trusted_hosts", "trusted_proxies", mode="before")
    @classmethod
    def split_on_commas(cls, value: object) -> object:
        """`a.example, b.example` as two names."""
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("trusted_proxies")
    @classmethod
    def are_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Addresses or networks, so that nothing is trusted by mistake; `*` would trust everybody."""
        for part in value:
            try:
                ip_network(part)
            except ValueError:
                raise ValueError(
                    f"must hold addresses or networks such as 10.0.0.5 or 10.1.0.0/16, not {part!r}"
                ) from None
        return value

    @field_validator("llm_model")
    @classmethod
    def is_no_namesake(cls, value: str | None) -> str | None:
        """What the local engine writes is not checked: no model may pass for it."""
        if value == "local":
            raise ValueError("is the local engine's own name; leave it empty, or name the model as its server does")
        return value

    @field_validator("analysis_cron")
    @classmethod
    def is_schedule(cls, value: str) -> str:
        """Five fields, or six with the seconds last."""
        if value == cls.model_fields["analysis_cron"].default:
            return value
        from croniter import croniter  # noqa: PLC0415 - .07 s of import that every command would pay

        if not croniter.is_valid(value) or len(value.split()) not in {5, 6}:
            raise ValueError("must be a schedule of five fields such as `*/5 * * * *` (a sixth holds the seconds)")
        return value

    @field_validator("database_url")
    @classmethod
    def speaks_postgres(cls, value: SecretStr | None) -> SecretStr | None:
        """Normalise to SQLAlchemy's psycopg driver; refuse other databases."""
        if value is None:
            return None
        scheme, separator, rest = value.get_secret_value().partition("://")
        if not separator or scheme.partition("+")[0] not in {"postgres", "postgresql"}:
            raise ValueError("must start with postgresql:// (PostgreSQL is the only database supported)")
        return SecretStr(f"postgresql+psycopg://{rest}")

    @field_validator("secret_key")
    @classmethod
    def strong_enough(cls, value: SecretStr | None) -> SecretStr | None:
        """32 characters of at least 10 kinds."""
        if value is None:
            return None
        secret = value.get_secret_value()
        if len(secret) < 32 or len(set(secret)) < 10:
            raise ValueError("is too weak: use at least 32 random characters, e.g. from `openssl rand -hex 32`")
        return value

    @field_validator("public_url", "llm_base_url", "traces_endpoint")
    @classmethod
    def is_web_address(cls, value: str | None) -> str | None:
        """Scheme and host, no trailing slash."""
        if value is None:
            return None
        if not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return value.rstrip("/")

    @property
    def listens_on_loopback(self) -> bool:
        """Whether only this machine can connect."""
        return self.host in LOOPBACK


def read_settings() -> Settings:
    """The settings of this process.

    Raises:
        Misconfigured: a value is missing, unreadable or weak; the sentence names each variable.
    """
    try:
        return Settings()
    except ValidationError as error:
        faults = [Fault(_variable(part["loc"]), _reason(part["msg"])) for part in error.errors(include_input=False)]
        sentence = "; ".join(f"{fault.where} {fault.message}" for fault in faults)
        raise Misconfigured(f"Bad setting: {sentence}. See docs/settings.md.", faults=faults) from None


def _variable(location: tuple[int | str, ...]) -> str:
    name = str(location[0])
    return name if name.isupper() else f"OUVIDOR_{name.upper()}"


def _reason(message: str) -> str:
    reason = message.removeprefix("Value error, ")
    return reason[0].lower() + reason[1:]
