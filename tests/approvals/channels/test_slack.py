"""Slack, through the real slack_bolt and slack_sdk: buttons that decide once, and none left when it is over."""

import threading
import time
from contextlib import closing
from datetime import timedelta

import pytest
from django.db import DataError, connection, transaction
from django.test import Client
from slack_sdk import WebClient

from approvals import actions
from approvals.actions.channels import pressing, showing
from approvals.models import Decision, Prompt
from flowapp.engine import clock, runs
from flowapp.engine.models import Run
from flowapp.integrations.models import OutboxMessage, SlackConnection, SlackMessage, SlackUser
from flowapp.integrations.slack import connections as slack_connections
from flowapp.integrations.slack import leaving
from flowapp.tenancy.scope import scoped
from tests import factories
from tests.approvals.channels.four_channels import Mail, Rest, Web
from tests.approvals.making import ask, decide
from tests.slack_server import SECRET, TOKEN, pressed, signed, submitted

BO, ANA = "bo@example.com", "ana@example.com"
BOTH = [f"user:{BO}", f"user:{ANA}"]


@pytest.fixture
def asked(dispatcher, slack, deliver):
    def asked(**options):
        _, prompt = ask(**options)
        deliver()
        (message,) = slack.of(BO)
        return prompt, message

    return asked


def test_the_message_holds_the_question_and_a_button_for_each_outcome(dispatcher, cast, slack, deliver):
    ask(by=factories.actor(cast.cleo), title="Pay for the train?", data={"to": "Rome <!here>", "token": "hush"})
    deliver()
    (message,) = slack.of(BO)
    assert message.words.startswith("Cleo asks: Pay for the train?")
    assert "To: Rome <!here>" in message.words
    assert "hush" not in message.words
    assert all(block["text"]["type"] == "plain_text" for block in message.blocks if "text" in block)
    assert list(message.buttons) == ["Approve", "Deny…"]


def test_a_button_decides_and_leaves_no_button(asked, cast, slack, call, deliver):
    _, message = asked(assign=BOTH)
    assert len(slack.of(ANA)) == 1
    began = time.monotonic()
    assert call(pressed(message, message.buttons["Approve"], "U0BO")).status_code == 200
    assert time.monotonic() - began < 3
    decision = Decision.objects.get()
    assert (decision.outcome, decision.member_id, decision.channel) == ("approve", cast.bo.pk, "slack")
    deliver()
    assert slack.live_buttons() == []
    assert "Bo decided “Approve”" in slack.of(ANA)[0].words
    assert "in Slack" in message.words


def test_pressing_again_does_nothing(asked, slack, call, deliver):
    _, message = asked()
    payload = pressed(message, message.buttons["Approve"], "U0BO")
    for _ in range(3):
        assert call(payload).status_code == 200
    deliver()
    assert Decision.objects.count() == 1
    assert slack.asides == []


def test_a_denial_opens_a_dialog_for_its_reason(asked, slack, call, deliver):
    _, message = asked()
    assert call(pressed(message, message.buttons["Deny…"], "U0BO")).status_code == 200
    (dialog,) = slack.dialogs
    assert not Decision.objects.exists()
    empty = call(submitted(dialog, "U0BO", " "))
    assert empty.json()["errors"]["reason"].startswith("Say why")
    assert call(submitted(dialog, "U0BO", "no budget")).content == b""
    assert (Decision.objects.get().outcome, Decision.objects.get().reasoning) == ("deny", "no budget")
    deliver()
    assert slack.live_buttons() == []


def test_the_second_is_told_who_was_first(asked, cast, slack, call, deliver):
    prompt, message = asked(assign=BOTH)
    buttons = message.buttons
    decide(prompt, cast.ana, "deny", reasoning="no")
    call(pressed(message, buttons["Approve"], "U0BO"))
    deliver()
    (aside,) = slack.asides
    assert aside["text"].startswith("Already decided: deny by ana@example.com")
    assert (aside["user"], aside["channel"]) == ("U0BO", message.channel)
    assert slack.live_buttons() == []


def test_a_late_press_brings_a_message_that_missed_the_end_up_to_date_and_no_other(asked, cast, slack, call, deliver):
    prompt, message = asked(assign=BOTH)
    press = pressed(message, message.buttons["Approve"], "U0BO")
    decide(prompt, cast.ana)
    slack.calls.clear()
    call(press)
    deliver()
    assert slack.calls.count("chat.update") == 2  # the end itself; the press adds nothing to it
    SlackMessage.objects.update(live=True)
    clock.shift("2m")
    slack.calls.clear()
    call(press)
    deliver()
    assert slack.calls.count("chat.update") == 1


def test_the_dialog_of_the_second_says_who_was_first(asked, cast, slack, call):
    prompt, message = asked(assign=BOTH)
    call(pressed(message, message.buttons["Deny…"], "U0BO"))
    decide(prompt, cast.ana)
    answer = call(submitted(slack.dialogs[0], "U0BO", "no budget"))
    assert "Already decided" in answer.json()["errors"]["reason"]


@pytest.mark.parametrize("way", ["web", "api", "email", "expiry", "cancelled", "reassigned"])
def test_whatever_ends_it_takes_the_buttons_away(asked, dispatcher, cast, slack, deliver, way):
    prompt, message = asked(timeout="2h", on_timeout="deny")
    if way == "expiry":
        clock.shift("3h")
        dispatcher.sweep()
    elif way == "cancelled":
        runs.cancel(prompt.run_id, by=factories.actor(cast.ana))
    elif way == "reassigned":
        actions.reassign(prompt.pk, to=["group:finance"], by=factories.actor(cast.ana), channel="web")
    else:
        channel = next(one for one in (Web(), Rest(), Mail()) if one.name == way)
        assert not channel.read(prompt, cast.bo)("approve", "").refused
        assert Decision.objects.get().channel == way
    deliver()
    assert message.buttons == {}
    assert list(slack.of("cleo@example.com")[0].buttons if way == "reassigned" else []) == (
        ["Approve", "Deny…"] if way == "reassigned" else []
    )


@pytest.mark.parametrize("options", [{"risk": "high"}, {"step_up": True}, {"type": "edit", "risk": "high"}])
def test_what_a_button_cannot_answer_gets_a_link(dispatcher, cast, slack, call, deliver, options):
    _, prompt = ask(**options)
    deliver()
    (message,) = slack.of(BO)
    assert message.buttons == {}
    assert [one["url"] for one in message.elements] == [f"http://localhost:8288/inbox/{prompt.pk}/"]
    assert call(pressed(message, message.elements[0], "U0BO")).status_code == 200


def test_a_forged_button_cannot_go_around_the_second_factor(asked, slack, call, deliver):
    prompt, message = asked()
    buttons = message.buttons
    prompt.options["step_up"] = True
    prompt.save()
    call(pressed(message, buttons["Approve"], "U0BO"))
    deliver()
    assert "second factor" in slack.asides[0]["text"]
    assert not Decision.objects.exists()


def test_what_does_not_fit_whole_is_decided_elsewhere(dispatcher, cast, slack, deliver):
    ask(data={f"line {number}": number for number in range(60)})
    deliver()
    (message,) = slack.of(BO)
    assert message.buttons == {}
    assert "too long for Slack" in message.words


def test_who_has_voted_sees_so_and_the_others_keep_their_buttons(asked, slack, call, deliver):
    _, message = asked(assign=BOTH, quorum=2)
    call(pressed(message, message.buttons["Approve"], "U0BO"))
    deliver()
    assert "You answered “Approve”" in message.words
    assert message.buttons == {}
    assert list(slack.of(ANA)[0].buttons) == ["Approve", "Deny…"]


locks_rows = pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer, no locks on rows")


@locks_rows
def test_a_held_lock_delays_the_answer_no_longer_than_slack_waits(asked, cast, slack, call, deliver, monkeypatch):
    prompt, message = asked()
    dialog = _dialog(slack, call, message)
    held, done = threading.Event(), threading.Event()

    def hold():
        with scoped(cast.acme.pk), closing(connection), transaction.atomic():
            runs.lock(prompt.run_id)
            held.set()
            done.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(10)
    began = time.monotonic()
    assert call(pressed(message, message.buttons["Approve"], "U0BO")).status_code == 200
    assert time.monotonic() - began < 3
    monkeypatch.setattr(pressing, "_PATIENCE", 0.05)
    assert "Try again in a moment" in call(submitted(dialog, "U0BO", "no budget")).json()["errors"]["reason"]
    done.set()
    holder.join()
    assert not Decision.objects.exists()
    deliver()
    assert "Try again in a moment" in slack.asides[0]["text"]
    call(submitted(dialog, "U0BO", "no budget"))
    assert Decision.objects.get().outcome == "deny"


@locks_rows
def test_the_locks_of_one_press_share_its_patience(asked, cast, slack, call, deliver):
    """The run is let go just in time, and then the prompt is held: the second wait gets what the first left."""
    prompt, message = asked()
    held, done = threading.Barrier(3), threading.Event()

    def hold(rows, seconds):
        with scoped(cast.acme.pk), closing(connection), transaction.atomic():
            rows.select_for_update().get()
            held.wait(10)
            done.wait(seconds)

    rows = ((Run.objects.filter(pk=prompt.run_id), 1.2), (Prompt.objects.filter(pk=prompt.pk), 30))
    holders = [threading.Thread(target=hold, args=args) for args in rows]
    for holder in holders:
        holder.start()
    held.wait(10)
    began = time.monotonic()
    call(pressed(message, message.buttons["Approve"], "U0BO"))
    took = time.monotonic() - began
    done.set()
    for holder in holders:
        holder.join()
    deliver()
    assert ("Try again in a moment" in slack.asides[0]["text"], Decision.objects.exists()) == (True, False)
    assert took < 1.2 + 1.5  # what it takes to wait for each by itself


@locks_rows
def test_a_failure_within_a_press_leaves_it_its_patience(cast):
    left = []
    with transaction.atomic(), pressing._hurried(), connection.cursor() as cursor:
        for fails in ("SELECT 1 / 0", "SELECT 1 / (pg_sleep(0.06) IS NULL)::int"):
            with pytest.raises(DataError), transaction.atomic():
                cursor.execute(fails)
            cursor.execute("SHOW lock_timeout")
            left.append(int(cursor.fetchone()[0].removesuffix("ms")))
    assert 1000 < left[1] <= left[0] - 60 <= 1440


def test_a_slack_that_opens_no_dialog_is_not_waited_for(asked, slack, call, deliver):
    _, message = asked()
    slack.hang = threading.Event()
    began = time.monotonic()
    assert call(pressed(message, message.buttons["Deny…"], "U0BO")).status_code == 200
    assert time.monotonic() - began < 3
    slack.hang.set()
    deliver()
    assert "could not open the dialog" in slack.asides[0]["text"]


def _dialog(slack, call, message):
    call(pressed(message, message.buttons["Deny…"], "U0BO"))
    return slack.dialogs[-1]


def test_calls_that_slack_did_not_sign_are_refused(asked, call):
    _, message = asked()
    payload = pressed(message, message.buttons["Approve"], "U0BO")
    _, forged = signed(payload, secret="another-secret-altogether")
    _, old = signed(payload, at=time.time() - 600)
    for headers in (forged, old, {}):
        assert call(payload, headers=headers or {"X-None": "1"}).status_code == 401
    strange = pressed(message, message.buttons["Approve"], "U0BO", team="T0OTHER")
    assert call(strange).status_code == 401
    assert Client().get("/slack/events").status_code == 405
    assert not Decision.objects.exists()


def test_a_stranger_is_told_where_to_link_their_account(asked, slack, call, deliver):
    _, message = asked()
    call(pressed(message, message.buttons["Approve"], "U0DEVELOPER"))
    deliver()
    (aside,) = slack.asides
    assert "member ID is U0DEVELOPER" in aside["text"]
    assert aside["text"].endswith("/notifications/")
    assert not Decision.objects.exists()


def test_slack_being_down_or_busy_delays_and_loses_nothing(dispatcher, cast, slack, deliver):
    slack.status = 503
    ask()
    deliver()
    assert slack.messages == {}
    slack.status, slack.retry_after = 429, 120
    clock.shift("1m")
    deliver()
    waiting = OutboxMessage.objects.get(channel="slack")
    assert timedelta(seconds=115) < waiting.due_at - clock.now() < timedelta(seconds=125)
    slack.status, slack.retry_after = 200, 0
    clock.shift("1m")
    deliver()
    assert slack.messages == {}
    clock.shift("2m")
    deliver()
    assert list(slack.of(BO)[0].buttons) == ["Approve", "Deny…"]


def test_a_message_posted_twice_loses_its_buttons_when_pressed(dispatcher, cast, slack, call, deliver):
    slack.lose_answers = True
    ask()
    slack.people[BO] = "U0BO"
    SlackUser.objects.create(member=cast.bo, slack_id="U0BO", by_email=True, linked_at=clock.now())
    deliver()
    slack.lose_answers = False
    clock.shift("3m")
    deliver()
    first = slack.of(BO)[0]
    assert len(slack.of(BO)) == 2
    call(pressed(first, first.buttons["Approve"], "U0BO"))
    deliver()
    assert slack.live_buttons() == []
    assert Decision.objects.count() == 1


@pytest.mark.parametrize("meanwhile", ["shown again", "decided"])
def test_a_message_that_takes_over_a_minute_to_post_is_not_forgotten(
    dispatcher, cast, slack, deliver, monkeypatch, meanwhile
):
    _, prompt = ask()
    post, posted = WebClient.chat_postMessage, []

    def post_slowly(*args, **given):
        answer = post(*args, **given)
        posted.append(answer)
        if len(posted) == 1:  # and before we hear that it stands there, another takes us for lost
            clock.shift("61s")
            if meanwhile == "decided":
                decide(prompt, cast.bo)
            else:
                showing.put_again(prompt.pk, cast.bo)
            deliver()
        return answer

    monkeypatch.setattr(WebClient, "chat_postMessage", post_slowly)
    deliver()
    clock.shift("10s")
    deliver()
    assert len([one for one in slack.of(BO) if one.buttons]) == (meanwhile == "shown again")
    if meanwhile == "shown again":
        decide(prompt, cast.bo)
        deliver()
    assert slack.live_buttons() == []
    assert SlackMessage.objects.get(member=cast.bo).ts in {one.ts for one in slack.of(BO)}


def test_a_message_being_written_is_not_written_by_another(asked, cast, slack, deliver):
    prompt, message = asked()
    SlackMessage.objects.update(busy_until=clock.now() + timedelta(seconds=30))
    actions.reassign(prompt.pk, to=["group:finance"], by=factories.actor(cast.ana), channel="web")
    deliver()
    assert message.buttons
    clock.shift("2m")
    deliver()
    assert message.buttons == {}


def test_a_reminder_rings_beneath_the_message(asked, dispatcher, slack, deliver):
    _, message = asked(remind="1h")
    clock.shift("61m")
    dispatcher.sweep()
    deliver()
    (remark,) = [one for one in slack.messages.values() if one.thread]
    assert (remark.thread, remark.text) == (message.ts, "Still waiting for an answer.")


def test_the_requester_hears_how_it_ended(dispatcher, cast, slack, deliver):
    _, prompt = ask(by=factories.actor(cast.cleo))
    decide(prompt, cast.bo)
    deliver()
    (told,) = slack.of("cleo@example.com")
    assert "Bo decided “Approve”" in told.words


def test_a_team_that_is_left_has_no_live_buttons(asked, cast, slack, call, deliver, monkeypatch):
    monkeypatch.setattr(leaving, "_AT_ONCE", 1)
    _, message = asked(assign=BOTH)
    press = pressed(message, message.buttons["Approve"], "U0BO")
    slack.status = 503
    slack_connections.disconnect(by=factories.actor(cast.ana))
    assert call(press).status_code == 401
    deliver()
    assert len(slack.live_buttons()) == 4
    slack.status = 200
    for _ in range(2):
        clock.shift("1m")
        deliver()
    assert slack.live_buttons() == []
    assert "disconnected" in message.words
    assert not SlackConnection.objects.exists()
    assert not SlackMessage.objects.exists()


@pytest.mark.parametrize("how", ["the token is gone", "it cannot be reached", "connected again"])
def test_leaving_comes_to_an_end(asked, cast, slack, deliver, how):
    asked()
    slack_connections.disconnect(by=factories.actor(cast.ana))
    if how == "connected again":
        slack_connections.connect(bot_token=TOKEN, signing_secret=SECRET, by=factories.actor(cast.ana))
    elif how == "the token is gone":
        slack.revoked = True
    else:
        slack.status = 503
        clock.shift("13h")
    deliver()
    assert SlackConnection.objects.exists() == (how == "connected again")
    assert len(slack.live_buttons()) == 2
