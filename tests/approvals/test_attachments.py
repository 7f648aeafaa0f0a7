"""Files beside a question: shown for download, bound to the decision. And what the type of an answer refuses."""

import pytest
from django.test import Client

from approvals.models import Attachment, Decision, Prompt
from approvals.policies import files
from approvals.states import Attachment as File
from approvals.states import InvalidDecision
from flowapp.audit.models import AuditEntry
from flowapp.engine.errors import BadDefinition
from tests.approvals import flows
from tests.approvals.making import EXPENSE, ask, decide, pending
from tests.browsing import signed_in, text

PDF = File("receipt.pdf", b"%PDF-1.7 \x00\xff", "application/pdf")


def test_a_file_is_offered_for_download_and_never_shown(dispatcher, cast):
    _, prompt = ask(
        attachments=[PDF, {"name": "page.html", "content": "<script>1</script>", "content_type": "text/html"}]
    )
    client = signed_in(cast.dev)
    page = client.get(f"/inbox/{prompt.pk}/")
    assert [(file.name, file.size) for file in page.context["selected"]["files"]] == [
        ("receipt.pdf", 11),
        ("page.html", 18),
    ]
    for file in page.context["selected"]["files"]:
        answer = client.get(f"/inbox/{prompt.pk}/files/{file.id}")
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{file.name}"'
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        assert "no-store" in answer.headers["Cache-Control"]
    assert (
        client.get(f"/inbox/{prompt.pk}/files/{Attachment.objects.get(name='receipt.pdf').pk}").content == PDF.content
    )


def test_files_of_others_are_not_there(dispatcher, cast):
    _, prompt = ask(attachments=[PDF])
    _, other = ask()
    file = Attachment.objects.get()
    assert signed_in(cast.gil).get(f"/inbox/{prompt.pk}/files/{file.pk}").status_code == 404
    assert signed_in(cast.bo).get(f"/inbox/{other.pk}/files/{file.pk}").status_code == 404
    assert Client().get(f"/inbox/{prompt.pk}/files/{file.pk}").status_code == 302


def test_the_decision_is_bound_to_the_files(dispatcher, cast):
    run, prompt = ask(attachments=[PDF])
    decide(prompt, cast.bo)
    assert run.output["outcome"] == "approve"
    run, prompt = ask(attachments=[PDF])
    prompt.options["attachments"][0]["digest"] = "0" * 64
    prompt.save(update_fields=["options"])
    decide(prompt, cast.bo)
    assert (run.status, pending(run).version) == ("waiting", 2)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([File("a", 1)], "its content is bytes or text"),  # type: ignore[arg-type]
        ([File("../a", b"")], "a file's name has"),
        ([File("", b"")], "a file's name has"),
        ([File("a\u202efdp.exe", b"")], "a file's name has"),
        ([File("a", b"", "text")], "is not a content type"),
        ([File("a", b"", "text/html\r\nX: y")], "is not a content type"),
        ([File("a", b"12345")], "at most 4 can be attached"),
        ([File("a", b""), File("a", b"")], "the same name"),
        ([File(str(number), b"") for number in range(11)], "at most 10"),
        ([{"name": "a"}], "an attachment has name, content"),
        ([{"name": "a", "content": b"", "url": "x"}], "an attachment has name, content"),
    ],
)
def test_what_cannot_be_attached_is_named(monkeypatch, given, message):
    monkeypatch.setattr(files, "LARGEST", 4)
    with pytest.raises(BadDefinition, match=message):
        files.files("review", given)


def test_validators_of_the_form_judge_the_answer_when_it_is_given(dispatcher, cast):
    run, prompt = ask(type="form", form=flows.Trip)
    with pytest.raises(InvalidDecision) as wrong:
        decide(prompt, cast.bo, "submit", data={"start": 5, "end": 3, "place": "nowhere"})
    assert wrong.value.errors == [{"field": "data.place", "msg": "nobody goes nowhere"}]
    with pytest.raises(InvalidDecision) as wrong:
        decide(prompt, cast.bo, "submit", data={"start": 5, "end": 3, "place": "Köln"})
    assert wrong.value.errors == [{"field": "data", "msg": "it ends before it starts"}]
    prompt.refresh_from_db()
    assert (prompt.status, run.status) == ("pending", "waiting")
    decide(prompt, cast.bo, "submit", data={"start": 3, "end": 5, "place": "Köln"})
    assert run.output["type"] == "Trip"


def test_validators_in_the_browser_stand_at_the_field(dispatcher, cast):
    _, prompt = ask(type="form", form=flows.Trip)
    form = {"outcome": "submit", "version": "1", "filled": "1"}
    form |= {"data.start": "1", "data.end": "2", "data.place": "nowhere"}
    answer = signed_in(cast.bo).post(f"/inbox/{prompt.pk}/decide", form)
    assert (answer.status_code, "Nobody goes nowhere" in text(answer) or "nobody goes nowhere" in text(answer)) == (
        422,
        True,
    )
    assert 'value="nowhere"' in text(answer)


def test_a_type_that_changed_or_is_not_loaded_judges_nothing(dispatcher, cast, monkeypatch):
    _, prompt = ask(type="form", form=flows.Trip)
    prompt.options["form_type"] = "nowhere.at.all:Trip"
    prompt.save(update_fields=["options"])
    decide(prompt, cast.bo, "submit", data={"start": 3, "end": 5, "place": "Köln"})
    _, prompt = ask(type="form", form=flows.Trip)
    monkeypatch.setattr(flows, "Trip", flows.Address)
    decide(prompt, cast.bo, "submit", data={"start": 3, "end": 5, "place": "Köln"})


def test_what_an_edit_changed_is_kept_with_the_decision_and_in_the_audit(dispatcher, cast):
    _, prompt = ask(type="edit", data={"amount": "600.00", "api_key": "s3cret", "to": "Ana"})
    made = decide(prompt, cast.bo, data={"amount": "420.00", "api_key": "other", "to": "Ana"})
    expected = [
        {"label": "Amount", "before": "600.00", "after": "420.00"},
        {"label": "Api key", "before": "••••••••", "after": "•••••••• (another)"},
    ]
    assert Decision.objects.get(pk=made.pk).changes == expected
    assert AuditEntry.objects.get(verb="prompt.decided").after["changes"] == expected
    page = signed_in(cast.dev).get(f"/inbox/{prompt.pk}/")
    assert next((one.label, one.after) for one in page.context["selected"]["changes"]) == ("Amount", "420.00")
    assert "s3cret" not in text(page)


def test_an_unchanged_edit_keeps_no_changes(dispatcher, cast):
    _, prompt = ask(type="edit", data=EXPENSE)
    assert decide(prompt, cast.bo).changes == []
    assert Prompt.objects.get().closed_after_s is not None
