"""What people press in Slack: a button decides at once, or opens a dialog for the reason or the form, which then does.

It ends in `decide`, like every channel. Slack is answered when that is committed; what else there is to say (you may
not, somebody was first, link your account) goes out through the outbox, so that a slow Slack delays no answer.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from math import inf
from typing import Any, Final
from uuid import UUID

from django.db import OperationalError, connection, transaction
from slack_sdk.errors import SlackClientError

from approvals import queries
from approvals.actions import deciding, eligibility
from approvals.actions.channels import asides, dialogs, question, showing
from approvals.actions.channels.dialogs import Sent
from approvals.actions.filling import Answer
from approvals.queries import PromptView
from approvals.states import PromptNotFound, PromptStatus, Refused
from flowapp.integrations import outbox, slack
from flowapp.integrations.slack import Interaction
from flowapp.integrations.slack.bolt import pressed, submitted
from flowapp.tenancy import queries as tenancy
from flowapp.tenancy.models import Member

CHANNEL: Final = "slack"
_PATIENCE: Final = 1.5  # seconds, for all the locks of a press; Slack gives up after three
_STEP: Final = 0.05  # seconds that go by before the database is told how many are left
_LEAST: Final = 0.001  # to PostgreSQL 0 is for ever
_LOCKED: Final = "55P03"
_MARKS: Final = ("SAVEPOINT", "ROLLBACK", "RELEASE")


class Busy(Refused):
    """This prompt is just being changed, so nothing was decided. Try again in a moment."""


@pressed(showing.PRESS)
def on_button(done: Interaction) -> None:
    """Decide, or ask for the reason or the form first."""
    asked = json.loads(done.body["actions"][0]["value"])
    stands = done.body.get("container", {})
    asked |= {"channel": stands.get("channel_id", ""), "ts": stands.get("message_ts", "")}
    member = slack.people.member_of(done.user)
    if member is None:
        asides.say(done, asked, asides.who_are_you(done))
        return
    view = _view(asked)
    if view is not None and _is_open(view, asked, member) and dialogs.wanted(view, asked["outcome"]):
        _open(done, view, asked)
        return
    try:
        _decide(asked, member, Answer(asked["outcome"], "", asked["version"], None, []))
    except Refused as refused:
        asides.say(done, asked, str(refused))


@submitted(dialogs.ANSWER)
def on_dialog(done: Interaction) -> dict[str, Any] | None:
    """Decide with what was put in. A refusal is said in the dialog, which keeps what was typed."""
    sent = Sent.of(done.body["view"])
    member = slack.people.member_of(done.user)
    if member is None:
        return dialogs.refused(None, sent, Refused(asides.who_are_you(done)))
    view = _view(sent.asked)
    try:
        if view is not None and _is_open(view, sent.asked, member):
            answer = sent.answer(view)
            answer.check(view)
            if review := dialogs.again(view, sent, answer):
                return review
        else:  # nothing to correct where it cannot count: deciding says why, and notes the attempt
            answer = Answer(sent.asked["outcome"], sent.reasoning, sent.asked["version"], None, [])
        _decide(sent.asked, member, answer)
    except Refused as refused:
        return dialogs.refused(view, sent, refused)
    return None


def _view(asked: dict[str, Any]) -> PromptView | None:
    try:
        return queries.prompt_detail(UUID(asked["prompt"]))
    except PromptNotFound:
        return None


def _is_open(view: PromptView, asked: dict[str, Any], member: Member) -> bool:
    """Whether an answer of theirs to the question that was pressed may count, through Slack."""
    return (
        view.status == PromptStatus.PENDING
        and view.version == asked["version"]
        and not question.elsewhere(view)
        and eligibility.why_not(view.id, by=tenancy.actor_for(member)) is None
    )


def _decide(asked: dict[str, Any], member: Member, answer: Answer) -> None:
    """Decide as the member, and have the message shown again. Raises Refused, of which Busy has changed nothing."""
    try:
        with transaction.atomic(), _hurried():
            refused = _refusal(asked, member, answer)
            asides.show_again(asked, member)
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") != _LOCKED:
            raise
        raise Busy from None
    if refused is not None:  # after the commit, which keeps what was noted of it
        raise refused


def _refusal(asked: dict[str, Any], member: Member, answer: Answer) -> Refused | None:
    try:
        deciding.decide(
            UUID(asked["prompt"]),
            by=tenancy.actor_for(member),
            outcome=answer.outcome,
            reasoning=answer.reasoning,
            data=answer.data,
            version=answer.counts_on,
            channel=CHANNEL,
        )
    except Refused as refused:
        return refused
    return None


@contextmanager
def _hurried() -> Iterator[None]:
    """Wait for locks, one after the other, only as long as Slack waits for us."""
    if connection.vendor != "postgresql":
        yield
        return
    end, allowed = time.monotonic() + _PATIENCE, inf

    def within(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Mapping[str, Any]) -> Any:
        nonlocal allowed
        if sql.startswith(_MARKS):
            # Going back undoes what was told since, and in a transaction that failed nothing else is heard before it.
            allowed = inf if sql.startswith("ROLLBACK") else allowed
            return execute(sql, params, many, context)
        left = max(end - time.monotonic(), _LEAST)
        if allowed - left >= _STEP:
            allowed = left
            execute(f"SET LOCAL lock_timeout = {left * 1000:.0f}", None, False, context)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(within):
        yield


def _open(done: Interaction, view: PromptView, asked: dict[str, Any]) -> None:
    if not dialogs.fits(view):
        asides.say(done, asked, "Its form does not fit into Slack. Open the page to answer.")
        return
    dialog = dialogs.opened(view, asked)
    outbox.let_go()
    try:
        done.slack.views_open(trigger_id=done.body["trigger_id"], view=dialog)
    except (SlackClientError, OSError):
        asides.say(done, asked, "Slack could not open the dialog. Press the button again, or open the page.")
