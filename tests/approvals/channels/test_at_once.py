"""Twenty people at the same moment, through four channels: one wins, and each of the others is told who, what, when."""

import html
import json
import re
from functools import partial

from django.test import Client

from approvals.actions.channels import links
from approvals.models import Decision
from flowapp.audit.models import AuditEntry
from flowapp.engine import clock
from flowapp.integrations import delivery
from flowapp.integrations.models import SlackUser
from flowapp.tenancy.models import Role
from tests import factories
from tests.approvals.test_races import asked, at_once, finish
from tests.slack_server import Message, pressed

PEOPLE = 20


def by_web(prompt, member, _):
    client = Client()
    client.force_login(member.user)
    return lambda outcome: client.post(f"/inbox/{prompt.pk}/decide", answer(prompt, outcome))


def by_api(prompt, member, _):
    key = factories.api_key(member, "approvals:decide")[1]
    where, who = f"/v1/prompts/{prompt.pk}/complete", {"Authorization": f"Bearer {key}"}
    return lambda outcome: Client().post(where, answer(prompt, outcome), content_type="application/json", headers=who)


def by_mail(prompt, member, _):
    link = links.issue(prompt, member)
    path = links.address(link, link.serial).partition("8288")[2]
    return lambda outcome: Client().post(path, answer(prompt, outcome))


def by_slack(prompt, member, call):
    user = slack_id(member)
    SlackUser.objects.create(member=member, slack_id=user, by_email=True, linked_at=clock.now())

    def send(outcome):
        value = json.dumps({"prompt": str(prompt.pk), "outcome": outcome, "version": prompt.version})
        button = {"type": "button", "action_id": f"prompt.decide:{outcome}", "value": value}
        return call(pressed(Message(f"D{user}", "1700000000.000001", "", []), button, user))

    return send


WAYS = (by_web, by_api, by_mail, by_slack)


def answer(prompt, outcome):
    return {"outcome": outcome, "reasoning": "as I see it", "version": prompt.version}


def slack_id(member):
    return f"U{member.user.name.replace(' ', '').upper()}"


def told(way, member, slack, answer):
    """What somebody was told in words, unless their answer is the one that counts."""
    if way is by_slack:
        found = [aside["text"] for aside in slack.asides if aside["user"] == slack_id(member)]
        return " ".join(found)
    if answer.status_code != 409:
        return ""
    return re.sub(r"\s+", " ", html.unescape(re.sub("<[^>]+>", " ", answer.content.decode())))


def test_twenty_people_through_four_channels(cast, slack, call):
    people = [factories.member(f"Reviewer {number}", Role.MANAGER) for number in range(PEOPLE)]
    run, prompt = asked(assign="role:manager")
    ways = [WAYS[number % len(WAYS)] for number in range(PEOPLE)]
    sends = [way(prompt, who, call) for way, who in zip(ways, people, strict=True)]
    # Slack asks for a reason first, so there everybody approves.
    outcomes = ["approve" if way is by_slack or number % 8 < 4 else "deny" for number, way in enumerate(ways)]
    answers = at_once(cast.acme, *map(partial, sends, outcomes))
    assert [answer for answer in answers if isinstance(answer, Exception)] == []
    delivery.deliver("slack-aside")
    won = Decision.objects.get()
    sentence = f"Already decided: {won.outcome} by {won.actor['id']} at {won.at:%Y-%m-%d %H:%M:%S} UTC."
    for way, who, answer in zip(ways, people, answers, strict=True):
        said = told(way, who, slack, answer)
        if who.pk == won.member_id:
            assert said == "", way
        else:
            assert sentence in said or (way is by_slack and "Try again" in said), (way, said)
    losers = [
        answer.json() for way, answer in zip(ways, answers, strict=True) if way is by_api and answer.status_code == 409
    ]
    exact = {(one["decision"]["outcome"], one["decision"]["by"]["email"], one["decision"]["at"]) for one in losers}
    assert exact == {(won.outcome, won.actor["id"], won.at.isoformat().replace("+00:00", "Z"))}
    refused = AuditEntry.objects.filter(verb="prompt.decision-refused", target=f"prompt:{prompt.pk}")
    assert {entry.reason for entry in refused} == {sentence}
    finish()
    assert (run.status, run.output["outcome"], run.output["by"]) == ("completed", won.outcome, won.actor["id"])
