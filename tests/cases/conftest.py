"""`engine`: the cases' engine in each mode, with a workspace in scope, a clock at rest and no effects yet."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from flowapp.engine import clock, registry
from flowapp.tenancy.scope import scoped
from tests import factories, servers

from . import effects
from .celery_process import CeleryProcess
from .celery_worker import CeleryWorker
from .engines import AGES, CELERY, KILLED, PROCESS, Engine, modes


@pytest.fixture
def workspace(transactional_db: None) -> Iterator[None]:
    acme = factories.workspace("acme", name="Acme")
    effects.clear()
    with scoped(acme.pk):
        yield
    clock.reset()


@pytest.fixture(scope="session")
def celery_worker(redis_server: servers.Redis) -> Iterator[CeleryWorker]:
    """The one Celery worker of this test run."""
    with CeleryWorker(redis_server.url).living() as worker:
        yield worker


@pytest.fixture(scope="session")
def celery_process(
    redis_server: servers.Redis, django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[CeleryProcess]:
    """What makes Celery workers in processes of their own, one nursery for this test run."""
    modules = [f"{__package__}.{name}" for name in dict.fromkeys(case.partition("::")[0] for case in KILLED)]
    # The other database of the same Redis, so that the worker in this process does not take its messages.
    broker_url = redis_server.url.rpartition("/")[0] + "/1"
    process = CeleryProcess(tmp_path_factory.mktemp("celery-process"), broker_url, modules)
    yield process
    process.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    chosen = any("engine" in mark.args[0] for mark in metafunc.definition.iter_markers("parametrize"))
    if "engine" not in metafunc.fixturenames or chosen:
        return
    file = Path(metafunc.module.__file__ or "").stem
    metafunc.parametrize("engine", modes(file, metafunc.function.__name__), indirect=True)


@pytest.fixture
def lease_seconds() -> float:
    """How long the engine's lease is, unless a file has a fixture of its own."""
    return AGES


@pytest.fixture
def engine(
    request: pytest.FixtureRequest, workspace: None, monkeypatch: pytest.MonkeyPatch, lease_seconds: float
) -> Iterator[Engine]:
    monkeypatch.setattr(registry, "_workflows", dict(registry._workflows))
    celery = request.getfixturevalue("celery_worker") if request.param == CELERY else None
    process = request.getfixturevalue("celery_process") if request.param == PROCESS else None
    made = Engine(request.param, monkeypatch, celery, process, lease_seconds)
    with made.running():
        yield made
