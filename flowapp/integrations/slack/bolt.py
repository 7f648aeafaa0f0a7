"""Bolt, which checks Slack's signatures and hands what people press to whoever registered for it.

A room registers `@pressed("prompt.decide")` or `@submitted("prompt.reason")`; its function runs in the workspace's
scope, and what it raises is a bug. It has committed by the time that Slack is answered.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, cast
from urllib.parse import parse_qs

from slack_bolt import Ack, App, BoltContext
from slack_bolt.authorization import AuthorizeResult
from slack_sdk import WebClient

from flowapp.audit.origin import Origin, coming_from
from flowapp.integrations.slack import connections
from flowapp.integrations.slack.client import client
from flowapp.integrations.slack_tables import SlackConnection
from flowapp.tenancy.ids import uuid7
from flowapp.tenancy.scope import scoped

logger = logging.getLogger("flowapp.integrations")
_AT_ONCE = 1.5  # seconds for a call that Slack's own three seconds include
_TEAM = re.compile(r"[A-Z0-9]{1,40}")


@dataclass(frozen=True, slots=True)
class Interaction:
    """What somebody did in Slack: `body` as Slack sent it, `slack` to open a dialog with at once."""

    connection: SlackConnection
    body: dict[str, Any]
    slack: WebClient

    @property
    def user(self) -> str:
        """The Slack account."""
        return str(self.body["user"]["id"])

    @property
    def user_name(self) -> str:
        """What that account is called in Slack."""
        return str(self.body["user"].get("name") or self.body["user"].get("username") or self.user)


type Pressed = Callable[[Interaction], None]
type Submitted = Callable[[Interaction], dict[str, Any] | None]
_pressed: dict[str, Pressed] = {}
_submitted: dict[str, Submitted] = {}


def pressed(action_id: str) -> Callable[[Pressed], Pressed]:
    """Register what a button does; its action id is this, or this with a colon and more behind it."""

    def decorate(function: Pressed) -> Pressed:
        _pressed[action_id] = function
        return function

    return decorate


def submitted(callback_id: str) -> Callable[[Submitted], Submitted]:
    """Register what sending a dialog does; it may return what Slack is to be answered, such as errors at fields."""

    def decorate(function: Submitted) -> Submitted:
        _submitted[callback_id] = function
        return function

    return decorate


def named_team(body: bytes) -> str:
    """The team that a call of Slack's says it is from, before its signature proves it; empty when it names none."""
    try:
        payload = json.loads(parse_qs(body.decode())["payload"][0])
        named = str((payload.get("team") or {}).get("id") or payload["user"]["team_id"])
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
        return ""
    return named if _TEAM.fullmatch(named) else ""


def app_of(connected: SlackConnection) -> App:
    """The app that hears one team's calls over HTTP."""
    return _app(lambda _: connected, signing_secret=connections.signing_secret(connected))


def app_of_all_teams() -> App:
    """The app of Socket Mode: one connection for all teams, proven by its token instead of by signatures."""
    return _app(connections.of_team, signing_secret="")


def _app(find: Callable[[str], SlackConnection | None], *, signing_secret: str) -> App:
    app = App(
        name="flowapp",
        logger=logger,
        signing_secret=signing_secret,
        authorize=cast("Callable[..., AuthorizeResult]", partial(_authorize, find)),  # None refuses, says Bolt
        client=client(timeout=_AT_ONCE),
        process_before_response=True,  # the answer says that it is committed
        request_verification_enabled=bool(signing_secret),
    )
    for action_id, act in _pressed.items():
        app.action(re.compile(rf"{re.escape(action_id)}(:.*)?"))(partial(_press, act))
    for callback_id, take in _submitted.items():
        app.view(callback_id)(partial(_submit, take))
    app.action(re.compile(".*"))(_nothing)  # a link that is a button: Slack tells us, and wants to be answered
    return app


def _authorize(
    find: Callable[[str], SlackConnection | None], context: BoltContext, team_id: str | None, **_: Any
) -> AuthorizeResult | None:
    connected = find(team_id or "")
    if connected is None:
        return None
    context["connection"] = connected
    return AuthorizeResult(
        enterprise_id=context.enterprise_id,
        team_id=connected.team_id,
        bot_token=connections.bot_token(connected),
        bot_id=connected.bot_id,
        bot_user_id=connected.bot_user_id,
    )


def _press(function: Pressed, ack: Ack, context: BoltContext, body: dict[str, Any], client: WebClient) -> None:
    connected: SlackConnection = context["connection"]
    with scoped(connected.workspace_id), coming_from(Origin("slack", str(uuid7()))):
        function(Interaction(connected, body, client))
    ack()


def _submit(function: Submitted, ack: Ack, context: BoltContext, body: dict[str, Any], client: WebClient) -> None:
    connected: SlackConnection = context["connection"]
    with scoped(connected.workspace_id), coming_from(Origin("slack", str(uuid7()))):
        answer = function(Interaction(connected, body, client))
    ack(**(answer or {}))


def _nothing(ack: Ack) -> None:
    ack()
