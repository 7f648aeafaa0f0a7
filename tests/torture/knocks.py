"""How each person answers, over HTTP: by form, by API key, by a mail's link, by a button in Slack."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from tests.slack_server import Message, SlackServer, pressed, signed, submitted

FORM = "application/x-www-form-urlencoded"
CSRF = "a" * 32
REASON = "because"
SENT_WITHIN = 20.0  # seconds until the message about an open prompt is out

type Send = Callable[[str], "Answer"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `later`: the rest is said in Slack, when its message is delivered."""

    status: int
    text: str
    later: bool = False


@dataclass
class Person:
    """One who decides, with everything they need to."""

    channel: str
    member: Any
    session: str
    key: str
    slack_id: str
    scripts: bool  # whether their browser runs them: then it asks for the question alone, else for the whole page

    @property
    def email(self) -> str:
        return str(self.member.user.email)

    @property
    def name(self) -> str:
        return str(self.member.user.name)


@dataclass
class Knocks:
    """The four channels."""

    sites: list[str]
    slack: SlackServer

    def read(self, prompt_id: UUID, person: Person) -> Send:
        """Read the question where this person does; what comes back answers it."""
        ways = {"web": self._web, "api": self._api, "slack": self._chat, "email": self._mail}
        return ways[person.channel](prompt_id, person)

    def _web(self, prompt_id: UUID, person: Person) -> Send:
        headers = {"Cookie": f"flowapp_session={person.session}; csrftoken={CSRF}", "X-CSRFToken": CSRF}
        if person.scripts:
            headers |= {"HX-Request": "true", "HX-Target": "detail"}

        def send(outcome: str) -> Answer:
            form = {"reasoning": REASON, "version": 1, "outcome": outcome}
            return self._post(f"/inbox/{prompt_id}/decide", urlencode(form), FORM, headers)

        return send

    def _api(self, prompt_id: UUID, person: Person) -> Send:
        def send(outcome: str) -> Answer:
            body = json.dumps({"outcome": outcome, "reasoning": REASON, "version": 1})
            headers = {"Authorization": f"Bearer {person.key}"}
            return self._post(f"/v1/prompts/{prompt_id}/complete", body, "application/json", headers)

        return send

    def _mail(self, prompt_id: UUID, person: Person) -> Send:
        from approvals.actions.channels import links
        from approvals.models import Prompt, SignedLink

        # The mail's own link, or the one that it would have carried.
        mailed = SignedLink.objects.filter(prompt=prompt_id, member=person.member).first()
        link = mailed or links.issue(Prompt.objects.get(pk=prompt_id), person.member)
        path = urlsplit(links.address(link, link.serial)).path
        headers = {"Cookie": f"csrftoken={CSRF}", "X-CSRFToken": CSRF}
        return lambda outcome: self._post(path, urlencode({"reasoning": REASON, "outcome": outcome}), FORM, headers)

    def _chat(self, prompt_id: UUID, person: Person) -> Send:
        from flowapp.integrations.models import SlackMessage

        message = Message(f"D{person.slack_id}", "1700000000.999999", "", [])
        for row in SlackMessage.objects.filter(subject=prompt_id, member=person.member).exclude(ts=""):
            message = self.slack.messages[row.channel, row.ts]

        def send(outcome: str) -> Answer:
            value = {"prompt": str(prompt_id), "outcome": outcome, "version": 1}
            button = {"type": "button", "action_id": f"prompt.decide:{outcome}", "value": json.dumps(value)}
            first = self._of_slack(pressed(message, button, person.slack_id))
            if first.status == 200 and outcome == "deny" and (dialog := self._dialog(prompt_id, person)):
                second = self._of_slack(submitted(dialog, person.slack_id, REASON))
                refused = "errors" in second.text
                return Answer(409 if refused else second.status, second.text, later=False)
            return Answer(first.status, first.text, later=True)

        return send

    def await_messages(self, prompt_id: UUID, people: Sequence[Person]) -> None:
        """Until those who answer by mail or in Slack can have read of it, or it is over."""
        from approvals.models import Prompt, SignedLink
        from flowapp.integrations.models import SlackMessage

        mailed = SignedLink.objects.filter(prompt=prompt_id)
        posted = SlackMessage.objects.filter(subject=prompt_id).exclude(ts="")
        channels = [person.channel for person in people]
        mails, posts = channels.count("email"), channels.count("slack")
        end = time.monotonic() + SENT_WITHIN
        while (posted.count() < posts or mailed.count() < mails) and time.monotonic() < end:
            if not Prompt.objects.filter(pk=prompt_id, status="pending").exists():
                return
            time.sleep(0.15)

    def _dialog(self, prompt_id: UUID, person: Person) -> Any:
        """The dialog that this press opened: what it was opened for stands in it."""
        found = [one for one in list(self.slack.dialogs) if str(prompt_id) in one["private_metadata"]]
        return next((one for one in found if f"D{person.slack_id}" in one["private_metadata"]), None)

    def _of_slack(self, payload: dict[str, Any]) -> Answer:
        body, headers = signed(payload)
        return self._post("/slack/events", body, FORM, headers)

    def _post(self, path: str, body: str, kind: str, headers: dict[str, str]) -> Answer:
        connection = HTTPConnection(random.choice(self.sites), timeout=60)
        try:
            connection.request("POST", path, body, headers | {"Content-Type": kind})
            answer = connection.getresponse()
            return Answer(answer.status, answer.read().decode())
        finally:
            connection.close()
