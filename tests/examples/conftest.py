"""The examples' workflows, registered for these tests alone: their triggers would start runs in others."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from flowapp.dispatch.immediate import ImmediateDispatcher
from flowapp.engine import clock, registry
from flowapp.tenancy.scope import scoped
from tests import factories

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="package")
def examples() -> Iterator[ModuleType]:
    """The package `workflows` of examples/."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(EXAMPLES))
        patch.setattr(registry, "_workflows", dict(registry._workflows))
        yield importlib.import_module("workflows")
    for name in [name for name in sys.modules if name.partition(".")[0] == "workflows"]:
        del sys.modules[name]


@pytest.fixture
def dispatcher(transactional_db: None) -> Iterator[ImmediateDispatcher]:
    """Executes runs at once, with a workspace in scope."""
    with scoped(factories.workspace("examples").pk), ImmediateDispatcher().installed() as immediate:
        yield immediate


@pytest.fixture(autouse=True)
def _real_time() -> Iterator[None]:
    yield
    clock.reset()
