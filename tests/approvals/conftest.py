"""The cast with acme in scope, and runs executed at once in the test's own thread."""

from collections.abc import Iterator

import pytest

from flowapp.dispatch.immediate import ImmediateDispatcher
from flowapp.engine import clock
from flowapp.tenancy.scope import scoped
from tests import factories


@pytest.fixture
def cast(transactional_db: None) -> Iterator[factories.Cast]:
    made = factories.cast()
    with scoped(made.acme.pk):
        yield made


@pytest.fixture
def dispatcher(cast: factories.Cast) -> Iterator[ImmediateDispatcher]:
    with ImmediateDispatcher().installed() as immediate:
        yield immediate
    clock.reset()
