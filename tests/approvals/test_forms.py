"""Prompts that take data, in the browser: choice, form and edit, right and wrong, and what comes back typed."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from django.test import Client
from pydantic import BaseModel, Field

from approvals.models import Decision
from flowapp.tenancy.scope import scoped
from tests.approvals.making import ask, decide

HTMX = {"HX-Request": "true", "HX-Target": "detail"}


class Line(BaseModel):
    account: str = Field(pattern="^[0-9]{4}$")
    share: int = Field(ge=1, le=100)


class Booking(BaseModel):
    amount: Annotated[Decimal, Field(gt=0, max_digits=8, decimal_places=2)]
    kind: Literal["travel", "meal"]
    line: Line
    paid_at: datetime
    note: str | None = None
    final: bool = False


TYPED = {
    "data.amount": "12.50",
    "data.kind": "meal",
    "data.line.account": "4711",
    "data.line.share": "50",
    "data.paid_at": "2027-01-15T10:00",
    "data.note": "",
}
DATA = {
    "amount": "12.50",
    "kind": "meal",
    "line": {"account": "4711", "share": 50},
    "paid_at": "2027-01-15T10:00:00Z",
    "note": None,
    "final": False,
}
PLAIN = {"to": {"iban": "DE1", "api_key": "canary-secret"}, "amount": 5, "why": "x", "tags": ["a"]}


@pytest.fixture
def bo(cast):
    client = Client()
    client.force_login(cast.bo.user)
    return client


def post(client, prompt, outcome="submit", *, form: dict[str, Any], headers=None, **more):
    sent = {"outcome": outcome, "version": "1", "filled": "1", **form, **more}
    return client.post(f"/inbox/{prompt.pk}/decide", sent, headers=headers or {})


def page(client, prompt):
    return client.get(f"/inbox/{prompt.pk}/").content.decode()


def by_place(fields):
    return {one.place: one for one in fields}


def untouched(client, prompt):
    """What a browser posts for the prompt's form as it stands."""
    from flowapp.http.schema_form import leaves

    fields = client.get(f"/inbox/{prompt.pk}/").context["selected"]["fields"]
    return {one.name: list(one.shown) or [""] for one in leaves(fields) if one.shown or one.kind != "checkbox"}


# ---- choice


@pytest.mark.parametrize(
    ("multiple", "control", "chosen", "data"),
    [(True, "checkbox", ["a", "b"], ["a", "b"]), (False, "radio", ["b"], ["b"])],
)
def test_a_choice(dispatcher, bo, multiple, control, chosen, data):
    run, prompt = ask(type="choice", choices=["a", "b", "c"], multiple=multiple)
    assert page(bo, prompt).count(f'type="{control}" name="data"') == 3
    assert post(bo, prompt, form={"data": chosen}).status_code == 302
    assert (run.output["outcome"], run.output["data"]) == ("submit", data)
    assert "What was answered" in page(bo, prompt)


def test_nothing_chosen_and_what_is_no_choice(dispatcher, bo):
    _, prompt = ask(type="choice", choices=["a", "b"])
    for chosen, said in ([], "Choose at least one."), (["z"], "Choose one of a, b."):
        answer = post(bo, prompt, form={"data": chosen}, headers=HTMX)
        assert answer.status_code == 422
        assert answer.context["selected"]["fields"][0].error == said
    assert not Decision.objects.exists()


# ---- form


def test_a_form_comes_back_as_its_model(dispatcher, bo):
    run, prompt = ask(type="form", form=Booking)
    assert post(bo, prompt, form=TYPED, reasoning="as agreed").status_code == 302
    assert (run.output["type"], run.output["reasoning"]) == ("Booking", "as agreed")
    assert Booking.model_validate(run.output["data"]) == Booking(
        amount=Decimal("12.50"), kind="meal", line=Line(account="4711", share=50),
        paid_at=datetime(2027, 1, 15, 10, tzinfo=UTC),
    )  # fmt: skip
    assert Decision.objects.get().data == DATA


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("amount", "", "This is needed."),
        ("amount", "much", "'much' is not a number. Write one such as 1250.50."),
        ("amount", "-1", "This must be more than 0."),
        ("amount", "1.234", "This has more digits or decimal places than allowed."),
        ("kind", "", "This is needed."),
        ("kind", "party", "Choose one of travel, meal."),
        ("line.account", "47", "This does not fit the pattern ^[0-9]{4}$"),
        ("line.share", "200", "This must be at most 100."),
        ("line.share", "half", "'half' is not a whole number. Write one such as 12."),
        ("paid_at", "soon", "Write a date and time such as 2027-03-31T14:30."),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_everything_typed_stays(dispatcher, bo, name, text, said):
    _, prompt = ask(type="form", form=Booking)
    typed = TYPED | {f"data.{name}": text, "data.note": "<keep me>"}
    answer = post(bo, prompt, form=typed, headers=HTMX, reasoning="my note")
    selected, shown = answer.context["selected"], answer.content.decode()
    assert answer.status_code == 422
    assert [(one.place, one.error) for one in selected["error_links"]] == [(name, said)]
    ident = f"field-{name.replace('.', '-')}"
    assert re.search(rf'id="{ident}"[^>]*aria-invalid="true"[^>]*aria-describedby="{ident}-error', shown)
    assert f'id="{ident}-error"' in shown
    assert by_place(selected["fields"])["note"].value == "<keep me>"
    assert "&lt;keep me&gt;" in shown
    assert "my note" in shown
    prompt.refresh_from_db()
    assert (prompt.status, Decision.objects.count()) == ("pending", 0)


def test_everything_wrong_is_named_at_once(dispatcher, bo):
    _, prompt = ask(type="form", form=Booking, require_reason=True)
    typed = {"data.amount": "much", "data.line.share": "0"}
    selected = post(bo, prompt, form=typed).context["selected"]
    assert [one.place for one in selected["error_links"]] == ["amount", "kind", "line.account", "line.share", "paid_at"]
    assert selected["reason_error"] == "say why: this decision needs a reason"


def test_fields_named_like_the_forms_own(dispatcher, bo):
    schema = {"type": "object", "properties": {name: {"type": "string"} for name in ("outcome", "version", "a.b")}}
    run, prompt = ask(type="form", form=schema)
    post(bo, prompt, form={"data.outcome": "deny", "data.version": "9", "data.a%2Eb": "c"})
    assert run.output["data"] == {"outcome": "deny", "version": "9", "a.b": "c"}


def test_a_form_of_high_risk_is_shown_once_more(dispatcher, bo):
    _, prompt = ask(type="form", form=Booking, risk="high")
    answer = post(bo, prompt, form=TYPED)
    selected = answer.context["selected"]
    if not selected["can_decide"]:  # a second factor is asked for first
        return
    assert answer.status_code == 200
    assert [row["value"] for row in selected["review"]["rows"]][:2] == ["12.50", "meal"]
    assert not Decision.objects.exists()


def test_the_loser_keeps_what_was_filled_in(dispatcher, cast, bo):
    _, prompt = ask(type="form", form=Booking, assign=["role:manager", "role:owner"])
    decide(prompt, cast.ana, "submit", data=DATA)
    answer = post(bo, prompt, form=TYPED | {"data.amount": "99.00"})
    assert answer.status_code == 409
    assert "You had filled in" in answer.content.decode()
    assert ("Amount", "99.00") in [(row["label"], row["value"]) for row in answer.context["selected"]["typed_rows"]]


def test_who_is_not_asked_gets_no_form(dispatcher, cast):
    _, prompt = ask(type="form", form=Booking)
    client = Client()
    client.force_login(cast.dev.user)
    assert "answer-form" not in page(client, prompt)
    assert post(client, prompt, form=TYPED | {"data.amount": "much"}).status_code == 403


# ---- edit


def test_an_edit_is_reviewed_as_a_diff_then_runs_as_edited(dispatcher, bo):
    run, prompt = ask(type="edit")
    form = untouched(bo, prompt) | {"data.amount": "420.00"}
    answer = post(bo, prompt, "approve", form=form, headers=HTMX)
    review = answer.context["selected"]["review"]
    assert (answer.status_code, run.status) == (200, "waiting")
    assert [(one.label, one.before, one.after) for one in review["changes"]] == [("Amount", "600.00", "420.00")]
    assert review["confirm"] == "Approve with this change"
    kept = dict(review["kept"])
    assert post(bo, prompt, kept.pop("outcome"), form=kept | {"confirmed": "1"}).status_code == 302
    assert run.output["data"] == {"employee": "Ana Ruiz", "amount": "420.00"}
    selected = bo.get(f"/inbox/{prompt.pk}/").context["selected"]
    assert [(one.label, one.before, one.after) for one in selected["changes"]] == [("Amount", "600.00", "420.00")]


def test_an_edit_that_changes_nothing_needs_no_review(dispatcher, bo):
    run, prompt = ask(type="edit")
    assert post(bo, prompt, "approve", form=untouched(bo, prompt)).status_code == 302
    assert run.output["data"] == {"employee": "Ana Ruiz", "amount": "600.00"}
    assert bo.get(f"/inbox/{prompt.pk}/").context["selected"]["changes"] == []


def test_back_from_the_review_everything_typed_is_there(dispatcher, bo):
    _, prompt = ask(type="edit")
    form = untouched(bo, prompt) | {"data.amount": "420.00", "back": "1"}
    answer = post(bo, prompt, "approve", form=form, reasoning="half is enough")
    selected = answer.context["selected"]
    assert (by_place(selected["fields"])["amount"].value, selected["typed_reason"]) == ("420.00", "half is enough")
    assert not Decision.objects.exists()


@pytest.mark.parametrize(("text", "said"), [("", "This is needed."), ("much", "is not a number")])
def test_a_wrong_edit_stays_open(dispatcher, bo, text, said):
    _, prompt = ask(type="edit")
    answer = post(bo, prompt, "approve", form=untouched(bo, prompt) | {"data.amount": text}, confirmed="1")
    assert answer.status_code == 422
    assert said in by_place(answer.context["selected"]["fields"])["amount"].error
    assert not Decision.objects.exists()


def test_denying_ignores_the_edits(dispatcher, bo):
    run, prompt = ask(type="edit")
    post(bo, prompt, "deny", form=untouched(bo, prompt) | {"data.amount": "much"}, reasoning="no")
    assert (run.output["outcome"], run.output["reasoning"]) == ("deny", "no")


def test_secrets_are_kept_but_never_shown(dispatcher, bo):
    run, prompt = ask(type="edit", data=PLAIN)
    form = untouched(bo, prompt) | {"data.amount": "6", "data.tags": "a\r\nb"}
    answer = post(bo, prompt, "approve", form=form)
    assert "canary-secret" not in page(bo, prompt) + answer.content.decode()
    post(bo, prompt, "approve", form=form | {"confirmed": "1"})
    assert run.output["data"] == PLAIN | {"amount": 6, "tags": ["a", "b"]}
    assert "canary-secret" not in page(bo, prompt)


def test_a_replaced_secret_shows_as_changed(dispatcher, bo):
    run, prompt = ask(type="edit", data=PLAIN)
    form = untouched(bo, prompt) | {"data.to.api_key": "another-canary"}
    changes = post(bo, prompt, "approve", form=form).context["selected"]["review"]["changes"]
    assert [(one.label, one.after) for one in changes] == [("To · api key", "•••••••• (another)")]
    post(bo, prompt, "approve", form=form | {"confirmed": "1"})
    assert run.output["data"]["to"]["api_key"] == "another-canary"
    assert "another-canary" not in page(bo, prompt)


def test_a_changed_item_of_a_list_cannot_keep_a_hidden_value(dispatcher, bo):
    run, prompt = ask(type="edit", data={"hooks": [{"url": "a", "token": "t1"}, {"url": "b", "token": "t2"}]})
    form = untouched(bo, prompt)
    moved = '[{"url": "b", "token": "••••••••"}]'
    changed = '[{"url": "evil", "token": "••••••••"}]'
    answer = post(bo, prompt, "approve", form=form | {"data.hooks": changed})
    assert "stand for a hidden value" in by_place(answer.context["selected"]["fields"])["hooks"].error
    post(bo, prompt, "approve", form=form | {"data.hooks": moved, "confirmed": "1"})
    assert run.output["data"] == {"hooks": [{"url": "b", "token": "t2"}]}


def test_long_texts_are_compared_word_by_word(dispatcher, bo):
    before = "Dear Nadia, we are sorry that your parcel arrived damaged and send the money back."
    _, prompt = ask(type="edit", data={"mail": before})
    form = untouched(bo, prompt) | {"data.mail": before.replace("sorry", "very sorry")}
    [change] = post(bo, prompt, "approve", form=form).context["selected"]["review"]["changes"]
    assert [piece.text.strip() for piece in change.pieces if piece.kind] == ["very"]


def test_another_workspace_finds_nothing(dispatcher, cast):
    _, prompt = ask(type="edit")
    client = Client()
    client.force_login(cast.gil.user)
    assert post(client, prompt, "approve", form={"data.amount": "1"}).status_code == 404
    with scoped(cast.acme.pk):
        prompt.refresh_from_db()
    assert prompt.status == "pending"
