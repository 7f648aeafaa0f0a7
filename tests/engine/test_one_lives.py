"""Under `singleton` one run of a key lives, also when an ended one is retried, or one is forked."""

from collections.abc import Iterator
from typing import Any

import pytest

from flowapp import Context, FlowControl, step, workflow
from flowapp.dispatch.immediate import ImmediateDispatcher
from flowapp.engine import registry, runs
from flowapp.engine.errors import IllegalState
from flowapp.engine.models import Run
from flowapp.engine.reading.search import Filter
from flowapp.engine.upkeep import bulk
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.scope import scoped
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


FAILING: set[int] = set()


@step
async def note(n: int) -> int:
    return n


async def body(ctx: Context, n: int) -> None:
    await note(n)
    if n in FAILING:
        raise ValueError("it fails")
    await ctx.wait_for_signal("go")


@pytest.fixture(autouse=True)
def dispatcher(monkeypatch: pytest.MonkeyPatch) -> Iterator[ImmediateDispatcher]:
    monkeypatch.setattr(registry, "_workflows", {})
    FAILING.clear()
    FAILING.add(1)
    with scoped(factories.workspace("acme").pk), ImmediateDispatcher().installed() as immediate:
        yield immediate


def live() -> int:
    return Run.objects.filter(status__in=("queued", "running", "waiting", "paused")).count()


@pytest.mark.parametrize("singleton", ["skip", "cancel"])
def test_a_retry_or_a_fork_makes_no_second(singleton: Any):
    one = workflow(name="one-lives", control=FlowControl(singleton=singleton))(body)
    failed, waiting = one.start(1), one.start(2)
    assert (failed.status, waiting.status) == ("failed", "waiting")
    for verb in (
        lambda: runs.retry(failed.id, by=SYSTEM),
        lambda: runs.fork(failed.id, "note", by=SYSTEM),
        lambda: runs.fork(waiting.id, "note", by=SYSTEM),
    ):
        with pytest.raises(IllegalState, match=f"run {waiting.id} of the same key is waiting"):
            verb()
    assert (failed.status, live()) == ("failed", 1)
    runs.cancel(waiting.id, by=SYSTEM)
    fork = runs.fork(waiting.id, "note", by=SYSTEM)
    assert (fork.status, live()) == ("waiting", 1)


def test_who_has_ended_may_live_again_and_several_take_turns():
    one = workflow(name="one-lives", control=FlowControl(singleton="skip", key="string(input)"))(body)
    failed, other = one.start(1), one.start(2)
    assert runs.retry(failed.id, by=SYSTEM).status == "failed"  # of another key, and it failed again
    runs.cancel(other.id, by=SYSTEM)
    Run.objects.filter(id=other.id).update(status="needs_attention", ended_at=None)
    assert runs.retry(other.id, by=SYSTEM).status == "waiting"


def test_a_bulk_retry_lets_the_first_live_and_says_why_not_the_others():
    one = workflow(name="one-lives", control=FlowControl(singleton="skip"))(body)
    failed = [one.start(1).id for _ in range(3)]
    FAILING.clear()
    job = bulk.begin("retry", Filter(), by=SYSTEM)
    bulk.advance()
    assert (bulk.job(job).succeeded, bulk.job(job).refused, live()) == (1, 2, 1)
    refused = bulk.results(job, refused=True)[0]
    assert [one.run_id for one in refused] == failed[1:]
    assert f"run {failed[0]} of the same key is" in refused[0].message
