"""`engine`: the cases' engine in each mode, with a workspace in scope, a clock at rest and no effects yet."""

from collections.abc import Iterator

import pytest

from flowapp.engine import clock, registry
from flowapp.tenancy.scope import scoped
from tests import factories

from . import effects
from .engines import MODES, Engine


@pytest.fixture
def workspace(transactional_db: None) -> Iterator[None]:
    acme = factories.workspace("acme", name="Acme")
    effects.clear()
    with scoped(acme.pk):
        yield
    clock.reset()


@pytest.fixture(params=MODES)
def engine(request: pytest.FixtureRequest, workspace: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    monkeypatch.setattr(registry, "_workflows", dict(registry._workflows))
    made = Engine(request.param, monkeypatch)
    with made.running():
        yield made
