"""What reading files of conversations shares: how columns are called, and lines that may be too long to hold."""

from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import Any, Literal, TextIO

from ouvidor.conversations.imported import ConversationRow, Reading
from ouvidor.errors import Fault, Unprocessable
from ouvidor.text import fold

LONGEST_LINE = 8_000_000
"""Characters of a line that are read; a conversation is a line of JSONL, so no longer one fits."""
MOST_KEYS = 100
LONGEST_KEY = 200

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


class BoundedLines:
    """The lines of a text; of one over LONGEST_LINE only the beginning is kept, and `cut` is then its number."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.number = 0
        self.cut = 0

    def __iter__(self) -> Iterator[str]:
        """Each line with its end."""
        while line := self._read():
            self.number += 1
            if len(line) == LONGEST_LINE and not line.endswith(("\n", "\r")):
                self.cut = self.number
                while (rest := self._read()) and not rest.endswith(("\n", "\r")):
                    pass
            yield line

    def _read(self) -> str:
        try:
            return self._file.readline(LONGEST_LINE)
        except UnicodeError:
            told = "The file is not in the encoding named; save it as UTF-8, or name another with --encoding."
            raise UnreadableConversations(told) from None


def keys_of(told: Mapping[str, Any]) -> tuple[str, ...]:
    """The keys that may be names of fields."""
    return tuple(name for name in islice(told, MOST_KEYS) if len(name) <= LONGEST_KEY)


@lru_cache(maxsize=256)
def named(names: tuple[str, ...], columns: tuple[tuple[Field, str], ...]) -> Mapping[Field, str]:
    """Which of these names stands for which field: those given in `columns`, else the surest that is known."""
    given = dict(columns)
    plain = {"_".join(fold(name).replace("-", " ").split()): name for name in reversed(names)}
    found: dict[Field, str] = {}
    for wanted in FIELDS:
        if wanted in given:
            choice = given[wanted] if given[wanted] in names else None
        else:
            choice = next((plain[name] for name in NAMES[wanted].split() if name in plain), None)
        if choice is not None:
            found[wanted] = choice
    return found
