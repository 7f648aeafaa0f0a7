"""Mails: the whole question in two parts; a link that only shows, and decides once, for its person and question."""

import html
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from approvals import actions
from approvals.actions import Draft
from approvals.actions.channels import links
from approvals.models import Decision, SignedLink
from approvals.states import Attachment
from flowapp.audit.models import AuditEntry
from flowapp.engine import clock
from flowapp.integrations.models import OutboxMessage
from flowapp.tenancy import absences
from tests import factories
from tests.approvals.channels import mails
from tests.approvals.making import ask, decide

BO = "bo@example.com"


@pytest.fixture
def asked(dispatcher, cast, deliver):
    """A prompt to Bo, its mail sent, and the link's path."""

    def asked(**options):
        _, prompt = ask(**options)
        deliver()
        return prompt, mails.link(BO)

    return asked


def test_the_mail_holds_the_whole_question_in_two_parts(dispatcher, cast, deliver):
    data = {"to": "Rome", "token": "hush"}
    ask(by=factories.actor(cast.cleo), title="Pay for the train?", message="It is *urgent*", data=data)
    deliver()
    (sent,) = mail.outbox
    assert (sent.to, sent.subject) == ([BO], "Pay for the train?")
    rich, kind = sent.alternatives[0]
    assert kind == "text/html"
    for part in map(str, (sent.body, rich)):
        assert "Cleo asks: Pay for the train?" in part
        assert "Rome" in part
        assert "hush" not in part
        assert "not by Flowapp" in part
        assert "/decide/" in part
    assert sent.extra_headers["Message-ID"].endswith("@localhost>")
    assert "Content-Transfer-Encoding" in sent.message().as_string()


# What one has to know besides the payload, wherever it is asked.
AROUND: dict[str, Any] = {
    "timeout": "1h",
    "on_timeout": "approve",
    "confidence": 0.87,
    "evidence": [{"label": "Invoice 7", "url": "https://example.com/7"}, "The budget"],
    "attachments": [Attachment("invoice.txt", "12.50")],
}
SAID = (
    "If nobody decides by ",
    ": it expires, and the run goes on as on “Approve”, in nobody's name.",
    "Rule Large ones v1 is true of it: Large ones are looked at.",
    "Confidence: 87%.",
    "Invoice 7",
    "https://example.com/7",
    "The budget",
    "invoice.txt (5 bytes)",
)


def test_the_mail_and_the_message_say_what_is_known_and_what_silence_means(dispatcher, cast, slack, deliver):
    look = Draft("amount > 500", "ask", reason="Large ones are looked at.")
    actions.create_policy(name="Large ones", draft=look, by=factories.actor(cast.ana))
    ask(**AROUND)
    deliver()
    (sent,) = mails.to(BO)
    (message,) = slack.of(BO)
    link = SignedLink.objects.get()
    path = links.address(link, link.serial).partition("8288")[2]
    parts = [sent.body, html.unescape(str(sent.alternatives[0][0])), message.words.replace("\xa0", " ")]
    for part in (str(part).replace("\xa0", " ") for part in parts):
        assert [words for words in SAID if words not in part] == []
    page = html.unescape(Client().get(path).content.decode()).replace("\xa0", " ")
    assert [words for words in SAID[2:] if words not in page] == []
    assert "it expires, and the run goes on as on “Approve”" in page


def test_looking_changes_nothing(asked):
    prompt, path = asked()
    for method in ("get", "head", "get"):
        answer = getattr(Client(), method)(path)
        assert answer.status_code == 200
        assert "no-store" in answer["Cache-Control"]
    assert Client().options(path).status_code == 405
    prompt.refresh_from_db()
    assert prompt.status == "pending"
    assert not Decision.objects.exists()
    assert SignedLink.objects.get().used_at is None


def test_posting_decides_as_its_person(asked, cast):
    _, path = asked()
    answer = Client().post(path, {"outcome": "approve"})
    assert answer.status_code == 200
    decision = Decision.objects.get()
    assert (decision.outcome, decision.member_id, decision.channel) == ("approve", cast.bo.pk, "email")
    assert "by e-mail" in answer.content.decode()
    entry = AuditEntry.objects.get(verb="prompt.decided")
    assert (entry.actor_label, entry.channel) == ("Bo", "email")


def test_a_form_of_another_site_decides_nothing(asked):
    _, path = asked()
    assert Client(enforce_csrf_checks=True).post(path, {"outcome": "approve"}).status_code == 403
    assert not Decision.objects.exists()


def test_it_works_once(asked, cast):
    _, path = asked(assign=["user:bo@example.com", "user:ana@example.com"], quorum=2)
    assert Client().post(path, {"outcome": "approve"}).status_code == 200
    assert Client().post(path, {"outcome": "approve"}).status_code == 200
    assert Client().post(path, {"outcome": "deny", "reasoning": "no"}).status_code == 410
    assert Decision.objects.get().outcome == "approve"
    late = AuditEntry.objects.get(verb="prompt.decision-refused")
    assert (late.actor_label, late.channel, late.after["refused"]) == ("Bo", "email", "LinkOver")


def test_it_ends_after_a_day(asked):
    _, path = asked()
    clock.shift("24h")
    assert "older than 24 hours" in Client().get(path).content.decode()
    assert Client().post(path, {"outcome": "approve"}).status_code == 410
    assert not Decision.objects.exists()


def test_what_was_tampered_with_is_nobodys(asked):
    _, path = asked()
    assert Client().get(f"{path[:-4]}xyz/").status_code == 404


def test_a_denial_says_why(asked):
    _, path = asked()
    answer = Client().post(path, {"outcome": "deny", "reasoning": " "})
    assert answer.status_code == 422
    assert "Say why" in answer.content.decode()
    assert Client().post(path, {"outcome": "deny", "reasoning": "no budget"}).status_code == 200
    assert Decision.objects.get().reasoning == "no budget"


@pytest.mark.parametrize("options", [{"risk": "high"}, {"step_up": True}, {"type": "edit", "risk": "high"}])
def test_what_a_button_cannot_answer_leads_to_signing_in(dispatcher, cast, deliver, options):
    _, prompt = ask(**options)
    deliver()
    (sent,) = mails.to(BO)
    assert "/decide/" not in sent.body
    assert f"/inbox/{prompt.pk}/" in sent.body


def test_a_link_cannot_go_around_the_second_factor(asked, dispatcher, cast):
    prompt, path = asked()
    prompt.options["step_up"] = True
    prompt.save()
    assert "<form" not in Client().get(path).content.decode()
    assert Client().post(path, {"outcome": "approve"}).status_code == 403
    assert not Decision.objects.exists()


def test_whoever_was_first_is_named(asked, cast):
    prompt, path = asked(assign=["user:bo@example.com", "user:ana@example.com"])
    decide(prompt, cast.ana, "deny", reasoning="no budget", channel="slack")
    page = Client().get(path).content.decode()
    assert "Ana decided “Deny”" in page
    assert "in Slack" in page
    assert "no budget" in page
    assert Client().post(path, {"outcome": "approve"}).status_code == 409


def test_a_passed_on_mail_is_of_no_use_to_somebody_signed_in(asked, cast):
    _, path = asked()
    client = Client()
    client.force_login(cast.ana.user)
    shown = client.get(path)
    assert (shown.status_code, "600.00" in shown.content.decode()) == (403, False)
    assert "somebody else" in shown.content.decode()
    assert client.post(path, {"outcome": "approve"}).status_code == 403
    assert not Decision.objects.exists()


def test_a_new_stage_is_a_new_question(asked, cast, deliver):
    stages = [{"assign": f"user:{BO}"}, {"assign": ["user:ana@example.com", f"user:{BO}"]}]
    prompt, path = asked(stages=stages, assign=())
    decide(prompt, cast.bo)
    deliver()
    assert len(mails.to(BO)) == 2
    assert Client().post(path, {"outcome": "approve"}).status_code == 200  # what he answered then, and nothing new
    assert Client().post(path, {"outcome": "deny", "reasoning": "no"}).status_code == 410
    assert Decision.objects.count() == 1
    assert Client().post(mails.link(BO), {"outcome": "approve"}).status_code == 200


def test_what_is_over_is_not_mailed(dispatcher, cast, deliver):
    _, prompt = ask()
    decide(prompt, cast.bo)
    deliver()
    assert mails.to(BO) == []


def test_nobody_is_asked_who_may_not_answer(dispatcher, cast, deliver):
    ask(by=factories.actor(cast.bo), four_eyes=True, assign=["user:bo@example.com", "user:ana@example.com"])
    deliver()
    assert (len(mails.to(BO)), len(mails.to("ana@example.com"))) == (0, 1)


def test_each_is_asked_once_and_reminded_with_a_fresh_link(asked, dispatcher, cast, deliver):
    prompt, path = asked(remind="2h")
    actions.reassign(prompt.pk, to=[f"user:{BO}", "user:ana@example.com"], by=factories.actor(cast.bo), channel="web")
    deliver()
    assert (len(mails.to(BO)), len(mails.to("ana@example.com"))) == (1, 1)
    clock.shift("3h")
    dispatcher.sweep()
    deliver()
    assert mails.to(BO)[-1].subject.startswith("Reminder: ")
    assert Client().post(path, {"outcome": "approve"}).status_code == 410
    assert Client().post(mails.link(BO), {"outcome": "approve"}).status_code == 200


def test_an_escalation_reaches_the_next(asked, dispatcher, deliver):
    asked(timeout="4h", escalate=[("1h", "user:ana@example.com")])
    clock.shift("61m")
    dispatcher.sweep()
    deliver()
    assert [one.subject for one in mails.to("ana@example.com")] == ["Escalated: Review"]
    assert len(mails.to(BO)) == 1


def test_a_substitute_is_asked_and_decides_for_the_absent(dispatcher, cast, deliver):
    now = clock.now()
    absences.set_absence(
        member=cast.bo,
        substitute=cast.cleo,
        starts_at=now - timedelta(hours=1),
        ends_at=now + timedelta(days=3),
        by=factories.actor(cast.bo),
        now=now,
    )
    ask()
    deliver()
    page = Client().post(mails.link("cleo@example.com"), {"outcome": "approve"}).content.decode()
    assert "Cleo, for bo@example.com, decided" in page


def test_the_requester_hears_how_it_ended(dispatcher, cast, deliver):
    _, prompt = ask(by=factories.actor(cast.cleo))
    decide(prompt, cast.bo, "deny", reasoning="no budget, @ana@example.com knows")
    deliver()
    (told,) = mails.to("cleo@example.com")
    assert told.subject.startswith("Your request: ")
    assert "Bo decided “Deny”" in told.body
    assert mails.to("ana@example.com")[0].subject.startswith("You were mentioned: ")


def test_the_news_is_rolled_back_with_the_decision(dispatcher, cast, deliver, monkeypatch):
    _, prompt = ask()
    deliver()
    monkeypatch.setattr("approvals.actions.deciding.runs.resolve_wait", lambda *args: False)
    with pytest.raises(Exception, match="cancelled"):
        decide(prompt, cast.bo)
    assert [one.payload["news"] for one in OutboxMessage.objects.filter(channel="prompts")] == ["asked"]
