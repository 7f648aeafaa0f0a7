"""The same answer through each channel: read the question there, and later answer what was read.

`read` happens before a case's event, `send` after it; what comes back is what the person was told.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from django.http import HttpResponse
from django.test import Client

from approvals.actions.channels import links
from approvals.models import Prompt
from flowapp.engine import clock
from flowapp.integrations import delivery
from flowapp.integrations.models import SlackUser
from flowapp.tenancy.models import Member
from tests import factories
from tests.slack_server import Message, SlackServer, pressed, submitted

SIGN_IN = 401


@dataclass(frozen=True)
class Told:
    """What came back: the HTTP status, where the channel has one that says something, and the words."""

    status: int | None
    text: str

    @property
    def refused(self) -> bool:
        return self.status is None or self.status >= 400


type Send = Callable[[str, str], Told]  # outcome and reason


class Channel(Protocol):
    """A way to answer."""

    name: str

    def read(self, prompt: Prompt, member: Member) -> Send:
        """Read the prompt as it is now."""


@dataclass
class Web:
    name = "web"

    def read(self, prompt: Prompt, member: Member) -> Send:
        version, client = prompt.version, Client()
        client.force_login(member.user)

        def send(outcome: str, reason: str) -> Told:
            form = {"outcome": outcome, "reasoning": reason, "version": version}
            answer = client.post(f"/inbox/{prompt.pk}/decide", form)
            signed_out = "/login/" in answer.get("Location", "")
            return Told(SIGN_IN if signed_out else answer.status_code, answer.content.decode())

        return send


@dataclass
class Rest:
    name = "api"

    def read(self, prompt: Prompt, member: Member) -> Send:
        version, key = prompt.version, factories.api_key(member, "approvals:decide")[1]

        def send(outcome: str, reason: str) -> Told:
            answer = Client().post(
                f"/v1/prompts/{prompt.pk}/complete",
                {"outcome": outcome, "reasoning": reason, "version": version},
                content_type="application/json",
                headers={"Authorization": f"Bearer {key}"},
            )
            return Told(answer.status_code, answer.content.decode())

        return send


@dataclass
class Mail:
    name = "email"

    def read(self, prompt: Prompt, member: Member) -> Send:
        # Issued here and not taken from the mail, which those who may not answer do not get.
        link = links.issue(prompt, member)
        path = links.address(link, link.serial).partition("8288")[2]
        assert Client().get(path).status_code == 200

        def send(outcome: str, reason: str) -> Told:
            answer = Client().post(path, {"outcome": outcome, "reasoning": reason})
            return Told(answer.status_code, answer.content.decode())

        return send


@dataclass
class Slack:
    server: SlackServer
    call: Callable[..., HttpResponse]
    name = "slack"

    def read(self, prompt: Prompt, member: Member) -> Send:
        # The button is made here: those who may not answer have none, so this one is forged, or of an old message.
        user = f"U0{member.user.name.upper()}"
        linked = {"slack_id": user, "by_email": True, "linked_at": clock.now()}
        SlackUser.objects.get_or_create(member=member, defaults=linked)
        message, version = Message(f"D{user}", "1700000000.000001", "", []), prompt.version

        def send(outcome: str, reason: str) -> Told:
            value = json.dumps({"prompt": str(prompt.pk), "outcome": outcome, "version": version})
            button: dict[str, Any] = {"type": "button", "action_id": f"prompt.decide:{outcome}", "value": value}
            asides, dialogs = len(self.server.asides), len(self.server.dialogs)
            assert self.call(pressed(message, button, user)).status_code == 200
            if len(self.server.dialogs) > dialogs:
                answer = self.call(submitted(self.server.dialogs[-1], user, reason))
                return (
                    Told(None, " ".join(json.loads(answer.content)["errors"].values()))
                    if answer.content
                    else Told(200, "")
                )
            delivery.deliver("slack-aside")
            told = self.server.asides[asides:]
            return Told(None, told[-1]["text"]) if told else Told(200, "")

        return send
