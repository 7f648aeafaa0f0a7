"""Runs as they move, and the rooms around them: by keyboard, without an accessibility violation, on either screen."""

import re
import threading
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from playwright.sync_api import Page, expect

from approvals.actions.channels import links
from approvals.models import Prompt
from flowapp.engine import clock, runs
from flowapp.engine.models import Run
from flowapp.engine.upkeep import bulk, logbook, retention
from flowapp.tenancy import agents
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.scope import scoped
from tests.approvals import flows, making
from tests.e2e.looks import clean, every_look
from tests.e2e.waiting import ended
from tests.integrations.webhooks import making as webhooks
from tests.operations.flows import eventful, grows, waits

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
        f"/webhooks/endpoints/{ids['endpoint_id']}/deliveries/{ids['delivery_id']}/",
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
        run = runs.start(grows.name, by=SYSTEM)
    owner.goto(f"/runs/{run.id}/")
    state = owner.locator("#run-head, .run-head, main").first
    expect(state).to_contain_text("Waiting")
    looked_at(owner, f"/runs/{run.id}/", *(f"/runs/{run.id}/{room}/" for room in ("steps", "log", "family")))
    owner.goto(f"/runs/{run.id}/")
    owner.get_by_role("button", name="Pause").press("Enter")
    expect(owner.get_by_role("button", name="Resume")).to_be_visible()
    owner.get_by_role("button", name="Resume").press("Enter")
    expect(owner.get_by_role("button", name="Pause")).to_be_visible()
    bars = owner.locator(".waterfall rect.bar")
    expect(bars).to_have_count(2)  # the first step, and the wait
    owner.evaluate("window.isTheSamePage = true")
    with scoped(cast.acme.pk):
        runs.signal(run.id, "go", None, by=SYSTEM)
    expect(owner.locator("#step-second-1 rect.bar")).to_be_visible()  # from here on all by itself
    expect(bars).to_have_count(4)
    with scoped(cast.acme.pk):
        runs.cancel(run.id, by=SYSTEM)
    expect(state).to_contain_text("Cancelled")
    assert owner.evaluate("window.isTheSamePage")


@every_look
def test_the_rooms_of_an_eventful_run_are_clean(owner: Page, cast: Any) -> None:
    with scoped(cast.acme.pk):
        run, old = (ended(cast, runs.start(eventful.name, by=SYSTEM)) for _ in range(2))
        logbook.flush()
        Run.objects.filter(pk=old.id).update(ended_at=clock.now() - timedelta(days=2))
        retention.set_policy(days=1, archive=True, by=SYSTEM)
        while Run.objects.filter(pk=old.id).exists():
            retention.enforce(1)
    looked_at(owner, f"/runs/{run.id}/", f"/runs/{run.id}/fork/?from_step=count%231", f"/runs/{old.id}/")
    expect(owner.locator("main")).to_contain_text("archived")
    owner.goto(f"/runs/{run.id}/")
    for words in ("one two three", "trying", "it never works", "2 attempts"):
        expect(owner.locator("main")).to_contain_text(words)
    owner.locator("#step-never-1 > summary").press("Enter")
    expect(owner.locator("#step-never-1 .wf-body")).to_contain_text("Attempt 1")
    clean(owner)


def test_many_runs_are_cancelled_by_keyboard_with_a_result_for_each(
    owner: Page, cast: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scoped(cast.acme.pk):
        for _ in range(3):
            runs.start(waits.name, by=SYSTEM)
    one, go = bulk._one, threading.Event()

    def held_after_the_first(job: Any, run_id: UUID) -> bool:
        assert job.cursor is None or go.wait(20)
        return one(job, run_id)

    monkeypatch.setattr(bulk, "BATCH", 1)
    monkeypatch.setattr(bulk, "_one", held_after_the_first)
    owner.goto("/runs/?status=waiting")
    expect(owner.locator("main")).to_contain_text("ops-waits")
    owner.goto("/runs/bulk/new/cancel?status=waiting")
    clean(owner)
    owner.get_by_role("button", name=re.compile("^Cancel")).last.press("Enter")
    expect(owner.locator("main")).to_contain_text(re.compile("1 of 3"))
    expect(owner.get_by_role("img", name="1 of 3 runs")).to_be_visible()
    clean(owner)
    go.set()
    expect(owner.locator("main")).to_contain_text(re.compile("3 of 3"))  # by itself
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
