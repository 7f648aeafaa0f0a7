"""A run whose workflow a worker does not have is left to one that has it; when nobody has it, a person is asked."""

from datetime import timedelta
from functools import partial

import pytest

from flowapp import Context, workflow
from flowapp.engine import clock
from flowapp.engine.handle import Run as RunHandle
from flowapp.engine.models import Run, Worker
from flowapp.tenancy.ids import uuid7
from tests.cases.engines import Engine, ended


@workflow(name="deployed-elsewhere")
async def moving(ctx: Context) -> str:
    await ctx.sleep("1h")
    return "done"


@workflow(name="deployed-everywhere")
async def staying(ctx: Context) -> str:
    return "done"


def another_worker(*knows: str, queues: tuple[str, ...] = ()) -> Worker:
    """A live worker in another process."""
    now = clock.now()
    return Worker.objects.create(
        id=uuid7(),
        kind="embedded",
        host="elsewhere",
        pid=1,
        queues=list(queues),
        knows=list(knows),
        concurrency=1,
        started_at=now,
        heartbeat_at=now,
        lease_until=now + timedelta(days=1),
    )


def over(run: RunHandle) -> bool:
    return run.status == "completed"


def left(engine: Engine) -> tuple[RunHandle, int]:
    """A run that was claimed without its workflow, and has been put back in line; its fence then."""
    run = moving.start()
    engine.settle()
    engine.undeploy(moving)
    before = Run.objects.get(pk=run.id).fence
    engine.shift("61m", settle=False)
    row = Run.objects.filter(pk=run.id)
    engine.until(lambda: row.filter(fence__gt=before, status="queued", worker_id=None).exists())
    return run, row.get().fence


def test_it_waits_in_line_for_the_one_that_has_it(engine: Engine):
    other = another_worker("deployed-elsewhere@1")
    run, fence = left(engine)
    for _ in range(3):  # this worker goes on to claim what it has
        near = staying.start()
        engine.sweep(settle=False)
        engine.until(partial(over, near))
    assert (run.status, Run.objects.get(pk=run.id).fence) == ("queued", fence)
    Worker.objects.filter(pk=other.pk).update(lease_until=clock.now() - timedelta(seconds=1))
    engine.sweep()
    assert run.status == "needs_attention"
    assert "no version 1" in run.error["message"]


def test_a_worker_of_another_queue_keeps_it_from_nobody(engine: Engine):
    """Also when that is the only one left which has the workflow."""
    both = another_worker("deployed-elsewhere@1")
    another_worker("deployed-elsewhere@1", queues=("gpu",))
    run, _ = left(engine)
    Worker.objects.filter(pk=both.pk).update(lease_until=clock.now() - timedelta(seconds=1))
    engine.sweep()
    assert run.status == "needs_attention"


def test_this_worker_goes_on_when_the_code_is_here_as_well(engine: Engine):
    another_worker("deployed-elsewhere@1")
    run, _ = left(engine)
    workflow(name="deployed-elsewhere")(moving.fn)
    engine.sweep()
    assert ended(run) == ("completed", "done")


@pytest.mark.parametrize(("knows", "queues"), [("deployed-elsewhere@2", ()), ("deployed-elsewhere@1", ("gpu",))])
def test_a_worker_of_another_version_or_queue_is_none(engine: Engine, knows: str, queues: tuple[str, ...]):
    another_worker(knows, queues=queues)
    run = moving.start()
    engine.settle()
    engine.undeploy(moving)
    engine.shift("61m")
    assert run.status == "needs_attention"


def test_a_worker_says_what_it_has(embedded_worker: object, workspace: None):
    assert {"deployed-elsewhere@1", "flowapp-step@1"} <= {*Worker.objects.get().knows}
