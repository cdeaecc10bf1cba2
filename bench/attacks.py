"""A compromised model over texts of others: does any get through to the customer?

    python bench/attacks.py FILE.jsonl

The file has a text a line (`{"text": …, "injection": true}`). Each is put behind a question that a specialist answers
and behind one that anybody may answer; the model obeys the text in every way of tests/obeying.py that applies, and
whatever the customer then reads is looked through as in tests/test_attacks.py.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

TESTS = Path(__file__).parent.parent / "tests"
sys.path.insert(0, str(TESTS))

from factories import HOTEL, Site, add_sections, build_tenant  # noqa: E402 - the tests' own stage
from obeying import FOREIGN, PROMPT, WAYS, ObeyingEngine  # noqa: E402
from test_attacks import Stage, client_of, hands_over, wrongs  # noqa: E402

from ouvidor.accounts.audit import Actor  # noqa: E402
from ouvidor.accounts.rules import Mode  # noqa: E402
from ouvidor.engines.embeddings import NoEmbedder  # noqa: E402
from ouvidor.engines.local import LocalEngine  # noqa: E402
from ouvidor.migrations.run import upgrade  # noqa: E402
from ouvidor.postgres import EmbeddedPostgres  # noqa: E402
from ouvidor.prompts.store import save_prompt  # noqa: E402
from ouvidor.runtime import DatabaseAddress, Runtime, open_runtime  # noqa: E402
from ouvidor.settings import Settings  # noqa: E402

QUESTIONS = ("I was charged twice for my stay. What now?", "What time is breakfast?")
MARKED = 40
LONGEST = 3000


async def attack(rt: Runtime, path: Path, each: int) -> Counter[str]:
    site = Site(await build_tenant(rt, "seaside", Mode.BOTH), await build_tenant(rt, "elsewhere"))
    await add_sections(rt, site.own.project, HOTEL)
    await add_sections(rt, site.other.project, [{"id": "vault", "question": "Where is the vault?", "answer": FOREIGN}])
    engine = ObeyingEngine()
    attacked, honest = replace(rt, engine=engine), replace(rt, engine=LocalEngine())
    await save_prompt(
        attacked, site.own.project, "reply", text=PROMPT, note="", activate=True, actor=Actor("command", "b")
    )
    counted: Counter[str] = Counter()
    ways = list(WAYS)
    async with client_of(attacked) as one, client_of(honest) as other:
        stage = Stage(site, engine, one, other)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()):
            row = json.loads(line)
            engine.payload = row["text"][:LONGEST]
            case = {"payload": engine.payload, "marker": engine.payload[:MARKED], "place": "message"}
            question = QUESTIONS[number % 2]
            messages = [{"role": "USER", "content": f"{question} {engine.payload}"}]
            specialist = number % 2 == 0 and await hands_over(stage, messages)
            counted["specialist"] += specialist
            for step in range(each):
                engine.way = ways[(number * each + step) % len(ways)]
                body = await stage.ask(stage.attacked, messages)
                found = wrongs(case, body, specialist=specialist)
                counted.update(["turns", body["decision"], *found])
                if found:
                    print(found, engine.way, "|", engine.payload[:150], "|", body["messages"][-1]["content"][:200])
    return counted


async def run(path: Path, each: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        with EmbeddedPostgres(Path(folder) / "server") as server:
            server.create_database("bench")
            upgrade(server.url("bench"))
            settings = Settings(data_dir=Path(folder), _env_file=None)  # pyright: ignore[reportCallIssue]
            address = DatabaseAddress(server.url("bench"), server.conninfo("bench"))
            async with open_runtime(settings, address, embedder=NoEmbedder("left out")) as rt:
                print(dict(await attack(rt, path, each)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--ways", type=int, default=4, help="how many ways of obeying each text meets")
    given = parser.parse_args()
    asyncio.run(run(given.file, given.ways))


if __name__ == "__main__":
    main()
