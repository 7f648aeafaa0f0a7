"""Connecting a workspace to Slack: with a good token, by an admin, to a team of its own; its secrets show nowhere."""

import json

import pytest
from django.test import Client

from flowapp.audit.models import AuditEntry
from flowapp.integrations.models import SlackConnection, SlackMessage
from flowapp.integrations.slack import connections, manifest
from flowapp.tenancy.ids import uuid7
from flowapp.tenancy.scope import scoped
from tests import factories
from tests.slack_server import SECRET, TOKEN, slack_server

GOOD = {"bot_token": TOKEN, "signing_secret": SECRET}


@pytest.fixture
def server(cast, settings):
    with slack_server() as running:
        settings.FLOWAPP_SLACK_API_URL = running.url
        yield running


@pytest.fixture
def ana(cast):
    client = Client()
    client.force_login(cast.ana.user)
    return client


def test_an_admin_connects_and_disconnects(cast, server, ana):
    assert "oauth_config" in ana.get("/slack/").content.decode()
    assert ana.post("/slack/", GOOD).status_code == 302
    page = ana.get("/slack/").content.decode()
    assert "Connected to Acme" in page
    row = SlackConnection.objects.get()
    assert connections.bot_token(row) == TOKEN
    assert connections.signing_secret(row) == SECRET
    everywhere = page + json.dumps(list(AuditEntry.objects.values("before", "after"))) + str(vars(row))
    assert TOKEN not in everywhere
    assert SECRET not in everywhere
    assert ana.post("/slack/disconnect").status_code == 302
    assert not SlackConnection.objects.exists()
    verbs = AuditEntry.objects.filter(verb__startswith="slack.").order_by("id").values_list("verb", flat=True)
    assert list(verbs) == ["slack.connected", "slack.disconnected"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"bot_token": "xoxp-a-persons"}, "This is no bot token"),
        ({"bot_token": "xoxb-unknown"}, "Slack refused this token: invalid_auth"),
        ({"signing_secret": "short"}, "This is no signing secret"),
        ({"bot_token": ""}, "This is no bot token"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(server, ana, given, said):
    answer = ana.post("/slack/", GOOD | given)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert f'id="{next(iter(given))}-error"' in answer.content.decode()
    assert not SlackConnection.objects.exists()


def test_slack_being_down_is_said(server, ana):
    server.status = 503
    assert ana.post("/slack/", GOOD).status_code == 422
    server.status = 200
    assert ana.post("/slack/", GOOD).status_code == 302


def test_a_team_has_one_workspace(cast, server, ana):
    with scoped(cast.globex.pk):
        connections.connect(bot_token=TOKEN, signing_secret=SECRET, by=factories.actor(cast.gil))
    answer = ana.post("/slack/", GOOD)
    assert answer.status_code == 422
    assert "Another workspace" in answer.content.decode()


def test_a_team_that_another_workspace_is_leaving_is_free(cast, server, ana):
    with scoped(cast.globex.pk):
        left = connections.connect(bot_token=TOKEN, signing_secret=SECRET, by=factories.actor(cast.gil))
        SlackMessage.objects.create(subject=uuid7(), member=cast.gil, channel="D1", ts="1.1")
        connections.disconnect(by=factories.actor(cast.gil))
        assert connections.left() == left
    assert ana.post("/slack/", GOOD).status_code == 302
    assert SlackConnection.unscoped.get().workspace_id == cast.acme.pk
    assert not SlackMessage.unscoped.exists()


def test_a_key_needs_to_be_granted_it(cast, server, ana):
    _, weak = factories.api_key(cast.ana)
    headers = {"Authorization": f"Bearer {weak}"}
    assert Client().post("/slack/", GOOD, headers=headers).status_code == 403
    assert not SlackConnection.objects.exists()
    ana.post("/slack/", GOOD)
    assert Client().post("/slack/disconnect", headers=headers).status_code == 403
    assert SlackConnection.objects.exists()


@pytest.mark.parametrize("name", ["bo", "cleo", "dev"])
def test_others_may_not(cast, server, name):
    client = Client()
    client.force_login(getattr(cast, name).user)
    assert client.get("/slack/").status_code == 403
    assert client.post("/slack/", GOOD).status_code == 403
    assert client.post("/slack/disconnect").status_code == 403


def test_the_manifest_fits_the_installation():
    made = manifest("https://flow.example.com")
    assert made["settings"]["interactivity"]["request_url"] == "https://flow.example.com/slack/events"
    assert "request_url" not in manifest("http://localhost", socket_mode=True)["settings"]["interactivity"]
    assert made["oauth_config"]["scopes"]["bot"] == ["chat:write", "im:write", "users:read", "users:read.email"]
