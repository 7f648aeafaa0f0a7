"""The inbox in the browser: reading, deciding, and every way in which deciding is refused."""

import pytest
from django.test import Client

from approvals.models import Decision
from flowapp.audit.models import AuditEntry
from flowapp.engine import clock
from tests.approvals.making import ask, decide
from tests.browsing import signed_in, text

HTMX = {"HX-Request": "true", "HX-Target": "detail"}


def post(client, prompt, headers=None, **form):
    return client.post(
        f"/inbox/{prompt.pk}/decide", {"outcome": "approve", "version": "1"} | form, headers=headers or {}
    )


def test_the_inbox_lists_what_waits_for_me(dispatcher, cast):
    ask(title="Pay for the conference?")
    page = signed_in(cast.bo).get("/inbox/")
    assert page.status_code == 200
    assert "Pay for the conference?" in text(page)
    assert [scope["count"] for scope in page.context["scopes"]] == [1, 0, 0, None]
    assert "Pay for the conference?" not in text(signed_in(cast.dev).get("/inbox/"))


def test_every_member_reads_but_only_those_asked_decide(dispatcher, cast):
    _, prompt = ask(title="Pay?")
    mine = signed_in(cast.bo).get(f"/inbox/{prompt.pk}/")
    theirs = signed_in(cast.dev).get(f"/inbox/{prompt.pk}/")
    assert (mine.context["selected"]["can_decide"], theirs.context["selected"]["can_decide"]) == (True, False)
    assert "You are not among those who may decide this prompt." in text(theirs)
    assert "600.00" in text(theirs)


def test_fragments(dispatcher, cast):
    _, prompt = ask(title="Pay?")
    client = signed_in(cast.bo)
    detail = text(client.get(f"/inbox/{prompt.pk}/", headers=HTMX))
    rows = text(client.get(f"/inbox/{prompt.pk}/", headers=HTMX | {"HX-Target": "list"}))
    assert ("<html" in detail, 'id="verdict"' in detail, 'id="rows"' in detail) == (False, True, False)
    assert ("<html" in rows, 'id="verdict"' in rows, 'id="rows"' in rows) == (False, False, True)


def test_deciding_as_a_plain_form(dispatcher, cast):
    run, prompt = ask()
    answer = post(signed_in(cast.bo), prompt, reasoning="fine")
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/inbox/{prompt.pk}/")
    assert (run.output["outcome"], run.output["by"], run.output["channel"]) == ("approve", "bo@example.com", "web")
    assert "Approve" in text(signed_in(cast.dev).get(f"/inbox/{prompt.pk}/"))


def test_deciding_with_htmx(dispatcher, cast):
    run, prompt = ask()
    answer = post(signed_in(cast.bo), prompt, HTMX, outcome="deny", reasoning="too dear")
    assert (answer.status_code, "<html" in text(answer)) == (200, False)
    assert "too dear" in text(answer)
    assert run.output["outcome"] == "deny"


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["form", "htmx"])
def test_the_loser_keeps_what_was_typed(dispatcher, cast, headers):
    _, prompt = ask(assign=["role:manager", "role:owner"])
    decide(prompt, cast.ana, "deny", reasoning="no")
    answer = post(signed_in(cast.bo), prompt, headers, reasoning="my long reason")
    assert answer.status_code == 409
    selected = answer.context["selected"]
    assert selected["typed_reason"] == "my long reason"
    assert selected["form_error"].startswith("Already decided: deny by ana@example.com")
    assert (selected["decision"]["by"].email, selected["decision"]["outcome"]) == ("ana@example.com", "deny")


def test_refusals_by_status(dispatcher, cast):
    _, prompt = ask()
    bo = signed_in(cast.bo)
    for expected, client, form in [
        (403, signed_in(cast.dev), {}),
        (409, bo, {"version": "7"}),
        (422, bo, {"outcome": "maybe"}),
        (422, bo, {"outcome": ""}),
        (422, bo, {"outcome": "deny"}),
        (422, bo, {"version": "x"}),
    ]:
        answer = post(client, prompt, reasoning=" " if form.get("outcome") == "deny" else "typed", **form)
        assert answer.status_code == expected, form
        assert answer.context["selected"]["form_error"]
    prompt.refresh_from_db()
    assert (prompt.status, Decision.objects.count()) == ("pending", 0)


def test_late_is_gone(dispatcher, cast):
    _, prompt = ask(timeout="1h")
    clock.shift("2h")
    dispatcher.sweep()
    answer = post(signed_in(cast.bo), prompt, reasoning="typed")
    assert (answer.status_code, answer.context["selected"]["typed_reason"]) == (410, "typed")
    assert AuditEntry.objects.filter(verb="prompt.decision-refused").count() == 1


def test_who_is_kept_out(dispatcher, cast):
    _, prompt = ask()
    assert post(Client(), prompt).status_code == 302
    assert post(signed_in(cast.gil), prompt).status_code == 404
    assert signed_in(cast.gil).get(f"/inbox/{prompt.pk}/").status_code == 404
    assert signed_in(cast.bo).get(f"/inbox/{prompt.pk}/decide").status_code == 405
    assert signed_in(cast.bo).get("/inbox/?scope=all").status_code == 404


def test_untrusted_text_and_secrets(dispatcher, cast):
    message = "**Now** <script>alert(1)</script> [x](javascript:alert(1)) ![i](https://e.com/i.png) [ok](https://e.com)"
    _, prompt = ask(
        message=message,
        data={"api_key": "canary-secret", "to": "<b>bold</b>"},
        evidence=["javascript:alert(1)", "https://e.com/report"],
    )
    page = signed_in(cast.bo).get(f"/inbox/{prompt.pk}/")
    shown = str(page.context["selected"]["message_html"])
    assert "<strong>Now</strong>" in shown
    assert ("<script" in shown, 'href="javascript' in shown, "<img" in shown) == (False, False, False)
    assert 'href="https://e.com"' in shown
    assert "canary-secret" not in text(page)
    assert "<b>bold</b>" not in text(page)
    assert [item["url"] for item in page.context["selected"]["why"]["evidence"]] == ["", "https://e.com/report"]


def test_what_follows_is_said(dispatcher, cast):
    _, prompt = ask(
        outcomes={"approve": {"label": "Pay $600", "effect": "The bank pays at once"}, "deny": ""},
        timeout="1h",
        on_timeout="deny",
        reversible=False,
    )
    selected = signed_in(cast.bo).get(f"/inbox/{prompt.pk}/").context["selected"]
    assert [(one["label"], one["text"]) for one in selected["consequences"]][:2] == [
        ("On “Pay $600”", "The bank pays at once"),
        ("On “Deny”", "The run goes on with “deny”."),
    ]
    assert selected["consequences"][2]["text"] == "it expires, and the run goes on as on “Deny”, in nobody's name."
    assert selected["consequences"][2]["at"] == prompt.due_at
    assert [(one["label"], one["tone"], one["needs_reason"]) for one in selected["outcomes"]] == [
        ("Pay $600", "primary", False),
        ("Deny…", "danger", True),
    ]
    assert selected["reversible"] is False


@pytest.mark.parametrize("number", [1, 3])
def test_the_pages_read_in_a_fixed_number_of_queries(dispatcher, cast, django_assert_num_queries, number):
    for _ in range(number):
        _, prompt = ask(assign=["user:bo@example.com", "role:manager"])
    client = signed_in(cast.bo)
    with django_assert_num_queries(10):
        client.get("/inbox/")
    with django_assert_num_queries(18):
        client.get(f"/inbox/{prompt.pk}/")
    with django_assert_num_queries(11):
        client.get(f"/inbox/{prompt.pk}/", headers=HTMX)
