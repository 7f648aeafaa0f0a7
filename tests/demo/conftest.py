"""The demo's people in scope, and runs executed at once in the test's own thread."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import flowapp.demo.workflows  # noqa: F401 - registers them
from flowapp.demo import people
from flowapp.dispatch.immediate import ImmediateDispatcher
from flowapp.engine import clock
from flowapp.tenancy import queries
from flowapp.tenancy.actors import Actor
from flowapp.tenancy.models import Workspace
from flowapp.tenancy.scope import scoped


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A FLOWAPP_HOME of the test's own."""
    return tmp_path


@pytest.fixture
def dispatcher(transactional_db: None) -> Iterator[ImmediateDispatcher]:
    with ImmediateDispatcher().installed() as immediate:
        yield immediate
    clock.reset()


@pytest.fixture
def acme(dispatcher: ImmediateDispatcher) -> Iterator[Workspace]:
    """The demo workspace with its people, in scope, before its story."""
    workspace = people.assemble()
    with scoped(workspace.pk):
        yield workspace


@pytest.fixture
def cast(acme: Workspace) -> dict[str, Actor]:
    """The demo's people as actors, by the first part of their e-mail address."""
    return {member.user.email.partition("@")[0]: queries.actor_for(member) for member in queries.members()}
