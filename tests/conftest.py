"""What every test may ask for: the real servers, the database under Django, and `async def` tests."""

import inspect
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
from asgiref.sync import async_to_sync
from django.conf import settings

from tests import distributing, emptying, prepared, servers
from tests.environment import backend

if TYPE_CHECKING:
    from xdist.scheduler import LoadScopeScheduling

    from flowapp.dispatch.embedded import EmbeddedDispatcher

hypothesis.settings.register_profile("flowapp", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("flowapp")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--only-database", action="store_true", help="leave out the tests that touch no database")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--only-database"):
        items[:] = [item for item in items if _touches_database(item)]
    # Workers, brokers and browsers keep their own time: on CI what fails runs once more, and the report shows it.
    # The short torture says itself when it does; the full one, `make torture`, is never tried again.
    for item in items if "CI" in os.environ else ():
        item.add_marker(pytest.mark.flaky(reruns=1))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> "LoadScopeScheduling":
    return distributing.FirstWaits(config, log)


def pytest_sessionstart() -> None:
    distributing.step_back()


def _touches_database(item: pytest.Item) -> bool:
    fixtures = getattr(item, "fixturenames", ())
    return item.get_closest_marker("django_db") is not None or "db" in fixtures or "transactional_db" in fixtures


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run an `async def` test as Django does: its ORM calls come back to this thread, into the test's transaction."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    async_to_sync(pyfuncitem.obj)(**{name: pyfuncitem.funcargs[name] for name in names})
    return True


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    test = settings.DATABASES["default"].setdefault("TEST", {})
    if backend() == "sqlite":
        # In memory, SQLite knows no WAL and other threads' connections meet table locks; Flowapp never runs that way.
        test["NAME"] = str(Path(os.environ["FLOWAPP_HOME"], "test.sqlite3"))
        shutil.copy(prepared.sqlite(), test["NAME"])
    else:
        test["TEMPLATE"] = prepared.postgres(servers.Postgres(os.environ["FLOWAPP_TEST_DATABASE_URL"]))


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """Take the copied file as it is; it goes with its folder."""
    return backend() == "sqlite"


@pytest.fixture(scope="session", autouse=True)
def _quick_emptying() -> None:
    emptying.install()


@pytest.fixture(scope="session", autouse=True)
def _static_files_found_once() -> Iterator[None]:
    """Every test client has middleware of its own, and WhiteNoise's would look for all static files again."""
    from whitenoise.middleware import WhiteNoiseMiddleware

    look = WhiteNoiseMiddleware.add_files_from_finders
    found: dict[str, Any] = {}

    def add(middleware: Any) -> None:
        if not found:
            look(middleware)
            found.update(middleware.files)
        middleware.files.update(found)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", add)
        yield


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[servers.Postgres]:
    """A real PostgreSQL, shared by all workers of this test run: make databases of your own in it."""
    with servers.postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: servers.Postgres) -> Iterator[str]:
    """The URL of an empty PostgreSQL database, dropped after the test."""
    url = postgres_server.new_database()
    yield url
    postgres_server.drop_database(url)


@pytest.fixture
def migrated_postgres_url(postgres_server: servers.Postgres) -> Iterator[str]:
    """The URL of a PostgreSQL database that is migrated, dropped after the test."""
    url = postgres_server.new_database(like=prepared.postgres(postgres_server))
    yield url
    postgres_server.drop_database(url)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[servers.Redis]:
    """A real Redis of this worker's own: a test may flush it without hurting a neighbour."""
    with servers.redis() as server:
        yield server


@pytest.fixture
def redis_url(redis_server: servers.Redis) -> str:
    """The URL of an empty Redis."""
    redis_server.flush()
    return redis_server.url


@pytest.fixture
def embedded_worker(transactional_db: None) -> Iterator["EmbeddedDispatcher"]:
    """A worker as `flowapp dev` has it, in threads of this process: runs execute by themselves while the test looks."""
    from flowapp.dispatch.embedded import EmbeddedDispatcher

    dispatcher = EmbeddedDispatcher(concurrency=8)
    dispatcher.start()
    yield dispatcher
    dispatcher.stop()
