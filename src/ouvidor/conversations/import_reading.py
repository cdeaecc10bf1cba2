"""What reading files of conversations shares: how a file is read, and how its columns are called."""

from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from ouvidor.conversations.imported import ConversationRow, Reading
from ouvidor.conversations.text_files import columns_named
from ouvidor.errors import Fault, Unprocessable

Form = Literal["jsonl", "csv"]
Field = Literal["id", "unit", "turns", "role", "text", "at"]
Row = ConversationRow | Fault

NAMES: Mapping[Field, str] = {
    "id": "conversation_id conversation conversa_id id_conversa id_da_conversa conversa session_id sessao_id id_sessao "
    "session sessao chat_id thread_id ticket_id ticket protocolo atendimento_id atendimento helpdesk_id id",
    "unit": "unit unidade motel_name motel hotel loja shop store branch filial motel_id",
    "turns": "turns messages mensagens turnos history historico",
    "role": "role papel remote sender remetente author autor speaker from de quem direction direcao",
    "text": "text texto content conteudo message mensagem body corpo msg",
    "at": "at created_at timestamp sent_at datetime data_hora date_time time date data hora quando "
    "criado_em enviado_em",
}
"""How columns and keys are called, in Portuguese and English, the surest name first."""
FIELDS: tuple[Field, ...] = ("id", "unit", "turns", "role", "text", "at")


class UnreadableConversations(Unprocessable):
    """The file is not one that can be imported: use JSONL (one conversation a line) or CSV (one message a line)."""


@dataclass(frozen=True)
class FileReading:
    """How a file is read: its kind (None: told by its name or first letter), text encoding, columns, and values.

    `columns` gives the file's own name of a field where it is not one of `NAMES`.
    """

    form: Form | None = None
    encoding: str = "utf-8"
    columns: Mapping[Field, str] = field(default_factory=dict[Field, str])
    values: Reading = field(default_factory=Reading)


@dataclass(frozen=True)
class Source:
    """Conversations to import; `total` tells how many there are, as soon as that is known."""

    rows: Iterable[Row] | AsyncIterable[Row]
    total: Callable[[], int | None] = lambda: None


@lru_cache(maxsize=256)
def named(names: tuple[str, ...], columns: tuple[tuple[Field, str], ...]) -> Mapping[Field, str]:
    """Which of these names stands for which field: those given in `columns`, else the surest that is known."""
    return columns_named(names, dict(columns), NAMES)
