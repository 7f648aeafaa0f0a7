"""Without Redis: what other processes did to prompts is found in the database, by one index."""

import pytest
from django.db import connection

from approvals import actions, queries
from approvals.models import Prompt
from flowapp.engine import clock
from flowapp.http.hints import Hint
from flowapp.http.polling import Watch
from tests import factories
from tests.approvals.making import ask, decide


def hints(watch, cast):
    found = watch.look([cast.acme.pk, cast.globex.pk], clock.now())
    return [hint for hint in found if hint.topic == "inbox" and hint.key]


@pytest.fixture
def prompt(dispatcher, cast):
    return ask(assign=["role:manager", "role:owner"], quorum=2)[1]


def changes(prompt, cast):
    ana, bo = factories.actor(cast.ana), factories.actor(cast.bo)
    yield lambda: actions.claim(prompt.pk, by=bo, channel="web")
    yield lambda: actions.release(prompt.pk, by=bo, channel="web")
    yield lambda: decide(prompt, cast.bo)
    yield lambda: actions.rescind(prompt.pk, by=bo, channel="web")
    yield lambda: decide(prompt, ana, "deny")


def test_each_change_is_told_once_and_only_to_its_workspace(prompt, cast):
    watch = Watch(clock.now())
    expected = [Hint(cast.acme.pk, "inbox", str(prompt.pk))]
    assert hints(watch, cast) == expected
    for change in changes(prompt, cast):
        assert hints(watch, cast) == []
        clock.shift("1s")
        change()
        assert hints(watch, cast) == expected


def test_it_reads_one_index(prompt, cast):
    plan = Prompt.objects.filter(updated_at__gte=clock.now()).order_by().values_list("pk", "updated_at").explain()
    assert connection.vendor != "sqlite" or "prompt_changed" in plan


def test_only_what_is_recent(prompt, cast):
    at = clock.now()
    clock.shift("1m")
    assert [pk for pk, _ in queries.changed_since(at.replace(year=at.year - 1))] == [prompt.pk]
    assert list(queries.changed_since(clock.now())) == []
