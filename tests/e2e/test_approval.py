"""A manager decides in the browser: the question comes by itself, the run goes on, a loser keeps what was typed."""

import contextlib
import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Error, Locator, Page, expect

from approvals import actions, queries
from flowapp.demo.workflows import expense_approval
from flowapp.engine import runs
from flowapp.engine.handle import Run
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.models import Role
from flowapp.tenancy.scope import scoped
from tests import factories
from tests.e2e.looks import every_look, narrow
from tests.e2e.waiting import ended

pytestmark = pytest.mark.own_servers


def ask(cast: Any, amount: str = "600.00") -> Run:
    """A run of the demo's first workflow, which asks the manager."""
    with scoped(cast.acme.pk):
        expense = {"employee": "Ana Ruiz", "amount": amount, "purpose": "train"}
        return runs.start(expense_approval.name, expense, by=SYSTEM)


def deny_by_key(manager: Page) -> Locator:
    """Press D, again while the page still ignores keys that were meant for the row before, and find the reason."""
    reason = manager.locator("#detail textarea:visible")
    for _ in range(20):
        manager.keyboard.press("d")
        with contextlib.suppress(Error):
            reason.wait_for(timeout=300)
            break
    return reason


def test_a_question_comes_by_itself_and_its_approval_goes_on(manager: Page, cast: Any) -> None:
    expect(manager.get_by_text("Nothing to decide")).to_be_visible()
    run = ask(cast)
    row = manager.locator("#rows a.row")
    expect(row).to_contain_text("Ana Ruiz 600.00")
    row.press("Enter")
    expect(manager.get_by_role("heading", level=1, name=re.compile("600.00"))).to_be_visible()
    expect(manager.get_by_role("definition").filter(has_text="The receipt is issued.")).to_be_visible()
    manager.get_by_role("button", name=re.compile("^Approve 600.00")).press("Enter")
    expect(manager.get_by_text("Nothing to decide").or_(manager.get_by_text("Approved").first)).to_be_visible()
    detail = ended(cast, run)
    assert (detail.status, detail.output["status"]) == ("completed", "approved")
    assert detail.output["receipt"]["approved_by"] == [cast.bo.user.email]


def test_a_denial_by_keyboard_alone_asks_for_its_reason(manager: Page, cast: Any) -> None:
    run = ask(cast)
    expect(manager.locator("#rows a.row")).to_have_count(1)
    manager.keyboard.press("j")
    expect(manager.locator("#detail [data-prompt]")).to_be_visible()
    reason = deny_by_key(manager)
    reason.fill("Go by bus.")
    reason.press("Control+Enter")
    detail = ended(cast, run)
    assert detail.output == {"status": "denied", "reason": "Go by bus.", "receipt": None}


def test_who_comes_second_is_told_who_decided_and_keeps_the_reason(manager: Page, cast: Any) -> None:
    ask(cast)
    row = manager.locator("#rows a.row")
    row.press("Enter")
    manager.locator("#detail [data-prompt]").wait_for()
    reason = deny_by_key(manager)
    reason.fill("Too much for a bus.")
    with scoped(cast.acme.pk):
        prompt = queries.prompt_page(status="pending").items[0]
        other = factories.member("Mia", Role.MANAGER)
        actions.decide(prompt.id, by=factories.actor(other), outcome="approve", channel="web")
    reason.press("Control+Enter")
    expect(manager.locator("#detail")).to_contain_text("Mia")
    expect(manager.locator("#detail")).to_contain_text("Too much for a bus.")


@every_look
def test_no_page_has_an_accessibility_violation(manager: Page, cast: Any) -> None:
    run = ask(cast)
    expect(manager.locator("#rows a.row")).to_have_count(1)
    prompt = manager.locator("#rows a.row").get_attribute("href")
    for path in ("/inbox/", prompt, "/runs/", f"/runs/{run.id}/", "/workflows/", "/workflows/expense-approval/"):
        manager.goto(str(path))
        found = Axe().run(manager)
        assert found.violations_count == 0, f"{path}\n{found.generate_report()}"


@narrow
def test_on_a_phone_the_question_opens_over_the_list(manager: Page, cast: Any) -> None:
    run = ask(cast)
    manager.locator("#rows a.row").click()
    button = manager.get_by_role("button", name=re.compile("^Approve 600.00"))
    expect(button).to_be_in_viewport()
    assert manager.evaluate("document.documentElement.scrollWidth") <= 390
    button.click()
    assert ended(cast, run).output["status"] == "approved"
