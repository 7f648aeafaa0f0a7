"""The notifications page: what was chosen holds, the daily mail comes at its hour, bad input is said at its field."""

from datetime import UTC, datetime

import pytest
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from approvals import actions
from approvals.actions import telling
from approvals.actions.channels import mailing
from approvals.models import Notice, NotificationSettings
from approvals.policies.notices import Wishes
from flowapp.audit.models import AuditEntry
from flowapp.engine import clock
from flowapp.integrations import delivery, outbox
from flowapp.tenancy.models import Role
from flowapp.tenancy.scope import scoped
from tests import factories
from tests.approvals.channels import mails
from tests.approvals.making import ask, decide

BO = "bo@example.com"
PLAIN = {"digest_hour": "8", "zone": "UTC"}


@pytest.fixture
def bo(cast):
    client = Client()
    client.force_login(cast.bo.user)
    return client


def choose(client, **choices):
    return client.post(
        "/notifications/", {**PLAIN, **{name.replace("_", "."): value for name, value in choices.items()}}
    )


def test_the_page_shows_the_defaults_and_keeps_what_is_chosen(cast, bo):
    page = bo.get("/notifications/").content.decode()
    assert page.count('<option value="now" selected>') == 14
    answer = bo.post(
        "/notifications/", {**PLAIN, "asked.email": "never", "group.email": "daily", "zone": "Europe/Berlin"}
    )
    assert answer.status_code == 302
    page = bo.get("/notifications/").content.decode()
    assert page.count('<option value="now" selected>') == 12
    assert 'value="Europe/Berlin"' in page
    assert AuditEntry.objects.get(verb="notifications.chosen").actor_label == "Bo"


def test_one_persons_choices_are_nobody_elses(cast, bo):
    choose(bo, asked_email="never")
    cleo = Client()
    cleo.force_login(cast.cleo.user)
    assert cleo.get("/notifications/").content.decode().count('<option value="now" selected>') == 14


@pytest.mark.parametrize(
    ("given", "field"),
    [({"zone": "Mars/Base"}, "zone"), ({"digest_hour": "25"}, "digest-hour"), ({"digest_hour": "x"}, "digest-hour")],
)
def test_bad_input_is_said_at_its_field_and_the_rest_stays(cast, bo, given, field):
    answer = bo.post("/notifications/", {**PLAIN, "asked.email": "never", **given})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert f'id="{field}-error"' in page
    assert page.count('<option value="never" selected>') == 1
    assert not NotificationSettings.objects.exists()


def test_values_that_are_not_offered_are_left_out(cast, bo):
    choose(bo, asked_email="hourly", asked_slack="daily", other_email="now")
    assert NotificationSettings.objects.get().choices == {}


def test_never_is_never(dispatcher, cast, slack, bo, deliver):
    choose(bo, asked_email="never", asked_slack="never")
    ask()
    deliver()
    assert mail.outbox == []
    assert slack.messages == {}


def test_the_daily_mail_comes_once_at_its_hour(dispatcher, cast, bo, deliver):
    choose(bo, asked_email="daily", decided_email="daily")
    for title in ("Pay for the train?", "Pay for the hotel?", "Pay for the boat?"):
        _, prompt = ask(title=title)
    decide(prompt, cast.bo)
    deliver()
    assert mails.to(BO) == []
    clock.shift("24h")
    dispatcher.sweep()
    deliver()
    (digest,) = mails.to(BO)
    assert digest.subject == "Your day in Flowapp: 2 to decide"
    for part in map(str, (digest.body, digest.alternatives[0][0])):
        assert "Pay for the train?" in part
        assert "Pay for the boat?" not in part
        assert "/inbox/" in part
    assert not Notice.objects.exists()
    clock.shift("24h")
    dispatcher.sweep()
    deliver()
    assert len(mails.to(BO)) == 1


def test_the_daily_mail_lists_only_what_still_waits_for_its_reader(dispatcher, cast, bo, deliver):
    choose(bo, asked_email="daily")
    both = ["user:bo@example.com", "user:ana@example.com"]
    prompts = [ask(title=f"{name}?", assign=both, quorum=2)[1] for name in ("Rome", "Oslo", "Bonn")]
    deliver()
    decide(prompts[0], cast.bo)
    actions.reassign(prompts[1].pk, to=["role:owner"], by=factories.actor(cast.ana), channel="web")
    clock.shift("24h")
    dispatcher.sweep()
    deliver()
    (digest,) = mails.to(BO)
    assert digest.subject == "Your day in Flowapp: 1 to decide"
    assert [name for name in ("Rome?", "Oslo?", "Bonn?") if name in str(digest.body)] == ["Bonn?"]


def test_the_hour_is_the_readers_own():
    wishes = Wishes({}, 8, "Europe/Berlin")
    winter = datetime(2026, 1, 5, 6, 30, tzinfo=UTC)
    assert wishes.next_digest(winter).astimezone(UTC) == datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
    before_summer = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)
    assert wishes.next_digest(before_summer).astimezone(UTC) == datetime(2026, 3, 29, 6, 0, tzinfo=UTC)


def test_strangers_and_keys_have_no_page(cast):
    assert Client().get("/notifications/").status_code == 302
    key = factories.api_key()[1]
    assert Client().get("/notifications/", headers={"Authorization": f"Bearer {key}"}).status_code == 403


def test_asking_many_costs_little_for_each(dispatcher, cast, deliver):
    with scoped(cast.acme.pk):
        for number in range(8):
            factories.member(f"Manager {number}", Role.MANAGER)
    ask(assign="role:manager")
    with CaptureQueriesContext(connection) as queries:
        deliver()
    assert len(mail.outbox) == 9
    assert len(queries) < 9 * 45


def test_what_comes_while_the_daily_mail_is_made_is_in_the_next(dispatcher, cast, bo, deliver, monkeypatch):
    choose(bo, asked_email="daily")
    first, second = ask(title="Rome?")[1], ask(title="Oslo?", assign="role:owner")[1]
    deliver()
    put = outbox.put

    def put_and_more(channel, *given, **more):
        if channel == "email":
            Notice.objects.create(member=cast.bo, prompt=second, kind="asked", at=clock.now())
        return put(channel, *given, **more)

    monkeypatch.setattr(outbox, "put", put_and_more)
    clock.shift("24h")
    dispatcher.sweep()
    assert list(Notice.objects.values_list("prompt", flat=True)) == [second.pk]
    deliver()
    assert first.title in str(mails.to(BO)[-1].body)


def test_who_has_it_already_is_found_in_one_query(dispatcher, cast, deliver):
    counts = []
    for number in (2, 8):
        for one in range(number):
            factories.member(f"Reviewer {number} {one}", Role.REVIEWER)
        _, prompt = ask(assign="role:reviewer", remind="1h")
        deliver()
        with CaptureQueriesContext(connection) as read:
            telling.tell(prompt, telling.News.ASKED)
            delivery.deliver(telling.CHANNEL)
        counts.append(sum("signedlink" in one["sql"] or "_decision" in one["sql"] for one in read.captured_queries))
    assert counts == [2, 2]


def test_a_long_day_is_one_short_mail(dispatcher, cast, bo, deliver, monkeypatch):
    monkeypatch.setattr(mailing, "_MOST_LISTED", 2)
    choose(bo, asked_email="daily", reminder_email="daily")
    for city in ("Rome?", "Oslo?", "Bonn?"):
        ask(title=city, remind="1h")
    deliver()
    clock.shift("2h")
    dispatcher.sweep()
    deliver()
    assert Notice.objects.count() == 6
    clock.shift("24h")
    dispatcher.sweep()
    deliver()
    (digest,) = mails.to(BO)
    assert digest.subject == "Your day in Flowapp: 3 to decide"
    for part in map(str, (digest.body, digest.alternatives[0][0])):
        assert part.count("Rome?") == part.count("Oslo?") == part.count("and 1 more") == 1
        assert "Bonn?" not in part
