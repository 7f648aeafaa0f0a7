"""What comes too late: it is told what ended the prompt, before anything that could be corrected is asked for."""

from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client

from approvals.actions import standing_in
from approvals.models import SignedLink
from approvals.states import Expired, InvalidDecision, NotEligible, StaleVersion
from flowapp.audit.models import AuditEntry
from flowapp.engine import clock
from flowapp.tenancy import absences
from tests import factories
from tests.approvals.channels import mails
from tests.approvals.making import ask, decide
from tests.slack_server import pressed, submitted


def refused():
    entries = AuditEntry.objects.filter(verb="prompt.decision-refused").order_by("id")
    return [(entry.channel, entry.after["refused"]) for entry in entries]


def expire(dispatcher):
    clock.shift("2h")
    dispatcher.sweep()


def test_what_could_be_corrected_comes_last(dispatcher, cast):
    """In this order: what ended it, who may, which version, and only then what was typed."""
    _, prompt = ask(timeout="1h", assign=["user:bo@example.com", "user:ana@example.com"])
    for who, version, kind in ((cast.dev, 1, NotEligible), (cast.bo, 7, StaleVersion), (cast.bo, 1, InvalidDecision)):
        with pytest.raises(kind):
            decide(prompt, who, "explode", version=version)
    expire(dispatcher)
    with pytest.raises(Expired):
        decide(prompt, cast.bo, "explode")
    assert [kind for _, kind in refused()] == ["NotEligible", "StaleVersion", "Expired"]


def test_a_denial_without_a_reason_by_a_mails_link(dispatcher, cast, deliver):
    ask(timeout="1h")
    deliver()
    path = mails.link("bo@example.com")
    early = Client().post(path, {"outcome": "deny", "reasoning": " "})
    assert (early.status_code, "Say why" in early.content.decode(), refused()) == (422, True, [])
    expire(dispatcher)
    late = Client().post(path, {"outcome": "deny", "reasoning": " "})
    assert (late.status_code, refused()) == (410, [("email", "Expired")])
    assert "expired before this decision arrived" in late.content.decode()
    assert SignedLink.objects.get().used_at is None


def test_a_dialog_without_a_reason_in_slack(dispatcher, cast, slack, deliver, call):
    ask(timeout="1h")
    deliver()
    (message,) = slack.of("bo@example.com")
    call(pressed(message, message.buttons["Deny…"], "U0BO"))
    (dialog,) = slack.dialogs
    assert call(submitted(dialog, "U0BO", " ")).json()["errors"]["reason"].startswith("Say why")
    expire(dispatcher)
    late = call(submitted(dialog, "U0BO", " ")).json()
    assert ("expired" in late["errors"]["reason"], refused()) == (True, [("slack", "Expired")])


def test_a_substitute_hears_of_what_was_open_before(dispatcher, cast, slack, deliver, monkeypatch):
    monkeypatch.setattr(standing_in, "AT_ONCE", 1)
    ask(title="Pay?")
    ask(title="Pay now?", assign="role:manager")
    ask(title="Not his", assign="role:owner")
    deliver()
    mail.outbox.clear()
    now = clock.now()
    times = {"starts_at": now + timedelta(hours=1), "ends_at": now + timedelta(days=3)}
    absences.set_absence(member=cast.bo, substitute=cast.cleo, by=factories.actor(cast.bo), now=now, **times)
    dispatcher.sweep()
    deliver()
    assert (mail.outbox, slack.of("cleo@example.com")) == ([], [])
    clock.shift("61m")
    for _ in range(2):
        dispatcher.sweep()
    deliver()
    told = sorted((one.to[0], one.subject) for one in mail.outbox)
    assert told == [("cleo@example.com", "Pay now?"), ("cleo@example.com", "Pay?")]
    assert len(slack.of("cleo@example.com")) == 2
    dispatcher.sweep()
    deliver()
    assert len(mail.outbox) == 2


def test_an_absence_that_was_taken_back_tells_nobody(dispatcher, cast, deliver):
    ask()
    deliver()
    mail.outbox.clear()
    now, by = clock.now(), factories.actor(cast.bo)
    times = {"starts_at": now + timedelta(hours=1), "ends_at": now + timedelta(days=3)}
    made = absences.set_absence(member=cast.bo, substitute=cast.cleo, by=by, now=now, **times)
    absences.end_absence(made.pk, by=by, now=now)
    clock.shift("61m")
    dispatcher.sweep()
    deliver()
    assert mail.outbox == []
