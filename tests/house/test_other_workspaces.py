"""Every address that names a row, called by strangers to its workspace: 404, and nothing has changed.

Generated from the addresses there are: a new one is covered as it appears, or fails here until it is understood.
"""

from dataclasses import dataclass

import pytest
from django.test import Client
from django.urls import URLPattern

from approvals.models import Prompt
from flowapp.dispatch.immediate import ImmediateDispatcher
from flowapp.engine.handle import Run
from flowapp.tenancy.scope import scoped
from tests import factories
from tests.approvals import making

from .test_access import NINJA, OURS, operations

# Parts of an address that name no row: workflows are code, the same for every workspace.
GLOBAL = {"name": "expense-approval", "verb": "cancel"}
BODIES: tuple[dict[str, object], ...] = (
    {"outcome": "approve", "reasoning": "mine"},
    {"name": "go", "data": None},
    {"from_step": "review"},
    {"assign": ["role:owner"]},
    {},
)


@dataclass(frozen=True)
class Scene:
    """A run of acme that waits for a prompt, and what Gil of globex has to knock with."""

    cast: factories.Cast
    run: Run
    prompt: Prompt
    session: Client
    keys: tuple[str, ...]

    def path(self, address: str, pattern: URLPattern) -> str:
        rows = {**GLOBAL, "run_id": str(self.run.id), "prompt_id": str(self.prompt.pk)}
        for name in pattern.pattern.converters:
            assert name in rows, f"{address}: teach this test what <{name}> is"
            for kind in ("uuid:", "str:", "slug:", ""):
                address = address.replace(f"<{kind}{name}>", rows[name])
        return address


@pytest.fixture
def scene(transactional_db: None) -> Scene:
    cast = factories.cast()
    with scoped(cast.acme.pk), ImmediateDispatcher().installed():
        run, prompt = making.ask(by=factories.actor(cast.ana), type="review", assign=["role:owner"])
    with scoped(cast.globex.pk):
        keys = (factories.api_key(cast.gil, "approvals:decide")[1], factories.api_key()[1])
    session = Client()
    session.force_login(cast.gil.user)
    return Scene(cast, run, prompt, session, keys)


NAMING = [(address, pattern) for address, pattern in OURS + NINJA if set(pattern.pattern.converters) - set(GLOBAL)]


def methods_of(address: str, pattern: URLPattern) -> set[str]:
    if (address, pattern) in NINJA:
        return {method for operation in operations(pattern.callback) for method in operation.methods}
    return {"GET", "POST"}


def knock(client: Client, method: str, path: str, **headers: str) -> set[int]:
    """What a stranger is answered: to a POST with each of the bodies that some call takes."""
    if method == "GET":
        return {client.get(path, headers=headers).status_code}
    sent = (client.post(path, body, content_type="application/json", headers=headers) for body in BODIES)
    return {answer.status_code for answer in sent}


@pytest.mark.parametrize(("address", "pattern"), NAMING, ids=[address for address, _ in NAMING])
def test_rows_of_another_workspace_are_not_there(scene: Scene, address: str, pattern: URLPattern) -> None:
    path = scene.path(address, pattern)
    for method in methods_of(address, pattern):
        answers = [knock(scene.session, method, path)]
        answers += [knock(Client(), method, path, Authorization=f"Bearer {key}") for key in scene.keys]
        for found in answers:
            # 403: not for the workspace's key, whatever the row; 405: no such method; 422: another call's body.
            assert found <= {403, 404, 405, 422}, f"{method} {path} answered {found}"
        assert answers[0] & {404, 405}, f"{method} {path} answered {answers[0]}"
    with scoped(scene.cast.acme.pk):
        assert (scene.run.status, Prompt.objects.get().status) == ("waiting", "pending")


@pytest.mark.parametrize(("address", "pattern"), NAMING, ids=[address for address, _ in NAMING])
def test_the_same_addresses_answer_to_their_own(scene: Scene, address: str, pattern: URLPattern) -> None:
    """Otherwise the test above would pass on a wrong address."""
    if address.endswith("/stream") or "GET" not in methods_of(address, pattern):
        pytest.skip("not a page to read")
    client = Client()
    client.force_login(scene.cast.ana.user)
    assert client.get(scene.path(address, pattern)).status_code in (200, 405)
