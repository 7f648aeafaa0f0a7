"""Choices, forms and edits answered on the page that a mail's link opens: the browser's form, for its one reader."""

import pytest
from django.test import Client

from approvals.models import Decision, SignedLink
from flowapp.audit.models import AuditEntry
from flowapp.engine import clock
from flowapp.http.schema_form import leaves
from tests.approvals.channels import mails
from tests.approvals.making import ask, decide
from tests.approvals.test_forms import DATA, PLAIN, TYPED, Booking

BO = "bo@example.com"


@pytest.fixture
def asked(dispatcher, cast, deliver):
    """A prompt to Bo, its mail sent, and the link's path."""

    def asked(**options):
        run, prompt = ask(**options)
        deliver()
        return run, prompt, mails.link(BO)

    return asked


def post(path, outcome, **form):
    return Client().post(path, {"outcome": outcome, "filled": "1", **form})


def untouched(path):
    """What a browser posts for the form as it stands."""
    fields = Client().get(path).context["fields"]
    return {one.name: list(one.shown) or [""] for one in leaves(fields) if one.shown or one.kind != "checkbox"}


def test_a_choice(asked):
    run, _, path = asked(type="choice", choices=["a", "b", "c"], multiple=True)
    assert Client().get(path).content.decode().count('type="checkbox" name="data"') == 3
    assert post(path, "submit", data=["a", "b"]).status_code == 200
    assert (run.output["data"], run.output["channel"]) == (["a", "b"], "email")


def test_a_form_and_what_is_wrong_in_it_at_its_field(asked):
    run, prompt, path = asked(type="form", form=Booking)
    answer = post(path, "submit", **TYPED | {"data.amount": "a lot", "data.line.share": "101"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'value="a lot"' in page
    assert {one.place for one in answer.context["error_links"]} == {"amount", "line.share"}
    assert page.count('aria-invalid="true"') == 2
    prompt.refresh_from_db()
    assert (prompt.status, SignedLink.objects.get().used_at) == ("pending", None)
    assert post(path, "submit", **TYPED, reasoning="as agreed").status_code == 200
    assert Decision.objects.get().data == DATA
    assert (run.output["type"], run.output["reasoning"]) == ("Booking", "as agreed")


def test_an_edit_is_shown_once_more_and_keeps_its_diff(asked):
    run, _, path = asked(type="edit", data=PLAIN)
    assert "canary-secret" not in Client().get(path).content.decode()
    form = untouched(path) | {"data.amount": "7"}
    review = post(path, "approve", **form, reasoning="typo")
    assert "Approve with this change" in review.content.decode()
    assert not Decision.objects.exists()
    back = post(path, "approve", **form, reasoning="typo", back="1")
    assert 'value="7"' in back.content.decode()
    assert "typo" in back.content.decode()
    kept = review.context["review"]["kept"]
    data: dict[str, list[str]] = {}
    for name, value in kept:
        data.setdefault(name, []).append(value)
    assert Client().post(path, data | {"confirmed": "1"}).status_code == 200
    assert run.output["data"] == PLAIN | {"amount": 7}
    assert [one["label"] for one in Decision.objects.get().changes] == ["Amount"]
    assert "What was changed before it was approved" in Client().get(path).content.decode()


def test_a_denial_of_an_edit_needs_a_reason_and_no_form(asked):
    _, _, path = asked(type="edit", data=PLAIN)
    page = Client().get(path).content.decode()
    assert "needed for “Deny”" in page
    assert page.count("data-preset") == 4
    answer = post(path, "deny", **{"data.amount": "seven"})
    assert (answer.status_code, answer.context["error_links"]) == (422, [])
    assert post(path, "deny", **{"data.amount": "seven"}, reasoning="too dear").status_code == 200
    assert (Decision.objects.get().outcome, Decision.objects.get().changes) == ("deny", [])


def test_the_same_again_is_no_error_and_other_data_is_another_answer(asked):
    _, _, path = asked(type="choice", choices=["a", "b"])
    assert post(path, "submit", data="a").status_code == 200
    assert post(path, "submit", data="a").status_code == 200
    assert post(path, "submit", data="b").status_code == 410
    assert Decision.objects.get().data == ["a"]


def test_what_is_over_asks_for_no_corrections(asked, dispatcher):
    _, _, path = asked(timeout="1h", type="choice", choices=["a", "b"])
    clock.shift("2h")
    dispatcher.sweep()
    answer = post(path, "submit")
    assert answer.status_code == 410
    assert "expired" in answer.content.decode()
    noted = AuditEntry.objects.get(verb="prompt.decision-refused")
    assert (noted.after["refused"], noted.actor_label, noted.channel) == ("Expired", "Bo", "email")


def test_what_was_filled_in_stays_when_somebody_else_was_first(asked, cast):
    both = ["user:bo@example.com", "user:ana@example.com"]
    _, prompt, path = asked(type="choice", choices=["a", "b"], assign=both)
    decide(prompt, cast.ana, "submit", data=["a"])
    answer = post(path, "submit", data="b", reasoning="cheaper")
    assert answer.status_code == 409
    page = answer.content.decode()
    assert "Already decided: submit by ana@example.com" in page
    assert "You had filled in" in page
    assert "cheaper" in page
