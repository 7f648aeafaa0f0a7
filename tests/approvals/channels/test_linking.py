"""Who is who in Slack: a member asks, the account says yes; once, soon, and only those two."""

from dataclasses import replace

import pytest
from django.test import Client

from flowapp.audit.models import AuditEntry
from flowapp.engine import clock
from flowapp.integrations.models import OutboxMessage, SlackLinkRequest, SlackUser
from flowapp.integrations.slack import linking
from flowapp.tenancy.errors import NotAllowed
from flowapp.tenancy.ids import uuid7
from tests import factories
from tests.slack_server import pressed

PATH = "/notifications/slack"


@pytest.fixture
def dev(cast, slack):
    client = Client()
    client.force_login(cast.dev.user)
    slack.people["dev in slack"] = "U0DEVELOPER"
    return client


@pytest.fixture
def asked(dev, slack, deliver):
    """Dev asks to be known by an account; the message that came to it."""

    def asked():
        assert dev.post(PATH, {"slack_id": " u0developer "}).status_code == 302
        deliver()
        return slack.of("dev in slack")[-1]

    return asked


def test_a_member_asks_and_the_account_says_yes_once(asked, dev, cast, slack, call, deliver):
    message = asked()
    assert "Dev (dev@example.com) says in Flowapp that this Slack account is theirs." in message.words
    yes = pressed(message, message.buttons["Yes, this is me"], "U0DEVELOPER")
    for _ in range(2):
        assert call(yes).status_code == 200
        deliver()
    found = SlackUser.objects.get()
    assert (found.member, found.slack_id, found.by_email) == (cast.dev, "U0DEVELOPER", False)
    assert message.buttons == {}
    assert not SlackLinkRequest.objects.exists()
    verbs = AuditEntry.objects.filter(verb__startswith="slack.link").order_by("id").values_list("verb", "channel")
    assert list(verbs) == [("slack.link-asked", "web"), ("slack.linked", "slack")]
    assert dev.post("/slack/unlink").status_code == 302
    assert call(yes).status_code == 200
    assert not SlackUser.objects.exists()


def test_nobody_else_says_yes_and_nobody_later(asked, call, deliver):
    message = asked()
    button = message.buttons["Yes, this is me"]
    call(pressed(message, button, "U0CLEO"))
    clock.shift("10m")
    call(pressed(message, button, "U0DEVELOPER"))
    deliver()
    assert not SlackUser.objects.exists()
    assert "older than ten minutes" in message.words


def test_a_later_wish_ends_the_earlier(asked, dev, call, deliver, cast, slack):
    slack.people["dev elsewhere"] = "U0ELSEWHERE"
    first = asked()
    dev.post(PATH, {"slack_id": "U0ELSEWHERE"})
    deliver()
    second = slack.of("dev elsewhere")[-1]
    call(pressed(first, first.buttons["Yes, this is me"], "U0DEVELOPER"))
    assert not SlackUser.objects.exists()
    call(pressed(second, second.buttons["Yes, this is me"], "U0ELSEWHERE"))
    assert SlackUser.objects.get().member == cast.dev


def test_an_account_is_asked_once_while_the_question_stands(asked, dev, slack):
    asked()
    assert dev.post(PATH, {"slack_id": "U0DEVELOPER"}).status_code == 302
    assert OutboxMessage.objects.filter(channel="slack-link").count() == 1
    clock.shift("10m")
    asked()
    assert len(slack.of("dev in slack")) == 2


def test_a_member_asks_five_times_an_hour(dev):
    answers = [dev.post(PATH, {"slack_id": f"U0NUMBER{number}"}) for number in range(6)]
    assert [answer.status_code for answer in answers] == [302] * 5 + [422]
    assert "five times an hour" in answers[-1].content.decode()
    assert OutboxMessage.objects.filter(channel="slack-link").count() == 5
    clock.shift("1h")
    assert dev.post(PATH, {"slack_id": "U0NUMBER5"}).status_code == 302


def test_without_slack_nobody_is_asked(cast):
    client = Client()
    client.force_login(cast.dev.user)
    answer = client.post(PATH, {"slack_id": "U0DEVELOPER"})
    assert answer.status_code == 422
    assert "Slack is not connected" in answer.content.decode()
    assert not SlackLinkRequest.objects.exists()


def test_a_key_links_no_account_unless_it_may_decide(cast, slack):
    _, weak = factories.api_key(cast.bo)
    granted, _ = factories.api_key(cast.bo, "approvals:decide")
    headers = {"Authorization": f"Bearer {weak}"}
    assert Client().post(PATH, {"slack_id": "U0EVIL"}, headers=headers).status_code == 403
    assert not SlackLinkRequest.objects.exists()
    weak_by = replace(factories.actor(cast.bo), key_id=uuid7())
    with pytest.raises(NotAllowed, match="approvals:decide"):
        linking.ask(member=cast.bo, slack_id="U0EVIL", by=weak_by)
    linking.ask(member=cast.bo, slack_id="U0BO2", by=replace(weak_by, key_id=granted.pk))


@pytest.mark.parametrize("given", ["", "dev", "U", "xoxb-1", "U0\0", "U0" + "A" * 60])
def test_what_is_no_account_is_said_at_its_field(dev, given):
    answer = dev.post(PATH, {"slack_id": given})
    assert answer.status_code == 422
    assert 'id="slack_id-error"' in answer.content.decode()
    assert not SlackLinkRequest.objects.exists()


def test_an_account_belongs_to_one(dev, cast, asked, call):
    message = asked()
    SlackUser.objects.create(member=cast.bo, slack_id="U0DEVELOPER", by_email=True, linked_at=clock.now())
    call(pressed(message, message.buttons["Yes, this is me"], "U0DEVELOPER"))
    assert SlackUser.objects.get().member == cast.bo
    answer = dev.post(PATH, {"slack_id": "U0DEVELOPER"})
    assert answer.status_code == 422
    assert "belongs to another member" in answer.content.decode()
