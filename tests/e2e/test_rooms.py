"""Runs as they move, and the rooms around them: by keyboard, without an accessibility violation, on either screen."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from approvals.actions.channels import links
from approvals.models import Prompt
from flowapp.engine import runs
from flowapp.tenancy import agents
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.scope import scoped
from tests.approvals import flows, making
from tests.e2e.looks import clean, every_look
from tests.integrations.webhooks import making as webhooks
from tests.operations.flows import waits

pytestmark = pytest.mark.own_servers


def looked_at(page: Page, *paths: str) -> None:
    for path in paths:
        page.goto(path)
        clean(page)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path


@every_look
def test_the_rooms_of_operators_are_clean(owner: Page, cast: Any) -> None:
    with scoped(cast.acme.pk):
        ids = webhooks.rows()
        agents.create_agent(name="triage", owner=cast.ana.user.email, by=SYSTEM)
    looked_at(
        owner,
        "/webhooks/",
        "/webhooks/new",
        f"/webhooks/{ids['webhook_id']}/",
        "/webhooks/endpoints/",
        "/webhooks/endpoints/new",
        f"/webhooks/endpoints/{ids['endpoint_id']}/",
        "/outbox/",
        "/operations/",
        "/slack/",
        "/notifications/",
        "/runs/bulk/",
        "/runs/bulk/new/cancel?status=waiting",
        "/reports/approvals/",
    )


@every_look
def test_a_run_is_seen_moving_and_its_rooms_are_clean(owner: Page, cast: Any) -> None:
    with scoped(cast.acme.pk):
        run = runs.start(waits.name, by=SYSTEM)
    owner.goto(f"/runs/{run.id}/")
    state = owner.locator("#run-head, .run-head, main").first
    expect(state).to_contain_text("Waiting")
    looked_at(owner, f"/runs/{run.id}/", *(f"/runs/{run.id}/{room}/" for room in ("steps", "log", "family")))
    owner.goto(f"/runs/{run.id}/")
    owner.get_by_role("button", name="Pause").press("Enter")
    expect(owner.get_by_role("button", name="Resume")).to_be_visible()
    owner.get_by_role("button", name="Resume").press("Enter")
    expect(owner.get_by_role("button", name="Pause")).to_be_visible()
    with scoped(cast.acme.pk):
        runs.cancel(run.id, by=SYSTEM)
    expect(state).to_contain_text("Cancelled")  # by itself


def test_many_runs_are_cancelled_by_keyboard_with_a_result_for_each(owner: Page, cast: Any) -> None:
    with scoped(cast.acme.pk):
        for _ in range(3):
            runs.start(waits.name, by=SYSTEM)
    owner.goto("/runs/?status=waiting")
    expect(owner.locator("main")).to_contain_text("ops-waits")
    owner.goto("/runs/bulk/new/cancel?status=waiting")
    clean(owner)
    owner.get_by_role("button", name=re.compile("^Cancel")).last.press("Enter")
    expect(owner.locator("main")).to_contain_text(re.compile("3 of 3"))
    clean(owner)


@every_look
def test_the_page_behind_a_mail_is_answered_by_keyboard_without_signing_in(
    page: Page, cast: Any, embedded_worker: Any
) -> None:
    flows.OPTIONS.clear()
    with scoped(cast.acme.pk):
        run = runs.start("asks", making.EXPENSE, by=SYSTEM)
        while (prompt := Prompt.objects.filter(run_id=run.id, status="pending").first()) is None:
            page.wait_for_timeout(20)
        link = links.issue(prompt, cast.bo)
        address = links.address(link, link.serial)
    page.goto(re.sub("^https?://[^/]+", "", address))
    clean(page)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.get_by_role("button", name=re.compile("^Approve")).press("Enter")
    expect(page.locator("main")).to_contain_text("Bo decided “Approve”")
    clean(page)
    with scoped(cast.acme.pk):
        assert Prompt.objects.get(pk=prompt.pk).status == "decided"
