"""Several at once: real threads on real connections; one wins, and the others are told who."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connection

from approvals import actions
from approvals.models import Decision, Policy, SavedFilter
from approvals.states import AlreadyDecided, Expired
from flowapp.dispatch.immediate import ImmediateDispatcher
from flowapp.engine import clock, sweep
from flowapp.integrations.slack import people
from flowapp.tenancy.models import Role
from flowapp.tenancy.scope import scoped
from tests import factories
from tests.approvals.making import ask, decide


def at_once(workspace, *things: Callable[[], Any]) -> list[Any]:
    """Do these at the same moment, each in a thread with its own connection; returns what each gave or raised."""
    barrier = threading.Barrier(len(things))

    def run(thing: Callable[[], Any]) -> Any:
        try:
            with scoped(workspace.pk):
                barrier.wait(timeout=10)
                return thing()
        except Exception as error:  # noqa: BLE001 - the caller looks at it
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(things)) as pool:
        return list(pool.map(run, things))


def asked(**options):
    with ImmediateDispatcher().installed():
        return ask(**options)


def finish():
    ImmediateDispatcher().drain()


def test_the_same_person_twice_at_once_is_no_error(cast):
    _, prompt = asked()
    outcomes = at_once(cast.acme, *[lambda: decide(prompt, cast.bo)] * 4)
    assert len({outcome.pk for outcome in outcomes}) == 1


def test_a_decision_at_the_very_timeout(cast):
    run, prompt = asked(timeout="1h", on_timeout="deny")
    clock.shift("61m")
    try:
        decided, _ = at_once(cast.acme, lambda: decide(prompt, cast.bo), sweep.fire_due_timers)
        sweep.fire_due_timers()  # the handler may have met a lock
    finally:
        clock.reset()
    prompt.refresh_from_db()
    finish()
    if isinstance(decided, Expired):
        assert (prompt.status, run.output["outcome"], run.output["timed_out"]) == ("expired", "deny", True)
    else:
        assert (prompt.status, run.output["outcome"], run.output["timed_out"]) == ("decided", "approve", False)
    assert Decision.objects.count() == 1


def test_a_decision_against_a_cancellation(cast):
    run, prompt = asked()
    at_once(cast.acme, lambda: decide(prompt, cast.bo), run.cancel)
    prompt.refresh_from_db()
    finish()
    assert (run.status, prompt.status, Decision.objects.count()) in [
        ("cancelled", "cancelled", 0),
        ("cancelled", "decided", 1),
    ]


def test_votes_at_the_same_moment_are_all_counted(cast):
    voters = [cast.bo, *(factories.member(f"Reviewer {n}", Role.MANAGER) for n in range(5))]
    run, prompt = asked(assign="role:manager", quorum=4)
    outcomes = at_once(cast.acme, *(lambda who=who: decide(prompt, who) for who in voters))
    counted = [outcome for outcome in outcomes if isinstance(outcome, Decision)]
    late = [outcome for outcome in outcomes if outcome not in counted]
    assert sorted(decision.final for decision in counted) == [False, False, False, True]
    assert [type(error) for error in late] == [AlreadyDecided] * 2
    assert Decision.objects.count() == 4
    finish()
    assert run.status == "completed"


def test_one_person_twice_at_once_is_one_vote(cast):
    _, prompt = asked(assign="role:manager", quorum=2)
    outcomes = at_once(cast.acme, *[lambda: decide(prompt, cast.bo)] * 4)
    assert len({outcome.pk for outcome in outcomes}) == 1
    prompt.refresh_from_db()
    assert (prompt.status, Decision.objects.count()) == ("pending", 1)


def test_a_stage_is_passed_once(cast):
    voters = [cast.bo, *(factories.member(f"Reviewer {n}", Role.MANAGER) for n in range(3))]
    _, prompt = asked(assign=(), stages=[{"assign": "role:manager"}, {"assign": "role:manager"}])
    outcomes = at_once(cast.acme, *(lambda who=who: decide(prompt, who, version=1) for who in voters))
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Decision", *["StaleVersion"] * 3]
    prompt.refresh_from_db()
    assert (prompt.stage, prompt.version, prompt.status) == (2, 2, "pending")


def test_one_claim_at_a_time(cast):
    people = [cast.bo, *(factories.member(f"Reviewer {n}", Role.MANAGER) for n in range(3))]
    _, prompt = asked(assign="role:manager")

    def claim(who):
        return actions.claim(prompt.pk, by=factories.actor(who), channel="web")

    outcomes = at_once(cast.acme, *(lambda who=who: claim(who) for who in people))
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NoneType", *["NotNow"] * 3]


def test_a_vote_taken_back_against_the_last_one(cast):
    _, prompt = asked(assign=["role:manager", "role:owner"], quorum=2)
    decide(prompt, cast.bo)
    at_once(
        cast.acme,
        lambda: actions.rescind(prompt.pk, by=factories.actor(cast.bo), channel="web"),
        lambda: decide(prompt, cast.ana),
    )
    prompt.refresh_from_db()
    standing = (prompt.status, Decision.objects.count())
    assert standing in [("decided", 2), ("pending", 1)]


def test_two_of_one_name_at_once(cast):
    ana, draft = factories.actor(cast.ana), actions.Draft("amount < 1", "ask")
    made = at_once(cast.acme, *[lambda: actions.create_policy(name="Small", draft=draft, by=ana)] * 4)
    assert sum(isinstance(one, Policy) for one in made) == 1
    assert {str(one) for one in made if not isinstance(one, Policy)} == {"name: there is a policy named Small already"}
    save = lambda: actions.save_filter(name="Mine", query="scope=mine&sort=", by=ana, channel="web")  # noqa: E731
    kept = at_once(cast.acme, *[save] * 4)
    assert {one.pk for one in kept} == {SavedFilter.objects.get().pk}


def test_a_slack_account_is_linked_once(cast):
    members = [cast.ana, cast.bo, cast.cleo, cast.dev]
    asked = [lambda who=who: people.link(member=who, slack_id="U1", by=factories.actor(who)) for who in members]
    told = at_once(cast.acme, *asked)
    assert sorted(type(one).__name__ for one in told) == ["NoneType", *["TakenAccount"] * 3]


def test_moves_at_once_leave_one_line(cast):
    ana, draft = factories.actor(cast.ana), actions.Draft("amount < 1", "ask")
    made = [actions.create_policy(name=f"Rule {number}", draft=draft, by=ana) for number in range(6)]
    moved = at_once(cast.acme, *(lambda one=one: actions.move(one.pk, position=1, by=ana) for one in made[2:]))
    assert moved == [None] * 4
    line = list(Policy.objects.order_by("position").values_list("position", "name"))
    assert [position for position, _ in line] == [1, 2, 3, 4, 5, 6]
    assert [name for _, name in line][4:] == ["Rule 0", "Rule 1"]
