"""Whoever asked for a run decides nothing in it where four eyes are wanted, nor does their key ever: in each way."""

from datetime import timedelta

import pytest

from approvals import actions
from approvals.models import Prompt
from approvals.states import NotEligible
from flowapp.engine import clock, models, runs
from flowapp.engine.handle import Run
from flowapp.engine.triggering import events
from flowapp.tenancy import absences
from flowapp.tenancy import queries as tenancy
from flowapp.tenancy.models import Role
from tests import factories
from tests.approvals import flows
from tests.approvals.making import EXPENSE, decide, pending

WAYS = ["direct", "published", "invoke", "start", "start in a step", "event", "event of a batch"]


def started(way, by):
    """The prompt of a run that this actor asked for, in one of the ways."""
    if way == "direct":
        runs.start("wants-another", by=by)
    elif way == "published":
        events.publish("another/wanted", by=by)
    else:
        runs.start("passes-on", way, by=by)
    return Prompt.objects.get(status="pending")


def key_of(member):
    return tenancy.actor_for_key(factories.api_key(member, "approvals:decide")[0])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("through", ["person", "key"])
def test_whoever_asked_is_kept_whatever_starts_the_run(dispatcher, cast, way, through):
    key = key_of(cast.bo)
    prompt = started(way, factories.actor(cast.bo) if through == "person" else key)
    for by in (cast.bo, key):
        with pytest.raises(NotEligible, match="four eyes"):
            decide(prompt, by, channel="api")
    assert decide(prompt, cast.ana).final


def test_a_key_decides_nothing_in_what_its_run_started(dispatcher, cast):
    key = key_of(cast.bo)
    prompt = started("no key", key)
    with pytest.raises(NotEligible, match="This API key started the run"):
        decide(prompt, key, channel="api")
    assert decide(prompt, cast.bo).final


@pytest.mark.parametrize("way", ["direct", "invoke", "start", "event"])
def test_who_forks_a_run_asks_for_it_beside_its_requester(dispatcher, cast, way):
    olga = factories.member("Olga", Role.OWNER)
    key = key_of(cast.ana)
    prompt = started(way, factories.actor(cast.bo))
    decide(prompt, olga)
    origin = Run(prompt.run_id)
    if way != "direct":
        origin = next(one for one in all_runs() if one.detail.workflow == "passes-on")
    fork = runs.fork(origin.id, "review" if way == "direct" else "before", by=key)
    assert fork.detail.requester["label"] == "Bo"
    again = Prompt.objects.get(status="pending")
    for by in (cast.bo, cast.ana, key):
        with pytest.raises(NotEligible, match="four eyes"):
            decide(again, by, channel="api")
    assert decide(again, olga).final


def test_who_forks_a_fork_joins_those_before(dispatcher, cast):
    first = runs.start("wants-another", by=factories.actor(cast.bo))
    decide(Prompt.objects.get(), factories.member("Olga", Role.OWNER))
    for forker in (cast.ana, cast.bo, cast.dev):
        first = runs.fork(first.id, "review", by=factories.actor(forker))
        decide(Prompt.objects.get(status="pending"), factories.member("", Role.OWNER))
    assert [who["label"] for who in first.detail.requester["also"]] == ["Ana", "Dev"]


def test_a_key_that_forked_a_run_decides_nothing_in_the_fork(dispatcher, cast):
    key = key_of(cast.bo)
    first = runs.start("wants-no-key", by=factories.actor(cast.ana))
    decide(Prompt.objects.get(), cast.ana)
    runs.fork(first.id, "review", by=key)
    again = Prompt.objects.get(status="pending")
    with pytest.raises(NotEligible, match="This API key started the run"):
        decide(again, key, channel="api")
    assert decide(again, cast.bo).final


def goes_away(who, substitute):
    now, by = clock.now(), factories.actor(who)
    absences.set_absence(member=who, substitute=substitute, starts_at=now, ends_at=now + timedelta(3), by=by, now=now)


def passes_on(who, to):
    prompt = Prompt.objects.get(status="pending")
    actions.reassign(prompt.pk, to=[f"user:{to.user.email}"], by=factories.actor(who), channel="web")


@pytest.mark.parametrize("quorum", [1, 2])
@pytest.mark.parametrize("leaves", [goes_away, passes_on])
def test_in_whose_place_an_earlier_prompt_was_answered_answers_no_later_one(dispatcher, cast, leaves, quorum):
    run = flows.asks_another.start(quorum)
    leaves(cast.dev, cast.cleo)
    decide(pending(run), cast.cleo)
    if quorum == 2:
        decide(pending(run), cast.ana)
    with pytest.raises(NotEligible):
        decide(pending(run), cast.dev)
    decide(pending(run), factories.member("Olga", Role.OWNER))
    assert run.output == "olga@example.com"


def test_nor_who_left_after_somebody_stood_in_for_them(dispatcher, cast):
    run = flows.asks_another.start(2)
    passes_on(cast.dev, cast.cleo)
    goes_away(cast.cleo, cast.bo)
    decide(pending(run), cast.bo)
    cast.cleo.user.is_active = False
    cast.cleo.user.save()
    decide(pending(run), cast.ana)
    voters = {str(one.pk) for one in (cast.ana, cast.bo, cast.cleo, cast.dev)}
    assert set(pending(run).options["excluded"]) == voters


def all_runs():
    return [Run(pk) for pk in models.Run.objects.values_list("pk", flat=True)]


def test_a_fork_keeps_the_decisions_before_it(dispatcher, cast):
    run = flows.asks_twice.start(EXPENSE)
    decide(pending(run), cast.bo)
    decide(pending(run), cast.ana)
    fork = run.fork("second")
    assert (fork.status, pending(fork).name) == ("waiting", "second")
    again = fork
    decide(pending(again), cast.ana)
    assert again.output == "bo@example.com then ana@example.com"
    third = again.fork("second")
    with pytest.raises(NotEligible):
        decide(pending(third), cast.bo)
    decide(pending(third), cast.ana)
    assert third.status == "completed"
