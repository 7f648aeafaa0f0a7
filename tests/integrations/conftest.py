"""A workspace in scope, and senders that only a test knows."""

from collections.abc import Iterator

import pytest

from flowapp.engine import clock
from flowapp.tenancy.models import Workspace
from flowapp.tenancy.scope import scoped
from tests import factories


@pytest.fixture
def acme(transactional_db: None) -> Iterator[Workspace]:
    workspace = factories.workspace("acme")
    with scoped(workspace.pk):
        yield workspace
    clock.reset()
