"""The cast with acme in scope, and runs executed at once in the test's own thread."""

from collections.abc import Callable, Iterator

import pytest
from django.test import Client

from flowapp.dispatch.immediate import ImmediateDispatcher
from flowapp.engine import clock
from flowapp.tenancy.models import Member
from flowapp.tenancy.scope import scoped
from tests import browsing, factories
from tests.web import flows

SignIn = Callable[[Member], Client]


@pytest.fixture
def cast(transactional_db: None) -> Iterator[factories.Cast]:
    made = factories.cast()
    with scoped(made.acme.pk):
        yield made


@pytest.fixture
def dispatcher(cast: factories.Cast) -> Iterator[ImmediateDispatcher]:
    flows.FAILURES.clear()
    with ImmediateDispatcher().installed() as immediate:
        yield immediate
    clock.reset()


@pytest.fixture
def signed_in() -> SignIn:
    """A browser in which this member has signed in."""
    return browsing.signed_in
