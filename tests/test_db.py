"""Connections of the pool that the server has ended meanwhile are replaced, and nobody notices."""

import pytest
from sqlalchemy import text

from ouvidor.runtime import Runtime

pytestmark = pytest.mark.anyio

OWN_PID = text("select pg_backend_pid()")
END_OTHERS = text(
    "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
    "where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'"
)


async def test_a_connection_that_the_server_has_ended_is_not_given_out(rt: Runtime) -> None:
    async with rt.db.read() as one, rt.db.read() as other:
        before = {(await session.execute(OWN_PID)).scalar_one() for session in (one, other)}
    async with rt.db.begin() as session:
        survivor = (await session.execute(OWN_PID)).scalar_one()
        await session.execute(END_OTHERS)
    async with rt.db.read() as one, rt.db.read() as other:
        after = {(await session.execute(OWN_PID)).scalar_one() for session in (one, other)}
    assert survivor in before
    assert not (before - {survivor}) & after


async def test_a_connection_is_used_again(rt: Runtime) -> None:
    pids: set[int] = set()
    for _ in range(3):
        async with rt.db.read() as session:
            pids.add((await session.execute(OWN_PID)).scalar_one())
    assert len(pids) == 1
