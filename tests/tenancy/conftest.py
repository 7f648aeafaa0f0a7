"""The cast, with acme in scope."""

from collections.abc import Iterator

import pytest

from flowapp.tenancy.scope import scoped
from tests import factories


@pytest.fixture
def cast(db: None) -> Iterator[factories.Cast]:
    made = factories.cast()
    with scoped(made.acme.pk):
        yield made
