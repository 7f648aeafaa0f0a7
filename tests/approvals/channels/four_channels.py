"""The same answer through each channel: read the question there, and later answer what was read.

`read` happens before a case's event, `send` after it; what comes back is what the person was told.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from django.http import HttpResponse
from django.test import Client
from django.test.html import Element, parse_html

from approvals.actions.channels import links
from approvals.models import Prompt
from flowapp.engine import clock
from flowapp.integrations import delivery
from flowapp.integrations.models import SlackUser
from flowapp.tenancy.models import Member
from tests import factories
from tests.slack_server import Message, SlackServer, pressed, submitted

SIGN_IN = 401
_SPEAKS = {("role", "alert"), ("role", "status")}


@dataclass(frozen=True)
class Told:
    """What came back: the HTTP status, where the channel has one that says something, and the words."""

    status: int | None
    text: str

    @property
    def refused(self) -> bool:
        return self.status is None or self.status >= 400


@dataclass(frozen=True)
class Filled:
    """What was filled in: as data, as a page's form posts it, and as Slack's dialog has it, by label."""

    data: Any
    typed: dict[str, Any]
    put: dict[str, Any]

    @classmethod
    def of(cls, data: dict[str, Any], put: dict[str, str]) -> "Filled":
        """An object whose every field is a field of the form."""
        return cls(data, {f"data.{name}": str(value) for name, value in data.items()}, put)


class Send(Protocol):
    """Send an answer with its reason, and with what was filled in."""

    def __call__(self, outcome: str, reason: str, filled: Filled | None = None) -> Told: ...


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

        def send(outcome: str, reason: str, filled: Filled | None = None) -> Told:
            form = {"outcome": outcome, "reasoning": reason, "version": version, **_typed(filled)}
            path = f"/inbox/{prompt.pk}/decide"
            answer = client.post(path, form)
            if answer.context and (review := (answer.context["selected"] or {}).get("review")):
                answer = client.post(path, _confirmed(review))
            signed_out = "/login/" in answer.get("Location", "")
            return Told(SIGN_IN if signed_out else answer.status_code, _said(answer.content))

        return send


@dataclass
class Rest:
    name = "api"

    def read(self, prompt: Prompt, member: Member) -> Send:
        version, key = prompt.version, factories.api_key(member, "approvals:decide")[1]

        def send(outcome: str, reason: str, filled: Filled | None = None) -> Told:
            data = {"data": filled.data} if filled else {}
            answer = Client().post(
                f"/v1/prompts/{prompt.pk}/complete",
                {"outcome": outcome, "reasoning": reason, "version": version, **data},
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

        def send(outcome: str, reason: str, filled: Filled | None = None) -> Told:
            answer = Client().post(path, {"outcome": outcome, "reasoning": reason, **_typed(filled)})
            if answer.context and (review := answer.context.get("review")):
                answer = Client().post(path, _confirmed(review))
            return Told(answer.status_code, _said(answer.content))

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

        def send(outcome: str, reason: str, filled: Filled | None = None) -> Told:
            value = json.dumps({"prompt": str(prompt.pk), "outcome": outcome, "version": version})
            button: dict[str, Any] = {"type": "button", "action_id": f"prompt.decide:{outcome}", "value": value}
            asides, dialogs = len(self.server.asides), len(self.server.dialogs)
            assert self.call(pressed(message, button, user)).status_code == 200
            if len(self.server.dialogs) > dialogs:
                return self._submit(self.server.dialogs[-1], user, reason, filled.put if filled else {})
            delivery.deliver("slack-aside")
            told = self.server.asides[asides:]
            return Told(None, told[-1]["text"]) if told else Told(200, "")

        return send

    def _submit(self, dialog: dict[str, Any], user: str, reason: str, put: dict[str, Any]) -> Told:
        """Send the dialog, and what it is shown as once more, if it is."""
        answer = self.call(submitted(dialog, user, reason, put=put))
        said = json.loads(answer.content) if answer.content else {}
        if said.get("response_action") == "update":
            return self._submit(said["view"], user, reason, {})
        return Told(None, " ".join(said["errors"].values())) if said else Told(200, "")


def _said(page: bytes) -> str:
    """What an alert or a status on a page says; the rest of it may hold the same words by chance."""

    def texts(node: Element | str, speaks: bool) -> Iterator[str]:
        if isinstance(node, str):
            yield from [node] if speaks else []
            return
        speaks = speaks or not _SPEAKS.isdisjoint(node.attributes)
        for child in node.children:
            yield from texts(child, speaks)

    return " ".join(texts(parse_html(page.decode()), False))


def _typed(filled: Filled | None) -> dict[str, Any]:
    return {"filled": "1", **filled.typed} if filled else {}


def _confirmed(review: dict[str, Any]) -> dict[str, Any]:
    """What the step before an edit counts posts: all of it again."""
    kept: dict[str, Any] = {"confirmed": "1"}
    for name, value in review["kept"]:
        kept.setdefault(name, []).append(value)
    return kept
