"""One prompt after the other, by keyboard alone: where the focus goes, what arrivals do and what they leave alone."""

import contextlib
import re
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Error, Locator, Page, expect

from approvals.models import Prompt
from approvals.views import listing
from flowapp.demo.workflows import expense_approval
from flowapp.engine import runs
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.scope import scoped
from tests.approvals import flows
from tests.approvals.flows import Expense
from tests.approvals.making import EXPENSE
from tests.e2e.looks import clean, narrow

pytestmark = pytest.mark.own_servers


def ask(cast: Any, title: str, **options: Any) -> None:
    flows.OPTIONS.clear()
    flows.OPTIONS.update({"title": title, **options})
    with scoped(cast.acme.pk):
        runs.start("asks", EXPENSE, by=SYSTEM)


def listed(page: Page, cast: Any, *employees: str) -> None:
    """The expenses of these, one below the other."""
    for number, employee in enumerate(employees, start=1):
        with scoped(cast.acme.pk):
            expense = {"employee": employee, "amount": "600.00", "purpose": "train"}
            runs.start(expense_approval.name, expense, by=SYSTEM)
        expect(page.locator("#rows li")).to_have_count(number)


def press_until(page: Page, key: str, shown: Locator) -> None:
    """Press a key, again while the page ignores keys that were meant for the row before, until this is shown."""
    for _ in range(20):
        page.keyboard.press(key)
        with contextlib.suppress(Error):
            shown.first.wait_for(timeout=400)
            return
    raise AssertionError(f"{key} did not lead to {shown}")


def toast(page: Page, title: str) -> Locator:
    return page.locator("#toasts").get_by_text(title)


def verdict(page: Page) -> Locator:
    return page.locator("#verdict")


def decided(cast: Any) -> list[str]:
    with scoped(cast.acme.pk):
        return list(Prompt.objects.filter(status="decided").values_list("title", flat=True))


def test_j_and_k_walk_and_a_approves_then_the_next_row_has_the_focus(manager: Page, cast: Any) -> None:
    listed(manager, cast, "Ana", "Cleo", "Dev")
    expect(verdict(manager)).to_contain_text("Ana")
    manager.keyboard.press("j")
    expect(verdict(manager)).to_contain_text("Cleo")
    manager.keyboard.press("k")
    expect(verdict(manager)).to_contain_text("Ana")
    expect(manager.locator("#rows .row").first).to_be_focused()
    manager.keyboard.press("j")
    expect(verdict(manager)).to_contain_text("Cleo")
    press_until(manager, "a", toast(manager, "Cleo"))
    expect(verdict(manager)).to_contain_text("Dev")
    expect(verdict(manager)).to_be_focused()
    assert [title.split(" 600")[0] for title in decided(cast)] == ["Pay Cleo"]


def test_one_key_alone_never_confirms_what_is_of_high_risk(manager: Page, cast: Any) -> None:
    ask(cast, "Wipe it?", risk="high")
    expect(manager.locator("#rows li")).to_have_count(1)
    manager.keyboard.press("j")
    expect(verdict(manager)).to_contain_text("Wipe it?")
    press_until(manager, "a", manager.locator("#detail details.answer[open]"))
    clean(manager)
    manager.keyboard.press("Escape")
    assert decided(cast) == []


def test_a_reason_typed_too_early_decides_nothing(manager: Page, cast: Any) -> None:
    """The prompt has just come up, so D opens nothing yet; what is typed on must not be taken for keys."""
    listed(manager, cast, "Ana", "Cleo")
    manager.keyboard.press("j")
    expect(verdict(manager)).to_contain_text("Cleo")
    manager.keyboard.press("d")
    manager.keyboard.type("the amount is too high, each car cost as much", delay=60)
    assert decided(cast) == []
    expect(manager.locator("#detail .claimed, #detail [data-key=c]")).to_have_text(re.compile("Claim"))
    press_until(manager, "d", manager.locator("#detail textarea:visible"))


def test_what_comes_before_the_others_waits_in_the_pill(manager: Page, cast: Any) -> None:
    employees = [f"Person {number}" for number in range(12)]
    listed(manager, cast, *employees)
    manager.goto("/inbox/")
    expect(verdict(manager)).to_contain_text("Person 0")
    manager.locator(".inbox-scroll").evaluate("list => list.scrollTo({top: 150})")
    in_sight = manager.locator("#rows li", has_text="Person 9")
    before = in_sight.bounding_box()
    ask(cast, "Wipe it?", risk="high")
    pill = manager.locator("#new-pill")
    expect(pill).to_have_text("1 new: Wipe it?")
    shown = manager.locator("#rows .ask").all_text_contents()
    assert [text.split(" 600")[0].strip() for text in shown] == [f"Pay {name}" for name in employees]
    assert in_sight.bounding_box() == before
    clean(manager)
    pill.focus()
    manager.keyboard.press("Enter")
    expect(pill).to_be_hidden()
    expect(manager.locator("#rows .ask").first).to_have_text("Wipe it?")
    expect(verdict(manager)).to_contain_text("Wipe it?")


def order(page: Page, label: str) -> None:
    """Choose an order by typing its name's first letters."""
    page.get_by_label("Order").focus()
    page.keyboard.type(label[:3])
    expect(page.get_by_label("Order").locator("option:checked")).to_have_text(label)
    expect(page).to_have_url(re.compile("sort="))


@pytest.mark.parametrize(
    ("label", "shown", "held_back"),
    [
        ("Oldest first", {}, None),
        ("Newest first", None, {}),
        ("Due soonest first", {}, {"timeout": "1h"}),
        ("Largest amount first", {"data": Expense("Eve", Decimal(1))}, {"data": Expense("Eve", Decimal(9000))}),
    ],
)
def test_the_pill_counts_what_is_new_and_not_shown(
    manager: Page, cast: Any, label: str, shown: dict[str, Any] | None, held_back: dict[str, Any] | None
) -> None:
    listed(manager, cast, "Ana", "Cleo")
    order(manager, label)
    rows, pill = manager.locator("#rows li"), manager.locator("#new-pill")
    if shown is not None:
        ask(cast, "Last?", **shown)
        expect(rows).to_have_count(3)
        expect(rows.last).to_contain_text("Last?")
        expect(manager.locator("#announce")).to_have_text("1 more at the end")
        expect(pill).to_be_hidden()
    if held_back is not None:
        count = rows.count()
        ask(cast, "First?", **held_back)
        expect(pill).to_have_text("1 new: First?")
        expect(rows).to_have_count(count)
        pill.focus()
        manager.keyboard.press("Enter")
        expect(pill).to_be_hidden()
        expect(rows.first).to_contain_text("First?")


def test_what_moves_up_from_the_next_page_is_not_new(manager: Page, cast: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    listed(manager, cast, "Ana", "Cleo", "Dev")
    monkeypatch.setattr(listing, "PER_PAGE", 2)
    manager.goto("/inbox/?sort=oldest")
    rows = manager.locator("#rows li")
    expect(rows).to_have_count(2)
    expect(verdict(manager)).to_contain_text("Ana")
    press_until(manager, "a", toast(manager, "Ana"))
    expect(rows).to_have_count(2)
    expect(rows.last).to_contain_text("Dev")
    expect(manager.locator("#new-pill")).to_be_hidden()


def test_a_reason_made_taller_stays_so_and_is_left_in_silence(manager: Page, cast: Any) -> None:
    """Dragging its corner sets a style on the field, which nothing may set as an attribute on the next one."""
    listed(manager, cast, "Ana", "Cleo")
    expect(verdict(manager)).to_contain_text("Ana")
    reason = manager.locator("#reason-deny")
    press_until(manager, "d", reason)
    reason.evaluate("field => (field.style.height = '190px')")
    with manager.expect_response(lambda answer: "/inbox/" in answer.url):
        manager.evaluate("document.body.dispatchEvent(new Event('live:refresh'))")
    expect(manager.locator(".htmx-request")).to_have_count(0)
    expect(reason).to_have_css("height", "190px")
    manager.keyboard.press("Escape")
    manager.keyboard.press("j")
    expect(verdict(manager)).to_contain_text("Cleo")
    press_until(manager, "d", reason)
    expect(reason).not_to_have_css("height", "190px")


def test_when_the_list_is_empty_the_next_arrival_is_taken(manager: Page, cast: Any) -> None:
    listed(manager, cast, "Ana")
    expect(verdict(manager)).to_contain_text("Ana")
    press_until(manager, "a", toast(manager, "Ana"))
    expect(manager.get_by_text("All decided")).to_be_visible()
    clean(manager)
    listed(manager, cast, "Cleo")
    expect(verdict(manager)).to_contain_text("Cleo")
    press_until(manager, "a", toast(manager, "Cleo"))
    assert len(decided(cast)) == 2


def test_e_leads_into_what_can_be_edited_and_back(manager: Page, cast: Any) -> None:
    ask(cast, "Pay?", type="edit")
    expect(manager.locator("#rows li")).to_have_count(1)
    manager.keyboard.press("j")
    amount = manager.get_by_label("Amount")
    expect(amount).to_be_visible()
    press_until(manager, "e", manager.locator("#answer-form :focus"))
    amount.focus()
    manager.keyboard.press("Control+A")
    manager.keyboard.type("420.00")
    manager.keyboard.press("Enter")
    expect(manager.get_by_role("heading", name="Check your changes")).to_be_focused()
    press_until(manager, "e", amount)
    expect(amount).to_have_value("420.00")
    amount.press("Enter")
    expect(manager.get_by_role("heading", name="Check your changes")).to_be_focused()
    press_until(manager, "a", toast(manager, "Pay?"))
    assert decided(cast) == ["Pay?"]


def test_g_goes_to_rooms_and_question_mark_lists_the_keys(manager: Page) -> None:
    manager.keyboard.press("?")
    keys = manager.locator("#keys")
    expect(keys).to_be_visible()
    clean(manager)
    manager.keyboard.press("Escape")
    expect(keys).to_be_hidden()
    manager.keyboard.press("g")
    manager.keyboard.press("r")
    expect(manager).to_have_url(re.compile("/runs/$"))
    manager.keyboard.press("g")
    manager.keyboard.press("i")
    expect(manager).to_have_url(re.compile("/inbox/$"))


@narrow
def test_a_phone_shows_arrivals_without_opening_them(manager: Page, cast: Any) -> None:
    listed(manager, cast, "Ana")
    expect(manager.locator("#rows .row")).to_be_in_viewport()
    expect(manager.locator("#detail [data-prompt]")).to_have_count(0)
