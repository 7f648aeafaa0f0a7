"""Runs from start to end, executed in the test's own thread."""

from decimal import Decimal

import pytest

from flowapp.dispatch.immediate import ImmediateDispatcher
from flowapp.engine import clock
from flowapp.tenancy.models import Workspace
from flowapp.tenancy.scope import scoped

from . import flows

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=[False, True], ids=["straight", "always-suspend"])
def dispatcher(request):
    flows.CALLS.clear()
    workspace = Workspace.objects.create(name="Acme", slug="acme")
    with scoped(workspace.id), ImmediateDispatcher(always_suspend=request.param).installed() as immediate:
        yield immediate
    clock.reset()


def test_two_steps(dispatcher):
    run = flows.two_steps.start(flows.Order("o1", Decimal("9.50")))
    detail = run.detail
    assert (detail.status, detail.output, detail.error) == ("completed", "receipt 10.50", None)
    assert flows.CALLS == ["reserve o1 1 1", "charge o1"]
    assert [(s.name, s.status) for s in detail.steps] == [("reserve", "completed"), ("charge it", "completed")]


def test_sleep(dispatcher):
    run = flows.sleeper.start()
    assert run.status == "waiting"
    assert [w.kind for w in run.waiting_on] == ["sleep"]
    dispatcher.sweep()
    assert run.status == "waiting"
    clock.shift("61m")
    dispatcher.sweep()
    assert (run.status, run.output) == ("completed", "True")


def test_signals(dispatcher):
    run = flows.listener.start()
    for number in (1, 2, 3):
        run.signal("number", number)
    assert run.status == "waiting"
    clock.shift("11m")
    dispatcher.sweep()
    assert (run.status, run.output, run.error) == ("completed", [1, 2, 3, -1], None)


@pytest.mark.parametrize(("times", "output"), [(2, "attempt 3"), (3, "gave up: attempt 3")])
def test_retries(dispatcher, times, output):
    flows.FAIL_TIMES = times
    run = flows.retrier.start()
    for _ in range(2):
        assert (run.status, run.error) == ("waiting", None)
        clock.shift("30s")
        dispatcher.sweep()
    assert (run.status, run.output, run.error) == ("completed", output, None)


def test_an_atomic_step_commits_with_its_checkpoint(dispatcher):
    run = flows.renamer.start("Better")
    assert (run.status, run.output, run.error) == ("completed", "Better", None)
    assert Workspace.objects.get().name == "Better"
    run = flows.renamer.start("bad")
    assert (run.status, run.error["type"], run.error["step"]) == ("failed", "ValueError", "rename")
    assert Workspace.objects.get().name == "Better"
