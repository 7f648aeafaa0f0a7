"""A slot is never lost: it goes with its run to the next worker, and is free when the run is set aside."""

import pytest

from flowapp import Context, FlowControl, step, workflow
from flowapp.engine import attendance, clock, sweep
from flowapp.engine.models import Run
from tests.cases.engines import Engine, dead_worker, ended


@step
def work(n: int) -> int:
    return n


async def body(ctx: Context, n: int) -> int:
    return await work(n)


one = workflow(name="one-at-a-time", control=FlowControl(concurrency=1))(body)


def test_the_run_of_a_dead_worker_keeps_its_slot(engine: Engine):
    with engine.crash_before("work"):
        first = one.start(1)
    second = one.start(2)
    assert (first.status, Run.objects.get(pk=second.id).held) == ("running", True)
    engine.recover()
    engine.until(lambda: second.status == "completed")
    assert (ended(first), ended(second)) == (("completed", 1), ("completed", 2))


@pytest.mark.usefixtures("workspace")
def test_a_poison_run_gives_its_slot_to_the_next():
    first, second = one.start(1), one.start(2)
    row = Run.objects.filter(pk=first.id)
    row.update(status="running", worker_id=dead_worker().id, claims=sweep.POISON_CLAIMS)
    assert (row.get().held, Run.objects.get(pk=second.id).held) == (False, True)
    sweep.sweep()
    assert (row.get().status, Run.objects.get(pk=second.id).held) == ("needs_attention", False)


@pytest.mark.usefixtures("workspace")
def test_a_retried_run_stands_in_line_again():
    first, second = one.start(1), one.start(2)
    Run.objects.filter(pk=first.id).update(status="failed", error={"type": "X", "message": "", "step": "work"})
    sweep.sweep()
    assert not Run.objects.get(pk=second.id).held
    first.retry()
    assert Run.objects.get(pk=first.id).held


@pytest.mark.usefixtures("workspace")
def test_a_free_slot_is_noticed_however_many_lines_there_are(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(attendance, "LINES", 2)
    each = workflow(name="one-of-each", control=FlowControl(concurrency=1, key="string(input)"))(body)
    for n in range(5):
        each.start(n)
        each.start(n)
    last = Run.objects.filter(held=True).order_by("limit_id").last()
    assert last is not None
    # As a process leaves it that dies between the commit and its look at the limit.
    Run.objects.filter(limit_id=last.limit_id, held=False).update(status="cancelled", ended_at=clock.now())
    for _ in range(3):
        sweep.sweep()
    assert not Run.objects.get(pk=last.id).held
    assert Run.objects.filter(held=True).count() == 4
