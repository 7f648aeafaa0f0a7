"""Many prompts in the browser, by keyboard alone: chosen and decided together, views kept, reports on it all."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from approvals.models import Prompt
from flowapp.engine import runs
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.scope import scoped
from tests.approvals import flows
from tests.approvals.making import EXPENSE
from tests.e2e.looks import clean, every_look, narrow

pytestmark = pytest.mark.own_servers


def ask(cast: Any, page: Page, *asked: dict[str, Any]) -> None:
    """Runs that ask these, one after the other, all in the list; what comes before others would wait in the pill."""
    for number, options in enumerate(asked, start=1):
        flows.OPTIONS.clear()
        flows.OPTIONS.update(options)
        with scoped(cast.acme.pk):
            runs.start("asks", EXPENSE, by=SYSTEM)
        page.wait_for_function("count => document.querySelectorAll('#rows li').length === count", arg=number)


def fits(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]


@every_look
def test_several_are_decided_by_keyboard_alone(manager: Page, cast: Any) -> None:
    page = manager
    ask(cast, page, {"title": "Wipe it?", "risk": "high"}, {"title": "Chairs?"}, {"title": "Lamps?"})
    page.goto("/inbox/")
    page.locator("#rows .row").first.focus()
    page.keyboard.press("x")
    expect(page.locator("[data-bulk-count]")).to_have_text("1 chosen")
    page.locator("#rows .row").last.focus()
    page.keyboard.press("Shift+X")
    expect(page.locator("[data-bulk-count]")).to_have_text("3 chosen")
    clean(page)
    fits(page)
    page.keyboard.press("d")
    expect(page.get_by_role("heading", name="Deny 2 prompts together")).to_be_visible()
    reason = page.get_by_label("Reason, once for all")
    expect(reason).to_be_focused()
    clean(page)
    fits(page)
    page.keyboard.type("Not this year.")
    page.keyboard.press("Control+Enter")
    heading = page.get_by_role("heading", name="2 of 3 decided")
    expect(heading).to_be_focused()
    results = page.get_by_role("list", name="Results")
    expect(results.get_by_role("listitem").filter(has_text="Wipe it?")).to_contain_text("one by one")
    expect(results.get_by_role("listitem").filter(has_text="Chairs?")).to_contain_text("Denied")
    clean(page)
    fits(page)
    with scoped(cast.acme.pk):
        decided = Prompt.objects.filter(status="decided").values_list("title", flat=True)
        assert set(decided) == {"Chairs?", "Lamps?"}


def test_escape_chooses_none_and_keys_mean_one_prompt_again(manager: Page, cast: Any) -> None:
    page = manager
    ask(cast, page, {"title": "Chairs?"}, {"title": "Lamps?", "outcomes": ["pay", "wait"]})
    page.locator("#rows .row").first.focus()
    page.keyboard.press("x")
    page.locator("#rows .row").last.focus()
    page.keyboard.press("x")
    expect(page.get_by_text("No answer in common")).to_be_visible()
    page.keyboard.press("a")
    expect(page.locator("[data-bulk]")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.locator("#bulk")).to_be_hidden()
    expect(page.locator("#rows input:checked")).to_have_count(0)
    # As a server wrote it before the last deploy, in the list of a page from after it.
    page.locator("#rows li").first.evaluate("row => { row.dataset.outcomes = 'approve deny' }")
    page.locator("#rows .row").first.focus()
    page.keyboard.press("x")
    expect(page.get_by_text("No answer in common")).to_be_visible()


def test_keys_give_the_answers_that_they_give_alone(manager: Page, cast: Any) -> None:
    page = manager
    wipe = {"outcomes": {"wipe": {"label": "Wipe it", "tone": "danger"}, "keep": ""}}
    ask(cast, page, {"title": "Chairs?", "type": "confirm"}, {"title": "The disk?", **wipe})
    for row, answer in (("Chairs?", "No"), ("The disk?", "Wipe it")):
        page.locator("#rows .row", has_text=row).focus()
        page.keyboard.press("x")
        expect(page.locator("#bulk [data-bulk-key=d]")).to_have_text(f"{answer} D")
        page.keyboard.press("d")
        expect(page.get_by_role("heading", name=f"{answer} 1 prompt together")).to_be_visible()
        page.get_by_role("link", name="Back", exact=True).press("Enter")
        page.keyboard.press("Escape")
        expect(page.locator("#bulk")).to_be_hidden()


def test_an_answer_named_in_several_ways_has_the_servers_words(manager: Page, cast: Any) -> None:
    page = manager
    ask(cast, page, *({"title": title, "outcomes": {"pay_NOW": title}} for title in ("Chairs?", "Lamps?")))
    page.locator("#rows .row").first.focus()
    page.keyboard.press("x")
    page.locator("#rows .row").last.focus()
    page.keyboard.press("x")
    expect(page.locator("[data-bulk-outcomes] button")).to_have_text("Pay now A")


def test_the_choice_outlives_what_comes_in(manager: Page, cast: Any) -> None:
    page = manager
    ask(cast, page, {"title": "Chairs?"})
    page.locator("#rows .pick input").check(force=True)
    flows.OPTIONS["title"] = "Lamps?"
    with scoped(cast.acme.pk):
        runs.start("asks", EXPENSE, by=SYSTEM)
    expect(page.locator("#rows li")).to_have_count(2)
    expect(page.locator("[data-bulk-count]")).to_have_text("1 chosen")
    expect(page.get_by_label("Choose: Chairs?")).to_be_checked()


@every_look
def test_a_view_is_kept_by_keyboard_alone(manager: Page, cast: Any) -> None:
    page = manager
    ask(cast, page, {"title": "Chairs?"}, {"title": "Lamps?"})
    page.keyboard.press("/")
    page.keyboard.type("lamps")
    expect(page.locator("#rows li")).to_have_count(1)
    expect(page.locator("[data-search]")).to_be_focused()
    expect(page).to_have_url(re.compile("q=lamps"))
    flows.OPTIONS["title"] = "Stools?"
    with scoped(cast.acme.pk):
        runs.start("asks", EXPENSE, by=SYSTEM)
    expect(page.locator("#count-inbox")).to_have_text("3")
    expect(page.locator("#rows li")).to_have_count(1)  # what comes in is looked for among what was found
    page.keyboard.type("x")  # what stands in the field is kept, found already or not
    page.keyboard.press("Backspace")
    save = page.locator("summary", has_text="Save view")
    save.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Name of this view")).to_be_focused()
    clean(page)
    fits(page)
    page.keyboard.type("Only lamps")
    page.keyboard.press("Enter")
    kept = page.get_by_role("list", name="Saved filters").get_by_role("link", name="Only lamps")
    expect(kept).to_have_attribute("aria-current", "true")
    expect(page).to_have_url(re.compile("q=lamps"))
    clean(page)
    page.locator("summary[aria-label='Change the filter Only lamps']").focus()
    page.keyboard.press("Enter")
    clean(page)
    fits(page)
    page.get_by_role("button", name="Delete this filter").press("Enter")
    expect(page.locator("#toasts")).to_contain_text("The filter is gone")
    expect(kept).to_have_count(0)


@every_look
def test_the_reports_are_read_by_everybody_who_may(manager: Page, cast: Any) -> None:
    page = manager
    page.goto("/reports/approvals/")
    expect(page.get_by_text("No decisions in this period")).to_be_visible()
    clean(page)
    page.goto("/inbox/")
    ask(cast, page, {"title": "Chairs?"})
    page.goto("/inbox/")
    page.locator("#rows .row").first.focus()
    page.keyboard.press("x")
    page.keyboard.press("a")
    expect(page.get_by_role("heading", name="Approve 1 prompt together")).to_be_visible()
    page.get_by_role("button", name="Approve 1").press("Enter")
    expect(page.get_by_role("heading", name="1 of 1 decided")).to_be_focused()
    page.goto("/reports/approvals/?period=7")
    expect(page.get_by_role("img", name=re.compile("Decisions by day"))).to_be_visible()
    for fold in page.locator("summary", has_text="As a table").all():
        fold.press("Enter")
    expect(page.get_by_role("row", name=re.compile("^Bo "))).to_be_visible()
    clean(page)
    fits(page)
    page.get_by_role("link", name="30 days").press("Enter")
    expect(page).to_have_url(re.compile("period=30"))


@narrow
def test_a_lost_connection_is_said_on_a_phone(manager: Page, cast: Any) -> None:
    note = manager.locator("#link-state")
    expect(note).to_be_hidden()
    note.evaluate("note => (note.hidden = false)")
    expect(note).to_be_in_viewport()
    clean(manager)
