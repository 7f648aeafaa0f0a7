"""One `flowapp dev` for all tests that only talk to it; and one of its own for a test that stops it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.devserver import DevServer


@pytest.fixture(scope="package")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    """A server that is ready; leave it as you found it."""
    server = DevServer(tmp_path_factory.mktemp("shared"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[DevServer]:
    """A server of the test's own, not started yet."""
    server = DevServer(tmp_path)
    yield server
    server.kill()
