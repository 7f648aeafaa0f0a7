"""Each rule once, through every channel, with the same end: one path decides, whoever knocks at whichever door."""

import re

import pytest

from approvals.models import Decision
from flowapp.audit.models import AuditEntry
from tests.approvals.channels.cases import CASES, Scene, asks
from tests.approvals.channels.four_channels import SIGN_IN, Mail, Rest, Slack, Web


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_rule_holds(case, dispatcher, cast, slack, call):
    for channel in (Web(), Rest(), Slack(slack, call), Mail()):
        prompt = (case.asking or asks)(case, cast)
        send = channel.read(prompt, getattr(cast, case.who))
        if case.event:
            case.event(Scene(prompt, cast, dispatcher))
        told = [send(case.outcome, case.reason, case.filled) for _ in range(2 if case.twice else 1)]
        assert found(prompt, channel.name, told) == expected(case, channel.name), channel.name
        assert [one for one in told if one.refused and not rightly(one, case, prompt, channel.name)] == []
        if case.filled and not case.refused:
            assert Decision.objects.get(prompt=prompt).data == case.filled.data
        cast.bo.user.is_active = True
        cast.bo.user.save()


def found(prompt, name, told):
    """What was said of the answer, what was noted, how the prompt stands, and who decided what."""
    noted = AuditEntry.objects.filter(verb="prompt.decision-refused", target=f"prompt:{prompt.pk}").order_by("id")
    assert {one.channel for one in noted} <= {name}
    prompt.refresh_from_db()
    given = Decision.objects.filter(prompt=prompt, actor__isnull=False).order_by("at")
    decisions = [(one.actor["label"], one.outcome) for one in given]
    return {one.refused for one in told}, [one.after["refused"] for one in noted], prompt.status, decisions


STATUSES = {
    "NotEligible": 403,
    "StepUpRequired": 403,
    "AlreadyDecided": 409,
    "StaleVersion": 409,
    "Expired": 410,
    "PromptCancelled": 410,
    "InvalidDecision": 422,
}


def rightly(told, case, prompt, name):
    """Whether this is what one is told of it: the status, and in words why; who was first with what, and when."""
    if case.event is Scene.bo_leaves and name != "email":
        return {"web": told.status == SIGN_IN, "api": told.status == 401, "slack": "who you are" in told.text}[name]
    words = case.why
    if case.refused == "AlreadyDecided":
        won = Decision.objects.get(prompt=prompt, final=True)
        words = re.escape(f"Already decided: {won.outcome} by {won.by} at {won.at:%Y-%m-%d %H:%M:%S} UTC")
    return told.status == (None if name == "slack" else STATUSES[case.refused]) and bool(re.search(words, told.text))


def expected(case, name):
    # What is mistyped is corrected, so it is not noted. And somebody who left has no session, key or Slack account.
    nobody = case.event is Scene.bo_leaves and name != "email"
    noted = [case.refused] if case.refused and case.refused != "InvalidDecision" and not nobody else []
    return {bool(case.refused)}, noted, case.status, case.decisions
