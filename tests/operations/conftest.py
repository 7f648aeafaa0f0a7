"""The cast with acme in scope, runs executed at once, and somebody who calls pages and API."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client

from flowapp.dispatch.immediate import ImmediateDispatcher
from flowapp.engine import clock
from flowapp.tenancy.models import Member
from flowapp.tenancy.scope import scoped
from tests import browsing, factories

from . import flows


@pytest.fixture
def cast(transactional_db: None) -> Iterator[factories.Cast]:
    flows.FAILING.clear()
    made = factories.cast()
    with scoped(made.acme.pk):
        yield made


@pytest.fixture
def dispatcher(cast: factories.Cast) -> Iterator[ImmediateDispatcher]:
    with ImmediateDispatcher().installed() as immediate:
        yield immediate
    clock.reset()


@pytest.fixture
def signed_in() -> Callable[[Member], Client]:
    """A browser in which this member has signed in."""
    return browsing.signed_in


@pytest.fixture
def call(cast: factories.Cast) -> Callable[..., Any]:
    """Call the API with the key of a member, or of the workspace."""

    def send(method: str, path: str, body: Any = None, *, who: Member | None = None) -> Any:
        key = factories.api_key(who)[1]
        headers = {"Authorization": f"Bearer {key}"}
        return Client().generic(
            method, f"/v1{path}", b"" if body is None else _json(body), "application/json", headers=headers
        )

    return send


def _json(body: Any) -> bytes:
    import json

    return json.dumps(body).encode()
