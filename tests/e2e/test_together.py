"""Several people at one prompt, by keyboard alone: claim, release, vote, take it back, ask others, withdraw."""

import contextlib
from typing import Any

import pytest
from playwright.sync_api import Error, Page, expect

from flowapp.engine import runs
from flowapp.engine.handle import Run
from flowapp.tenancy.actors import SYSTEM, Actor
from flowapp.tenancy.scope import scoped
from tests import factories
from tests.approvals import flows
from tests.approvals.making import EXPENSE
from tests.e2e.looks import clean, every_look
from tests.e2e.waiting import ended

pytestmark = pytest.mark.own_servers


def ask(cast: Any, page: Page, *, by: Actor = SYSTEM, **options: Any) -> Run:
    """A run that asks with these options, its prompt opened in the browser."""
    flows.OPTIONS.clear()
    flows.OPTIONS.update({"title": "Pay for the conference?"} | options)
    with scoped(cast.acme.pk):
        run = runs.start("asks", EXPENSE, by=by)
    page.get_by_role("link", name="Pay for the conference?").press("Enter")
    expect(page.get_by_role("heading", name="Pay for the conference?")).to_be_visible()
    return run


def press_c(page: Page, then: str) -> None:
    """Claim or release by key. What has just come up takes no keys for a moment, so press until it does."""
    button = page.get_by_role("button", name=then)
    for _ in range(10):
        page.keyboard.press("c")
        with contextlib.suppress(Error):
            return button.wait_for(timeout=300)
    expect(button).to_be_visible()


@every_look
def test_claim_release_vote_take_back_and_ask_others(cast: Any, manager: Page) -> None:
    page = manager
    ask(cast, page, assign=(), stages=[{"assign": "role:manager", "quorum": 2}, {"assign": "role:owner"}])
    expect(page.get_by_text("This may never be decided")).to_be_visible()
    press_c(page, then="Release")
    press_c(page, then="Claim")
    press_c(page, then="Release")
    page.get_by_role("button", name="Approve", exact=False).first.press("Enter")
    expect(page.get_by_role("heading", name="Votes so far")).to_be_visible()
    clean(page)
    page.get_by_role("button", name="Take my vote back").press("Enter")
    expect(page.get_by_role("heading", name="Votes so far")).to_be_hidden()
    page.locator("summary", has_text="Ask somebody else").press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Who")).to_be_focused()
    page.keyboard.type("group:nowhere")
    page.get_by_role("button", name="Ask them instead").press("Enter")
    expect(page.locator("#toasts")).to_contain_text("group:nowhere does not exist here")
    expect(page.get_by_label("Who")).to_have_value("group:nowhere")
    clean(page)
    page.get_by_label("Who").fill("group:finance, role:owner")
    page.get_by_role("button", name="Ask them instead").press("Enter")
    expect(page.get_by_text("You are not among those who may decide this prompt.")).to_be_visible()
    clean(page)


def test_a_risky_decision_says_how_to_set_up_a_second_factor(cast: Any, manager: Page) -> None:
    page = manager
    ask(cast, page, risk="high")
    page.locator("summary", has_text="Approve").first.press("Enter")
    expect(page.get_by_label("Note")).to_be_focused()
    page.keyboard.type("a long thought")
    page.locator("details[open]").get_by_role("button", name="Approve").press("Enter")
    expect(page.get_by_role("link", name="Set up a second factor")).to_be_visible()
    expect(page.get_by_label("Note")).to_have_value("a long thought")
    clean(page)


@every_look
def test_whoever_asked_withdraws_it(cast: Any, manager: Page) -> None:
    page = manager
    run = ask(cast, page, by=factories.actor(cast.bo))
    page.locator("summary", has_text="Withdraw my request").press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("textbox", name="Why optional").last).to_be_focused()
    clean(page)
    page.keyboard.type("We go next year.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Withdrawn by Bo")).to_be_visible()
    expect(page.locator("#detail")).to_contain_text("We go next year.")
    clean(page)
    assert ended(cast, run).status == "cancelled"
