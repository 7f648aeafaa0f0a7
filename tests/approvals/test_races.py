"""Several at once: real threads on real connections; one wins, and the others are told who."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connection

from approvals.models import Decision
from approvals.states import AlreadyDecided, Expired
from flowapp.dispatch.immediate import ImmediateDispatcher
from flowapp.engine import clock, sweep
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


def test_one_wins_and_the_others_are_told_who(cast):
    deciders = [cast.bo, *(factories.member(f"Reviewer {n}", Role.MANAGER) for n in range(5))]
    run, prompt = asked(assign="role:manager")
    outcomes = at_once(
        cast.acme,
        *(
            lambda who=who, outcome=outcome: decide(prompt, who, outcome)
            for who, outcome in zip(deciders, ["approve", "deny"] * 3, strict=True)
        ),
    )
    [won] = [outcome for outcome in outcomes if isinstance(outcome, Decision)]
    lost = [outcome for outcome in outcomes if outcome is not won]
    assert [type(error) for error in lost] == [AlreadyDecided] * 5
    assert {(str(error.decision.by), error.decision.outcome) for error in lost} == {(str(won.by), won.outcome)}
    assert Decision.objects.count() == 1
    finish()
    assert (run.status, run.output["by"], run.output["outcome"]) == ("completed", str(won.by), won.outcome)


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
