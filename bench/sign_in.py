"""How long a refused login takes for a name that exists and for one that does not, and the ratio of the medians.

    python bench/sign_in.py [--rounds 200]

Known and unknown names take turns, in an order that is random for each pair; every login gives a wrong password through
the whole deed (count, look-up, Argon2, audit entry) on a real PostgreSQL. Beside the medians stands the share of pairs
in which the known name took longer: 50 % tells an observer nothing.
"""

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from pathlib import Path

from ouvidor.accounts.login import log_in
from ouvidor.accounts.passwords import hash_password
from ouvidor.accounts.users import WrongPassword, create_user
from ouvidor.engines.embeddings import NoEmbedder
from ouvidor.migrations.run import upgrade
from ouvidor.postgres import EmbeddedPostgres
from ouvidor.runtime import DatabaseAddress, Runtime, open_runtime
from ouvidor.settings import Settings

WARM_UP = 10


async def timed(rt: Runtime, username: str, address: str) -> float:
    """Milliseconds of one refused login."""
    begun = time.perf_counter()
    try:
        await log_in(rt, username, "a wrong password", address=address)
    except WrongPassword:
        return (time.perf_counter() - begun) * 1000
    raise AssertionError("the login was not refused")


async def measure(rt: Runtime, rounds: int) -> tuple[list[float], list[float]]:
    """Times of known and of unknown names; each pair has an address of its own, so that nothing is throttled."""
    known: list[float] = []
    unknown: list[float] = []
    names = [f"person{number}" for number in range(rounds + WARM_UP)]
    hashed = await hash_password("correct horse battery")
    async with rt.db.begin() as session:
        for name in names:
            await create_user(session, name, hashed, now=rt.clock())
    order = random.Random(7)
    for number, name in enumerate(names):
        address = f"10.0.{number // 250}.{number % 250}"
        pair = [(name, known), (f"nobody{number}", unknown)]
        order.shuffle(pair)
        for username, times in pair:
            times.append(await timed(rt, username, address))
    return known[WARM_UP:], unknown[WARM_UP:]


def told(name: str, times: list[float]) -> str:
    """Median with its middle half, in milliseconds."""
    low, middle, high = statistics.quantiles(times, n=4)
    return f"{name:14} median {middle:7.1f} ms   (middle half {low:.1f} to {high:.1f})"


async def run(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        with EmbeddedPostgres(Path(folder) / "server", fsync=False) as server:
            server.create_database("bench")
            upgrade(server.url("bench"))
            settings = Settings(data_dir=Path(folder), _env_file=None)  # pyright: ignore[reportCallIssue]
            address = DatabaseAddress(server.url("bench"), server.conninfo("bench"))
            async with open_runtime(settings, address, embedder=NoEmbedder()) as rt:
                known, unknown = await measure(rt, rounds)
    print(f"{rounds} pairs, interleaved")
    print(told("known name", known))
    print(told("unknown name", unknown))
    ratio = statistics.median(known) / statistics.median(unknown)
    slower = sum(one > other for one, other in zip(known, unknown, strict=True)) / rounds
    print(f"ratio of medians {ratio:.3f}; the known name took longer in {slower:.0%} of the pairs")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200)
    asyncio.run(run(parser.parse_args().rounds))


if __name__ == "__main__":
    main()
