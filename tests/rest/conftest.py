"""The cast with keys of their own, and runs executed at once in the test's own thread."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client

from flowapp.dispatch.immediate import ImmediateDispatcher
from flowapp.engine import clock
from flowapp.tenancy.models import Member, Workspace
from flowapp.tenancy.scope import scoped
from tests import factories

from . import flows


class Caller:
    """Somebody with an API key. Answers are Django's responses."""

    def __init__(self, key: str) -> None:
        self.headers = {"Authorization": f"Bearer {key}"}
        self._client = Client(raise_request_exception=False)

    def get(self, path: str, **query: Any) -> Any:
        return self._client.get(f"/v1{path}", query, headers=self.headers)

    def post(self, path: str, body: Any = None) -> Any:
        """Send JSON, or a text as it is, or nothing."""
        return self._client.post(f"/v1{path}", "" if body is None else body, "application/json", headers=self.headers)

    def put(self, path: str, body: Any) -> Any:
        return self._client.put(f"/v1{path}", body, "application/json", headers=self.headers)

    def delete(self, path: str) -> Any:
        return self._client.delete(f"/v1{path}", headers=self.headers)


Calling = Callable[..., Caller]


@pytest.fixture
def cast(transactional_db: None) -> factories.Cast:
    return factories.cast()


@pytest.fixture
def calling() -> Calling:
    """The caller for a member with a key of theirs, or for a workspace with its own."""

    def caller(who: Member | Workspace, *scopes: str) -> Caller:
        owner, workspace_id = (who, who.workspace_id) if isinstance(who, Member) else (None, who.pk)
        with scoped(workspace_id):
            return Caller(factories.api_key(owner, *scopes)[1])

    return caller


@pytest.fixture
def dispatcher(cast: factories.Cast) -> Iterator[ImmediateDispatcher]:
    flows.FAILURES.clear()
    with ImmediateDispatcher().installed() as immediate:
        yield immediate
    clock.reset()


@pytest.fixture
def key(cast: factories.Cast, dispatcher: ImmediateDispatcher, calling: Calling) -> Caller:
    """Acme's own key."""
    return calling(cast.acme)


@pytest.fixture
def bo(cast: factories.Cast, calling: Calling) -> Caller:
    """The manager, whose key may decide."""
    return calling(cast.bo, "approvals:decide")
