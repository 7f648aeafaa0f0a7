"""High-risk decisions in the browser: a second factor within the last 5 minutes, given on the real pages."""

import re
import time

import pytest
from allauth.mfa.totp.internal import auth as totp
from django.test import Client

from approvals.models import Decision
from approvals.states import StepUpRequired
from flowapp.audit.models import AuditEntry
from flowapp.engine import clock
from tests import factories
from tests.approvals.making import ask, decide

HTMX = {"HX-Request": "true", "HX-Target": "detail"}


@pytest.fixture
def bo(cast):
    """Bo, signed in by password only, whose authenticator app is known."""
    client = Client()
    client.force_login(cast.bo.user)
    return client


def set_up(member):
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(member.user, secret)
    return secret


def code(secret):
    return totp.format_hotp_value(totp.hotp_value(secret, int(time.time()) // 30))


def post(client, prompt, **form):
    return client.post(f"/inbox/{prompt.pk}/decide", {"outcome": "approve", "version": "1"} | form)


@pytest.mark.parametrize("options", [{"risk": "high"}, {"step_up": True}])
def test_who_has_no_second_factor_is_told_how_to_set_one_up(dispatcher, cast, bo, options):
    _, prompt = ask(**options)
    assert bo.get(f"/inbox/{prompt.pk}/").context["selected"]["can_decide"] is True
    answer = post(bo, prompt, reasoning="because")
    selected = answer.context["selected"]
    assert (answer.status_code, selected["typed_reason"]) == (403, "because")
    assert selected["form_error"].startswith("This decision needs your second factor")
    assert (selected["step_up"]["url"], Decision.objects.count()) == ("/accounts/2fa/", 0)
    assert bo.get(selected["step_up"]["url"]).status_code == 200
    assert 'href="/accounts/2fa/"' in answer.content.decode()
    [refused] = AuditEntry.objects.filter(verb="prompt.decision-refused")
    assert (refused.actor_label, refused.after["refused"]) == ("Bo", "StepUpRequired")


def test_confirming_brings_back_what_was_typed_and_then_it_counts(dispatcher, cast, bo):
    secret = set_up(cast.bo)
    run, prompt = ask(risk="high")
    refused = post(bo, prompt, outcome="deny", reasoning="a long reason")
    to = refused.context["selected"]["step_up"]["url"]
    back = f"/inbox/{prompt.pk}/?confirmed=1"
    answer = bo.post(to, {"code": code(secret)})
    assert (answer.status_code, answer.headers["Location"]) == (302, back)
    page = bo.get(back)
    selected = page.context["selected"]
    assert (selected["typed_outcome"], selected["typed_reason"]) == ("deny", "a long reason")
    assert re.search(r"<textarea[^>]*>a long reason</textarea>", page.content.decode())
    assert bo.get(back).context["selected"]["typed_reason"] == ""
    assert post(bo, prompt, outcome="deny", reasoning="a long reason").status_code == 302
    assert (run.output["outcome"], run.output["channel"]) == ("deny", "web")


def test_after_five_minutes_it_is_asked_for_again(dispatcher, cast, bo):
    secret = set_up(cast.bo)
    _, prompt = ask(risk="high")
    bo.post(post(bo, prompt).context["selected"]["step_up"]["url"], {"code": code(secret)})
    clock.shift("290s")
    _, other = ask(step_up=True)
    assert post(bo, other).status_code == 302
    clock.shift("11s")
    assert post(bo, prompt).status_code == 403


def test_a_wrong_code_and_a_password_are_no_second_factor(dispatcher, cast, bo):
    set_up(cast.bo)
    _, prompt = ask(risk="high")
    bo.post(post(bo, prompt).context["selected"]["step_up"]["url"], {"code": "000000"})
    assert post(bo, prompt).status_code == 403
    bo.post("/accounts/reauthenticate/", {"password": factories.PASSWORD})
    assert post(bo, prompt).status_code == 403


def test_the_factor_is_of_the_session_that_gave_it(dispatcher, cast, bo):
    secret = set_up(cast.bo)
    _, prompt = ask(risk="high")
    bo.post(post(bo, prompt).context["selected"]["step_up"]["url"], {"code": code(secret)})
    other = Client()
    other.force_login(cast.bo.user)
    assert post(other, prompt).status_code == 403


def test_other_channels_have_none(dispatcher, cast):
    _, prompt = ask(risk="high")
    for channel in ("slack", "email", "api"):
        with pytest.raises(StepUpRequired):
            decide(prompt, cast.bo, channel=channel)


def test_low_risk_needs_none(dispatcher, cast, bo):
    run, prompt = ask(risk="medium")
    assert post(bo, prompt).status_code == 302
    assert run.output["outcome"] == "approve"


def test_the_fragment_says_it_too(dispatcher, cast, bo):
    _, prompt = ask(risk="high")
    answer = bo.post(f"/inbox/{prompt.pk}/decide", {"outcome": "approve", "version": "1"}, headers=HTMX)
    assert (answer.status_code, "Set up a second factor" in answer.content.decode()) == (403, True)
