"""A policy by keyboard alone, tried before it is saved; the settings pages in every look without a violation."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from approvals import actions
from approvals.actions import Draft
from approvals.models import Policy, Prompt
from flowapp.engine import runs
from flowapp.tenancy import calendars
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.scope import scoped
from tests import factories
from tests.approvals import flows, making
from tests.e2e.looks import every_look
from tests.e2e.waiting import ended

pytestmark = pytest.mark.own_servers


def ask(cast: Any) -> Any:
    flows.OPTIONS.clear()
    with scoped(cast.acme.pk):
        return runs.start("asks", making.EXPENSE, by=SYSTEM)


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until this has the focus, as somebody without a mouse does."""
    for _ in range(60):
        if page.evaluate("selector => document.activeElement?.matches(selector)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach {selector}")


def test_a_policy_by_keyboard_alone(owner: Page, cast: Any) -> None:
    run = ask(cast)
    with scoped(cast.acme.pk):
        while not (found := list(Prompt.objects.filter(run_id=run.id, status="pending"))):
            owner.wait_for_timeout(20)
        making.decide(found[0], cast.bo, "deny", reasoning="no")
    ended(cast, run)
    owner.goto("/policies/new")
    tab_to(owner, "#policy-name")
    owner.keyboard.type("Small expenses")
    owner.keyboard.press("Tab")
    owner.keyboard.type("amuont < 1000")
    tab_to(owner, "button[name=try]")
    owner.keyboard.press("Enter")
    expect(owner.locator("#trial")).to_contain_text("there is no amuont (did you mean amount?)")
    for _ in range(60):
        if owner.evaluate("document.activeElement?.id") == "policy-expression":
            break
        owner.keyboard.press("Shift+Tab")
    owner.keyboard.press("Control+A")
    owner.keyboard.type("amount < 1000")
    tab_to(owner, "button[name=try]")
    owner.keyboard.press("Enter")
    expect(owner.locator("#trial")).to_contain_text("would have decided 1 of the last 1 prompt")
    expect(owner.locator("#trial a")).to_have_count(1)
    assert Axe().run(owner).violations_count == 0
    tab_to(owner, ".start-form .btn.primary")
    owner.keyboard.press("Enter")
    expect(owner.get_by_role("heading", level=1, name="Small expenses")).to_be_visible()
    again = ask(cast)
    assert ended(cast, again).output["by"] == "Small expenses v1"
    with scoped(cast.acme.pk):
        assert Policy.objects.get().number == 1


@every_look
def test_the_settings_pages_have_no_violation(owner: Page, cast: Any) -> None:
    with scoped(cast.acme.pk):
        for name, outcome, enabled in (("Small", "approve", True), ("Large", "ask", True), ("Closed", "deny", False)):
            rule = Draft("amount < 10", outcome)
            made = actions.create_policy(name=name, draft=rule, by=factories.actor(cast.ana), enabled=enabled)
        office = calendars.Draft("Office", "Europe/Berlin", {"monday": ["09:00-17:00"]}, country="DE")
        calendar = calendars.create_calendar(draft=office, by=SYSTEM)
    pages = (
        "/policies/",
        "/policies/new",
        f"/policies/{made.pk}/",
        "/calendars/",
        f"/calendars/{calendar.pk}/",
        "/away/",
    )
    for path in pages:
        owner.goto(path)
        found = Axe().run(owner)
        assert found.violations_count == 0, f"{path}\n{found.generate_report()}"
        assert owner.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
