"""Prompts that take data, in a real browser: wrong, corrected, reviewed and sent, in every look."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import pytest
from playwright.sync_api import Page, expect
from pydantic import BaseModel, Field

from flowapp.engine import runs
from flowapp.engine.handle import Run
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.scope import scoped
from tests.approvals import flows
from tests.approvals.making import EXPENSE
from tests.e2e.looks import clean, every_look
from tests.e2e.waiting import ended

pytestmark = pytest.mark.own_servers


class Booking(BaseModel):
    account: str = Field(pattern="^[0-9]{4}$", description="Four digits.")
    net: Annotated[Decimal, Field(gt=0)]
    paid_at: datetime | None = None


def ask(cast: Any, **options: Any) -> Run:
    flows.OPTIONS.clear()
    flows.OPTIONS.update({"assign": "role:manager"} | options)
    with scoped(cast.acme.pk):
        return runs.start("asks", EXPENSE, by=SYSTEM)


def open_it(page: Page) -> None:
    row = page.locator("#rows a.row")
    expect(row).to_have_count(1)
    page.goto(str(row.get_attribute("href")))


@every_look
def test_a_form_is_corrected_field_by_field(manager: Page, cast: Any) -> None:
    run = ask(cast, type="form", form=Booking, title="How is this booked?")
    open_it(manager)
    account, net = manager.get_by_role("textbox", name="Account", exact=True), manager.get_by_label("Net")
    clean(manager)
    account.fill("47")
    net.fill("12.50")
    manager.get_by_label("Paid At").fill("2027-01-15T10:00")
    manager.locator(".act").get_by_role("button", name="Submit").press("Enter")
    expect(manager.locator("[data-focus]")).to_be_focused()
    expect(account).to_have_attribute("aria-invalid", "true")
    expect(account).to_have_value("47")
    expect(net).to_have_value("12.50")
    clean(manager)
    assert manager.evaluate("document.documentElement.scrollWidth") <= manager.viewport_size["width"]
    manager.get_by_role("link", name="Account", exact=True).press("Enter")
    expect(account).to_be_focused()
    account.fill("4711")
    account.press("Enter")
    zone = manager.evaluate("new Date('2027-01-15T10:00').toISOString()")
    data = ended(cast, run).output["data"]
    assert (data["account"], Decimal(data["net"])) == ("4711", Decimal("12.50"))
    assert datetime.fromisoformat(data["paid_at"]) == datetime.fromisoformat(zone)


@every_look
def test_an_edit_is_reviewed_before_it_runs(manager: Page, cast: Any) -> None:
    run = ask(cast, type="edit", title="Pay?")
    open_it(manager)
    amount = manager.get_by_label("Amount")
    amount.fill("420.00")
    clean(manager)
    approve = manager.locator(".act").get_by_role("button", name="Approve")
    approve.press("Enter")
    heading = manager.get_by_role("heading", name="Check your changes")
    expect(heading).to_be_focused()
    expect(manager.locator(".changes")).to_contain_text("600.00")
    clean(manager)
    manager.get_by_role("button", name="Back to the form").press("Enter")
    expect(amount).to_have_value("420.00")
    approve.press("Enter")
    expect(heading).to_be_focused()
    manager.get_by_role("button", name="Approve with this change").press("Enter")
    assert ended(cast, run).output["data"] == {"employee": "Ana Ruiz", "amount": "420.00"}
