"""Connections of the pool are used again as they should be; one that the server has ended meanwhile is replaced."""

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.pool import QueuePool

from ouvidor.db import driver_of
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


async def test_statements_of_their_own_leave_a_connection_as_transactions_expect_it(rt: Runtime) -> None:
    async with rt.db.statements() as connection:
        assert connection.autocommit
    with pytest.raises(ValueError, match="amid"):
        async with rt.db.statements() as connection:
            await connection.execute("select 1")
            raise ValueError("amid")
    async with rt.db.begin() as session:
        assert not driver_of(session).autocommit
        assert driver_of(session) is connection


async def test_a_statement_that_is_given_up_leaves_no_connection_behind(rt: Runtime) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1), rt.db.statements() as connection:
            await connection.execute("select pg_sleep(60)")
    async with rt.db.begin() as session:
        assert not driver_of(session).autocommit
    pool = rt.db.engine.pool
    assert isinstance(pool, QueuePool)
    assert pool.checkedout() == 0
