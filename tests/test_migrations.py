"""The migrations make the tables that the code names, and two starters do not hinder each other."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

from ouvidor.migrations.run import check, is_current, upgrade
from ouvidor.postgres import EmbeddedPostgres
from ouvidor.runtime import DatabaseAddress


def test_the_database_is_what_the_tables_say(database: DatabaseAddress) -> None:
    check(database.url)
    assert is_current(database.url)


def test_two_starters_at_once_migrate_once(server: EmbeddedPostgres) -> None:
    name = f"fresh_{uuid4().hex}"
    server.create_database(name)
    try:
        assert not is_current(server.url(name))
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(upgrade, [server.url(name)] * 2))
        assert is_current(server.url(name))
    finally:
        server.drop_database(name)
