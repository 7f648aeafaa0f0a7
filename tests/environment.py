"""A pytest plugin, loaded before Django: the environment variables that Flowapp's settings read under test."""

import atexit
import contextlib
import os
import shutil
import tempfile
from collections.abc import Generator
from urllib.parse import urlsplit

import pytest

from tests import loopback, prepared, servers

BACKENDS = ("sqlite", "postgresql")

_running = contextlib.ExitStack()  # the servers that this process started for itself and its xdist workers


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    # As a wrapper this runs before pytest-django's own hook, which imports the settings.
    atexit.register(_running.close)
    loopback.guard()
    _share_servers(early_config)
    _set_variables()
    return (yield)


def pytest_unconfigure() -> None:
    _running.close()


def pytest_report_header() -> str:
    return f"flowapp: the Django database is {backend()}"


def backend() -> str:
    """The database under Django's tests: `sqlite` or `postgresql`."""
    chosen = os.environ.get("FLOWAPP_TEST_BACKEND", "sqlite")
    if chosen not in BACKENDS:
        raise pytest.UsageError(f"FLOWAPP_TEST_BACKEND is {chosen!r}: set it to one of {', '.join(BACKENDS)}")
    return chosen


def _is_worker() -> bool:
    return "PYTEST_XDIST_WORKER" in os.environ


def _share_servers(config: pytest.Config) -> None:
    """Start PostgreSQL here when it is needed before any test asks: under Django, and for all xdist workers at once."""
    distributed = getattr(config.known_args_namespace, "numprocesses", None)
    if not _is_worker() and (distributed or backend() == "postgresql"):
        server = _running.enter_context(servers.postgres())
        os.environ["FLOWAPP_TEST_DATABASE_URL"] = server.url
    if not _is_worker():
        _running.enter_context(prepared.folder())
    if not _is_worker() and distributed:
        _running.enter_context(prepared.begun(backend()))  # while the workers collect


def _set_variables() -> None:
    # The developer's own settings must not reach the tests.
    for name in [name for name in os.environ if name.startswith("FLOWAPP_") and not name.startswith("FLOWAPP_TEST_")]:
        del os.environ[name]
    home = tempfile.mkdtemp(prefix="flowapp-test-home-")
    _running.callback(shutil.rmtree, home, ignore_errors=True)
    os.environ.update(
        DJANGO_SETTINGS_MODULE="flowapp.settings",
        FLOWAPP_MODE="test",
        FLOWAPP_HOME=home,
        FLOWAPP_SECRET_KEY="only-for-tests-" + "0123456789abcdef" * 4,
        FLOWAPP_ENCRYPTION_KEYS="MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
        LITELLM_LOCAL_MODEL_COST_MAP="True",  # or its import fetches a price list
    )
    if backend() == "postgresql":
        server = urlsplit(os.environ["FLOWAPP_TEST_DATABASE_URL"])
        os.environ["FLOWAPP_DATABASE_URL"] = server._replace(path="/flowapp").geturl()
