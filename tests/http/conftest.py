"""The cast, their clients, and a small site of views with every kind of access."""

from collections.abc import Callable

import pytest
from django.test import Client

from flowapp.tenancy.models import Member, Workspace
from flowapp.tenancy.scope import scoped
from tests import browsing, factories

SignIn = Callable[[Member], Client]


@pytest.fixture
def cast(db: None) -> factories.Cast:
    return factories.cast()


@pytest.fixture
def signed_in() -> SignIn:
    """A browser in which this member has signed in."""
    return browsing.signed_in


@pytest.fixture
def bearer() -> Callable[..., dict[str, str]]:
    """The headers of a request with a new key of this workspace, or of this member."""

    def headers(workspace: Workspace, owner: Member | None = None) -> dict[str, str]:
        with scoped(workspace.pk):
            return {"Authorization": f"Bearer {factories.api_key(owner)[1]}"}

    return headers
