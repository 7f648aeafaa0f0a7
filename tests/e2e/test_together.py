"""Several people at one prompt, in the browser: claim by key, vote and take it back, ask others, confirm by factor."""

import contextlib
from typing import Any

import pytest
from playwright.sync_api import Error, Page, expect

from flowapp.engine import runs
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.scope import scoped
from tests.approvals import flows
from tests.approvals.making import EXPENSE
from tests.e2e.looks import clean, every_look

pytestmark = pytest.mark.own_servers


def ask(cast: Any, page: Page, **options: Any) -> None:
    """A run that asks with these options, its prompt opened in the browser."""
    flows.OPTIONS.clear()
    flows.OPTIONS.update({"title": "Pay for the conference?"} | options)
    with scoped(cast.acme.pk):
        runs.start("asks", EXPENSE, by=SYSTEM)
    page.get_by_role("link", name="Pay for the conference?").click()
    expect(page.get_by_role("heading", name="Pay for the conference?")).to_be_visible()


def claim(page: Page) -> None:
    """Claim by key. A prompt that has just come up takes no keys for a moment, so press until it does."""
    release = page.get_by_role("button", name="Release")
    for _ in range(10):
        page.keyboard.press("c")
        with contextlib.suppress(Error):
            return release.wait_for(timeout=300)
    expect(release).to_be_visible()


@every_look
def test_claim_vote_take_back_and_ask_others(cast: Any, manager: Page) -> None:
    page = manager
    ask(cast, page, assign=(), stages=[{"assign": "role:manager", "quorum": 2}, {"assign": "role:owner"}])
    expect(page.get_by_text("This may never be decided")).to_be_visible()
    claim(page)
    page.get_by_role("button", name="Approve", exact=False).first.click()
    expect(page.get_by_role("heading", name="Votes so far")).to_be_visible()
    clean(page)
    page.get_by_role("button", name="Take my vote back").click()
    expect(page.get_by_role("heading", name="Votes so far")).to_be_hidden()
    page.get_by_text("Ask somebody else").click()
    page.get_by_label("Who").fill("group:nowhere")
    page.get_by_role("button", name="Ask them instead").click()
    expect(page.locator("#toasts")).to_contain_text("group:nowhere does not exist here")
    expect(page.get_by_label("Who")).to_have_value("group:nowhere")
    clean(page)
    page.get_by_label("Who").fill("group:finance, role:owner")
    page.get_by_role("button", name="Ask them instead").click()
    expect(page.get_by_text("You are not among those who may decide this prompt.")).to_be_visible()
    clean(page)


def test_a_risky_decision_says_how_to_set_up_a_second_factor(cast: Any, manager: Page) -> None:
    page = manager
    ask(cast, page, risk="high")
    page.locator("summary", has_text="Approve").first.click()
    page.get_by_label("Note").fill("a long thought")
    page.locator("details[open]").get_by_role("button", name="Approve").click()
    expect(page.get_by_role("link", name="Set up a second factor")).to_be_visible()
    expect(page.get_by_label("Note")).to_have_value("a long thought")
    clean(page)
