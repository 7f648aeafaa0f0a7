"""One ledger and one installation a file; its tests run one after the other, since each kills what it works on."""

from collections.abc import Iterator

import pytest

pytest.register_assert_rewrite("tests.process.checks")

from tests import prepared, servers  # noqa: E402 - after the line above
from tests.process import ledger  # noqa: E402
from tests.process.installation import Installation  # noqa: E402


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """`flowapp dev` on SQLite: web and worker in one process."""
    folder = tmp_path_factory.mktemp("embedded")
    with ledger.running(folder) as outside:
        installation = Installation(folder, outside)
        yield installation
        installation.stop()


@pytest.fixture(scope="module")
def distributed(
    tmp_path_factory: pytest.TempPathFactory, postgres_server: servers.Postgres, redis_server: servers.Redis
) -> Iterator[Installation]:
    """`flowapp dev` for the web and `flowapp worker` (Celery) for the runs, on PostgreSQL and Redis."""
    folder = tmp_path_factory.mktemp("distributed")
    database = postgres_server.new_database(like=prepared.postgres(postgres_server))
    with ledger.running(folder) as outside:
        installation = Installation(folder, outside, database_url=database, broker_url=redis_server.url)
        yield installation
        installation.stop()
    postgres_server.drop_database(database)
