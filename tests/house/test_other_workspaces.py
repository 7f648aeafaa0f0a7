"""Every address that names a row, called by strangers to its workspace: 404, and nothing has changed.

Generated from the addresses there are: a new one is covered as it appears, or fails here until it is understood.
"""

import json
import zlib
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid5

import pytest
from django.test import Client
from django.urls import URLPattern

from approvals.actions import Draft, create_policy, save_filter
from approvals.models import Prompt
from flowapp.dispatch.immediate import ImmediateDispatcher
from flowapp.engine import clock
from flowapp.engine.handle import Run
from flowapp.engine.models import ArchivedRun
from flowapp.engine.reading.search import EVERY
from flowapp.engine.upkeep import bulk
from flowapp.integrations.outbox import put
from flowapp.tenancy import absences, agents, calendars
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.scope import scoped
from tests import factories
from tests.approvals import making
from tests.integrations.webhooks import making as webhooks

from .test_access import NINJA, OURS, operations

# Parts of an address that name no row: workflows are code, the same for every workspace; tokens are signed, and this
# one is not.
GLOBAL = {"token": "a-signed-token-of-ours", "name": "expense-approval", "verb": "cancel", "slug": "nobody-s"}
BODIES: tuple[dict[str, object], ...] = (
    {"outcome": "approve", "reasoning": "mine"},
    {"name": "go", "data": None},
    {"from_step": "review"},
    {"assign": ["role:owner"]},
    {"name": "Shop", "url": "https://example.com/hooks", "events": ["*"]},
    {"expression": "true", "position": 1},
    {"name": "Office", "zone": "UTC", "hours": {"monday": ["09:00-17:00"]}},
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
    hooks: dict[str, str]
    kept: UUID

    def path(self, address: str, pattern: URLPattern) -> str:
        message = uuid5(self.cast.acme.pk, "test:one")
        rows = {
            **GLOBAL,
            **self.hooks,
            "message_id": str(message),
            "run_id": str(self.run.id),
            "prompt_id": str(self.prompt.pk),
            "attachment_id": str(uuid5(self.prompt.pk, "attachment:receipt.pdf")),
            "filter_id": str(self.kept),
        }
        for name in pattern.pattern.converters:
            assert name in rows, f"{address}: teach this test what <{name}> is"
            for kind in ("uuid:", "str:", "slug:", ""):
                address = address.replace(f"<{kind}{name}>", rows[name])
        return address


def settings_of(cast: factories.Cast) -> dict[str, str]:
    """What acme says of how it works: a policy, a calendar, that Bo is away, and an agent."""
    ana, now = factories.actor(cast.ana), clock.now()
    policy = create_policy(name="Rule", draft=Draft("false", "approve"), by=ana)
    office = calendars.Draft("Office", "UTC", {"monday": ["09:00-17:00"]})
    calendar = calendars.create_calendar(draft=office, by=ana)
    away = absences.set_absence(
        member=cast.bo, substitute=cast.cleo, starts_at=now, ends_at=now + timedelta(days=1), by=ana, now=now
    )
    agent = agents.create_agent(name="triage", owner="ana@example.com", by=ana)
    rows = {"policy_id": policy, "calendar_id": calendar, "absence_id": away, "agent_id": agent}
    return {name: str(row.pk) for name, row in rows.items()}


@pytest.fixture
def scene(transactional_db: None) -> Scene:
    cast = factories.cast()
    with scoped(cast.acme.pk), ImmediateDispatcher().installed():
        put("test", "one", {})
        file = {"name": "receipt.pdf", "content": b"%PDF"}
        run, prompt = making.ask(by=factories.actor(cast.ana), type="review", assign=["role:owner"], attachments=[file])
        kept = save_filter(name="Mine", query="scope=mine", by=factories.actor(cast.ana), channel="web").pk
        hooks = webhooks.rows()
        hooks |= {"job_id": str(bulk.begin("cancel", EVERY, by=SYSTEM))}
        now = clock.now()
        hooks |= settings_of(cast)
        document = zlib.compress(b"{}")
        ArchivedRun.objects.create(
            id=run.id, status="completed", created_at=now, ended_at=now, archived_at=now, document=document
        )
    with scoped(cast.globex.pk):
        keys = (factories.api_key(cast.gil, "approvals:decide")[1], factories.api_key()[1])
    session = Client()
    session.force_login(cast.gil.user)
    return Scene(cast, run, prompt, session, keys, hooks, kept)


NAMING = [(address, pattern) for address, pattern in OURS + NINJA if set(pattern.pattern.converters) - set(GLOBAL)]


def methods_of(address: str, pattern: URLPattern) -> set[str]:
    if (address, pattern) in NINJA:
        return {method for operation in operations(pattern.callback) for method in operation.methods}
    return {"GET", "POST"}


def knock(client: Client, method: str, path: str, **headers: str) -> set[int]:
    """What a stranger is answered: to a POST with each of the bodies that some call takes."""
    if method == "GET":
        return {client.get(path, headers=headers).status_code}
    sent = (client.generic(method, path, json.dumps(body), "application/json", headers=headers) for body in BODIES)
    return {answer.status_code for answer in sent}


def test_rows_of_another_workspace_are_not_there(scene: Scene, subtests: pytest.Subtests) -> None:
    """One scene serves all addresses: a stranger changes nothing in it."""
    for address, pattern in NAMING:
        with subtests.test(address):
            path = scene.path(address, pattern)
            for method in methods_of(address, pattern):
                answers = [knock(scene.session, method, path)]
                answers += [knock(Client(), method, path, Authorization=f"Bearer {key}") for key in scene.keys]
                for found in answers:
                    # 403: not for the workspace's key, whatever the row; 405: no such method; 422: another's body.
                    assert found <= {403, 404, 405, 422}, f"{method} {path} answered {found}"
                assert answers[0] & {404, 405}, f"{method} {path} answered {answers[0]}"
            with scoped(scene.cast.acme.pk):
                assert (scene.run.status, Prompt.objects.get().status) == ("waiting", "pending")


def test_the_same_addresses_answer_to_their_own(scene: Scene, subtests: pytest.Subtests) -> None:
    """Otherwise the test above would pass on a wrong address."""
    client = Client()
    client.force_login(scene.cast.ana.user)
    for address, pattern in NAMING:
        if address.endswith(("/stream", "/fork")) or "GET" not in methods_of(address, pattern):
            continue  # not a page to read
        with subtests.test(address):
            assert client.get(scene.path(address, pattern)).status_code in (200, 405)
