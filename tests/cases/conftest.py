"""`engine`: the cases' engine in each mode, with a workspace in scope, a clock at rest and no effects yet."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from flowapp.engine import clock, registry
from flowapp.tenancy.scope import scoped
from tests import factories, servers
from tests.environment import backend

from . import effects
from .celery_worker import CeleryWorker
from .engines import CELERY, DISPATCHED, MODES, Engine


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


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    chosen = any("engine" in mark.args[0] for mark in metafunc.definition.iter_markers("parametrize"))
    if "engine" not in metafunc.fixturenames or chosen:
        return
    modes = [pytest.param(mode) for mode in MODES]
    if backend() == "postgresql" and Path(metafunc.module.__file__ or "").stem in DISPATCHED:
        modes.append(pytest.param(CELERY, marks=pytest.mark.xdist_group("cases-celery")))
    metafunc.parametrize("engine", modes, indirect=True)


@pytest.fixture
def engine(request: pytest.FixtureRequest, workspace: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    monkeypatch.setattr(registry, "_workflows", dict(registry._workflows))
    celery = request.getfixturevalue("celery_worker") if request.param == CELERY else None
    made = Engine(request.param, monkeypatch, celery)
    with made.running():
        yield made
