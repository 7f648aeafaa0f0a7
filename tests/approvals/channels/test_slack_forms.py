"""Choices, forms and edits answered in Slack's dialog, made from the fields that the browser's form is made from."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from approvals.actions.channels import inputs
from approvals.models import Decision
from flowapp.audit.models import AuditEntry
from flowapp.http.schema_form import ABSENT, fields, read
from tests.approvals import flows
from tests.approvals.making import ask, decide
from tests.approvals.test_forms import DATA, PLAIN, Booking
from tests.slack_server import pressed, submitted

BO = "bo@example.com"
WORDS = {name: {"text": name} for name in ("title", "submit", "close")}
MOMENT = int(datetime(2027, 1, 15, 10, 0, tzinfo=UTC).timestamp())
TYPED = {"Amount": "12.50", "Kind": "meal", "Line · Account": "4711", "Line · Share": "50", "Paid At": MOMENT}


@pytest.fixture
def dialog(dispatcher, slack, call, deliver):
    """Ask, press a button, and the dialog that opened."""

    def dialog(button, **options):
        run, prompt = ask(**options)
        deliver()
        (message,) = slack.of(BO)
        assert call(pressed(message, message.buttons[button], "U0BO")).status_code == 200
        return run, prompt, slack.dialogs[-1]

    return dialog


def labels(view):
    return [block["label"]["text"] for block in view["blocks"] if block["type"] == "input"]


def errors(answer, view):
    """What is said at which input."""
    names = {block["block_id"]: block["label"]["text"] for block in view["blocks"] if block["type"] == "input"}
    assert answer.json()["response_action"] == "errors"
    return {names[block]: text for block, text in answer.json()["errors"].items()}


@pytest.mark.parametrize(
    ("multiple", "label", "chosen", "data"),
    [(True, "Choose one or several", ["a", "b"], ["a", "b"]), (False, "Choose one", "b", ["b"])],
)
def test_a_choice(dialog, call, deliver, slack, multiple, label, chosen, data):
    run, _, opened = dialog("Submit…", type="choice", choices=["a", "b", "c"], multiple=multiple)
    assert labels(opened) == [label, "Note"]
    assert call(submitted(opened, "U0BO", put={label: chosen})).content == b""
    assert (run.output["outcome"], run.output["data"], run.output["channel"]) == ("submit", data, "slack")
    deliver()
    assert slack.live_buttons() == []


def test_a_choice_among_many_is_folded(dialog, call):
    run, _, opened = dialog("Submit…", type="choice", choices=[f"item {n}" for n in range(40)], multiple=False)
    assert opened["blocks"][1]["element"]["type"] == "static_select"
    call(submitted(opened, "U0BO", put={"Choose one": "item 39"}))
    assert run.output["data"] == ["item 39"]


def test_a_form_comes_back_as_its_model(dialog, call):
    run, _, opened = dialog("Submit…", type="form", form=Booking)
    kinds = [block["element"]["type"] for block in opened["blocks"] if block["type"] == "input"]
    assert kinds[:6] == ["plain_text_input", "static_select", "plain_text_input", "number_input", "datetimepicker",
                         "plain_text_input"]  # fmt: skip
    assert call(submitted(opened, "U0BO", "as agreed", put=TYPED)).content == b""
    assert (run.output["type"], run.output["reasoning"]) == ("Booking", "as agreed")
    assert Booking.model_validate(run.output["data"]).amount == Decimal("12.50")
    assert Decision.objects.get().data == DATA


def test_what_is_wrong_is_said_at_its_input_and_nothing_is_decided(dialog, call):
    _, prompt, opened = dialog("Submit…", type="form", form=Booking)
    wrong = TYPED | {"Line · Account": "47", "Line · Share": "101", "Amount": "-1"}
    said = errors(call(submitted(opened, "U0BO", put=wrong)), opened)
    assert said == {
        "Amount": "This must be more than 0.",
        "Line · Account": "This does not fit the pattern ^[0-9]{4}$",
        "Line · Share": "This must be at most 100.",
    }
    prompt.refresh_from_db()
    assert prompt.status == "pending"
    assert not Decision.objects.exists()


def test_a_rule_that_no_schema_says_is_told_in_the_dialog(dialog, call):
    _, _, opened = dialog("Submit…", type="form", form=flows.Trip)
    put = {"Start": "5", "End": "3", "Place": "nowhere"}
    assert errors(call(submitted(opened, "U0BO", put=put)), opened)["Place"] == "nobody goes nowhere"
    said = errors(call(submitted(opened, "U0BO", put=put | {"Place": "Rome"})), opened)
    assert said == {"Note": "it ends before it starts"}


def test_an_edit_is_shown_once_more_and_keeps_its_diff(dialog, call):
    run, _, opened = dialog("Approve…", type="edit", data=PLAIN)
    assert "canary-secret" not in str(opened)
    assert set(labels(opened)) == {"To · Iban", "To · Api key", "Amount", "Why", "Tags", "Note"}
    answer = call(submitted(opened, "U0BO", put={"Amount": "7", "To · Iban": "DE2"})).json()
    assert answer["response_action"] == "update"
    review = answer["view"]
    assert review["title"]["text"] == "Check your changes"
    said = {block["text"]["text"] for block in review["blocks"] if block["type"] == "section"}
    assert {"To · iban: DE1 → DE2", "Amount: 5 → 7"} < said
    assert not Decision.objects.exists()
    assert call(submitted(review, "U0BO")).content == b""
    decision = Decision.objects.get()
    assert decision.data == PLAIN | {"amount": 7, "to": {"iban": "DE2", "api_key": "canary-secret"}}
    assert {(one["label"], one["after"]) for one in decision.changes} == {("To · iban", "DE2"), ("Amount", "7")}
    assert run.output["data"]["amount"] == 7


def test_what_is_changed_after_the_look_is_looked_at_again(dialog, call):
    _, _, opened = dialog("Approve…", type="edit", data=PLAIN)
    review = call(submitted(opened, "U0BO", put={"Amount": "7"})).json()["view"]
    again = call(submitted(review, "U0BO", put={"Amount": "8"})).json()
    assert again["response_action"] == "update"
    assert not Decision.objects.exists()
    call(submitted(again["view"], "U0BO"))
    assert Decision.objects.get().data["amount"] == 8


def test_an_edit_left_alone_counts_at_once_and_a_denial_needs_no_form(dialog, call):
    run, _, opened = dialog("Approve…", type="edit", data=PLAIN)
    assert call(submitted(opened, "U0BO")).content == b""
    assert run.output["data"] == PLAIN
    assert Decision.objects.get().changes == []


def test_a_denial_offers_reasons_to_choose_from(dialog, call):
    _, _, opened = dialog("Deny…", type="edit", data=PLAIN)
    assert labels(opened) == ["Reason", "In your words"]
    assert errors(call(submitted(opened, "U0BO", " ")), opened)["In your words"].startswith("Say why")
    call(submitted(opened, "U0BO", "by 40 at least", put={"Reason": "The amount is wrong"}))
    assert Decision.objects.get().reasoning == "The amount is wrong: by 40 at least"


def test_somebody_else_was_first(dialog, cast, call):
    both = ["user:bo@example.com", "user:ana@example.com"]
    _, prompt, opened = dialog("Submit…", type="choice", choices=["a", "b"], assign=both)
    decide(prompt, cast.ana, "submit", data=["a"])
    said = errors(call(submitted(opened, "U0BO")), opened)
    assert said["Note"].startswith("Already decided: submit by ana@example.com at ")
    assert AuditEntry.objects.get(verb="prompt.decision-refused").after["refused"] == "AlreadyDecided"


@pytest.mark.parametrize(
    ("schema", "given"),
    [
        ({"enum": ["x" * 80, "b"]}, ABSENT),
        ({"enum": ["", "b"]}, ABSENT),
        ({"enum": [f"item {number}" for number in range(101)]}, ABSENT),
        ({"type": "string"}, "x" * 3001),
        ({"type": "string", "format": "password"}, ABSENT),
        ({"type": "object", "properties": {f"a{number}": {"type": "string"} for number in range(90)}}, ABSENT),
    ],
    ids=["long option", "empty option", "many options", "long text", "secret", "many fields"],
)
def test_what_slack_cannot_hold(schema, given):
    properties = schema.get("properties", {"a": schema})
    given = given if given is ABSENT else {"a": given}
    assert not inputs.fit(fields({"type": "object", "properties": properties}, given=given))


@pytest.mark.parametrize("named", [{"": {"type": "string"}}, {"a": {"type": "boolean", "title": " "}}])
def test_a_field_without_a_label_is_filled_in_on_the_page(dispatcher, slack, deliver, named):
    ask(type="form", form={"type": "object", "properties": named})
    deliver()
    (message,) = slack.of(BO)
    assert "Submit…" not in message.buttons


def test_what_does_not_fit_leads_to_the_page(dispatcher, slack, deliver):
    ask(type="choice", choices=["x" * 80, "b"])
    deliver()
    (message,) = slack.of(BO)
    assert message.buttons == {}
    assert "does not fit into Slack" in message.words
    assert [one["text"]["text"] for one in message.elements] == ["Open in Flowapp"]


@pytest.mark.parametrize(
    ("kind", "text", "element"),
    [
        ({"type": "string", "format": "date"}, "2027-03-31", "datepicker"),
        ({"type": "string", "format": "time"}, "14:30:00", "timepicker"),
        ({"type": "string", "format": "time"}, "14:30:05", "plain_text_input"),
        ({"type": "string", "format": "date-time"}, "2027-03-31T14:30:00Z", "datetimepicker"),
        ({"type": "string", "format": "date-time"}, "2027-03-31T14:30:05Z", "plain_text_input"),
        ({"type": "string", "format": "date-time"}, "1970-01-01T00:00:00Z", "plain_text_input"),
        ({"type": "number"}, 1e40, "plain_text_input"),
        ({"type": "number"}, -12.5, "number_input"),
        ({"type": "integer"}, 7, "number_input"),
        ({"type": "boolean"}, True, "checkboxes"),
        ({"type": "array", "items": {"type": "string"}}, ["a", "b"], "plain_text_input"),
        ({"type": "array", "items": {"enum": ["a", "b"]}}, ["b"], "checkboxes"),
        ({"enum": [1, 2]}, 2, "static_select"),
        ({}, {"free": [1]}, "plain_text_input"),
    ],
)
def test_what_stands_in_an_input_comes_back_exactly(kind, text, element):
    known = fields({"type": "object", "properties": {"a": kind}}, given={"a": text})
    block = inputs.inputs(known)[0].block()
    assert block["element"]["type"] == element
    dialog = {"blocks": [block], "private_metadata": "{}", **WORDS}
    values = submitted(dialog, "U0BO")["view"]["state"]["values"]
    assert read(known, inputs.typed(known, values)).data == {"a": text}
