"""How long an import of conversations takes, from each kind of source, and how much memory.

    python bench/import_conversations.py [--conversations 10000] [--messages 10]

Makes its own data: conversations of a hotel in Portuguese and English, the same in a JSONL file, a CSV file ordered by
time (so that conversations lie among each other) and a second database with the tables of CONTRACTS 1b, there written
out of the order of their ids. Each source is imported into a project of its own, by a process of its own, on the
embedded PostgreSQL with fsync; then once more, when there is nothing new; then with one new message in each. Prints
seconds, conversations a second, and the greatest memory of the importing process (without PostgreSQL's).
"""

import argparse
import asyncio
import csv
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from ouvidor.accounts.projects import create_project
from ouvidor.conversations.import_command import FromDatabase, FromFile, import_from
from ouvidor.engines.embeddings import NoEmbedder
from ouvidor.migrations.run import upgrade
from ouvidor.postgres import EmbeddedPostgres
from ouvidor.runtime import DatabaseAddress, open_runtime
from ouvidor.settings import Settings

SOURCES = ("jsonl", "csv", "database")
BEGIN = datetime(2026, 6, 1, tzinfo=UTC)
UNITS = ("Praia do Norte", "Serra Azul", "Centro", "Lagoa")
CUSTOMER = (
    "Boa tarde, preciso de uma reserva para {n} pessoas no dia {n}, com café da manhã. O código é R{w}.",
    "Quanto custa a diária com estacionamento? Vi no site {w} reais, mas no telefone disseram outra coisa.",
    "Hi, can I bring my dog? He weighs {n} kilos and sleeps on his own blanket, number {w}.",
    "Não foi isso que perguntei. Quero cancelar a reserva {w} e receber o dinheiro de volta.",
    "Obrigada, era só isso!",
    "[IMAGE]",
)
BOT = (
    "Claro! A diária para {n} pessoas custa R$ {w},00 com café da manhã das 6h30 às 10h.",
    "Entendi. Para cancelar a reserva {w} preciso do nome completo e do dia da chegada.",
    "Dogs and cats up to {n} kilos are welcome; the fee is {w} reais a night.",
    "Posso ajudar em mais alguma coisa?",
)


def conversations(number: int, messages: int) -> Iterator[tuple[str, str, list[tuple[bool, str, datetime]]]]:
    """Id, unit and messages (whether the customer's, text, time) of each conversation."""
    for one in range(number):
        chance = random.Random(one)
        unit = chance.choice(UNITS)
        at = BEGIN + timedelta(minutes=chance.randrange(200_000))
        said: list[tuple[bool, str, datetime]] = []
        for place in range(messages):
            at += timedelta(seconds=chance.randrange(5, 300))
            text = chance.choice(CUSTOMER if place % 2 == 0 else BOT)
            said.append((place % 2 == 0, text.format(n=chance.randrange(1, 28), w=chance.randrange(5000)), at))
        yield f"s{one}", unit, said


def write_jsonl(path: Path, number: int, messages: int) -> None:
    with path.open("w", encoding="utf-8") as file:
        for name, unit, said in conversations(number, messages):
            turns = [{"role": "user" if his else "agent", "text": t, "at": at.isoformat()} for his, t, at in said]
            file.write(json.dumps({"id": name, "unit": unit, "turns": turns}, ensure_ascii=False) + "\n")


def write_csv(path: Path, number: int, messages: int) -> None:
    rows = [(name, unit, his, t, at) for name, unit, said in conversations(number, messages) for his, t, at in said]
    rows.sort(key=lambda row: row[4])
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(("conversa_id", "unidade", "remetente", "mensagem", "data_hora"))
        writer.writerows((n, u, "cliente" if his else "robô", t, at.isoformat()) for n, u, his, t, at in rows)


def write_database(conninfo: str, number: int, messages: int) -> None:
    with psycopg.connect(conninfo) as connection:
        connection.execute("drop table if exists message, session, motel")
        connection.execute("create table motel (id int primary key, name text)")
        connection.execute("create table session (id int primary key, motel_id int, created_at timestamptz)")
        connection.execute(
            "create table message (id int primary key, session_id int, content text, remote bool,"
            " created_at timestamptz)"
        )
        with connection.cursor() as cursor:
            cursor.executemany("insert into motel values (%s, %s)", list(enumerate(UNITS)))
            told = list(conversations(number, messages))
            with cursor.copy("copy session from stdin") as copy:
                for name, unit, said in told:
                    copy.write_row((int(name[1:]), UNITS.index(unit), said[-1][2] + timedelta(days=3)))
            rows = [(int(name[1:]), t, his, at) for name, _, said in told for his, t, at in said]
            random.Random(3).shuffle(rows)
            with cursor.copy("copy message from stdin") as copy:
                for key, row in enumerate(rows):
                    copy.write_row((key, *row))


def peak_megabytes() -> float:
    """The most memory this program has held since it began (Linux; getrusage counts the parent's as well)."""
    told = Path("/proc/self/status").read_text()
    return int(told.partition("VmHWM:")[2].split()[0]) / 1024


async def import_one(source: str, folder: Path, server: EmbeddedPostgres) -> None:
    """The import of one source, in a process of its own; prints its figures as JSON."""
    settings = Settings(data_dir=folder, _env_file=None)  # pyright: ignore[reportCallIssue]
    address = DatabaseAddress(server.url("bench"), server.conninfo("bench"))
    shop = FromDatabase(server.conninfo("shop"))
    wanted = shop if source == "database" else FromFile(folder / f"talks.{source}")
    async with open_runtime(settings, address, embedder=NoEmbedder()) as rt:
        idle = peak_megabytes()
        began, cpu = time.perf_counter(), time.process_time()
        done = await import_from(rt, source, wanted, quiet=True)
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    figures = {"seconds": seconds, "cpu": cpu, "megabytes": peak_megabytes(), "idle": idle, **done.figures()}
    print(json.dumps(figures))


def run(number: int, messages: int) -> None:
    with tempfile.TemporaryDirectory() as named:
        folder = Path(named)
        folder.chmod(0o711)
        with EmbeddedPostgres(folder / "server") as server:
            for name in ("bench", "shop"):
                server.create_database(name)
            upgrade(server.url("bench"))
            asyncio.run(make_projects(folder, server))
            for title, many in (("new", messages), ("again", messages), ("grown by one", messages + 1)):
                write_jsonl(folder / "talks.jsonl", number, many)
                write_csv(folder / "talks.csv", number, many)
                write_database(server.conninfo("shop"), number, many)
                for source in SOURCES:
                    report(f"{source}, {title}", folder, source)


async def make_projects(folder: Path, server: EmbeddedPostgres) -> None:
    settings = Settings(data_dir=folder, _env_file=None)  # pyright: ignore[reportCallIssue]
    address = DatabaseAddress(server.url("bench"), server.conninfo("bench"))
    async with open_runtime(settings, address, embedder=NoEmbedder()) as rt, rt.db.begin() as session:
        for source in SOURCES:
            await create_project(session, source, title=source, now=rt.clock())


def report(title: str, folder: Path, source: str) -> None:
    command = [sys.executable, __file__, "--one", source, "--folder", str(folder)]
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    landed = (
        f"{told['added']:,} added, {told['grown']:,} grown, {told['unchanged']:,} unchanged, {told['failed']} failed"
    )
    print(
        f"{title:24} {told['seconds']:6.1f} s  {told['per_second']:7,.0f}/s  {told['cpu']:5.1f} s of processor,"
        f" {told['megabytes']:4.0f} MB ({told['idle']:.0f} before), {told['messages']:,} messages; {landed}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--conversations", type=int, default=10_000)
    parser.add_argument("--messages", type=int, default=10)
    parser.add_argument("--one", choices=SOURCES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one is None:
        run(given.conversations, given.messages)
        return
    with EmbeddedPostgres(given.folder / "server") as server:
        asyncio.run(import_one(given.one, given.folder, server))


main()
