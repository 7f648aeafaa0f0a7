"""A stale worker writes nothing: neither checkpoints nor waits nor an end, nor its heartbeat."""

import os
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db.models import F

from flowapp import Context, step, workflow
from flowapp.engine import clock, codec, store, sweep
from flowapp.engine.errors import Fenced
from flowapp.engine.lease import Lease
from flowapp.engine.line import claims
from flowapp.engine.models import Checkpoint, Run, Wait, Worker
from flowapp.engine.records import CheckpointRow, Claimed, End, OpenWait, Write
from flowapp.engine.states import RunStatus, StepStatus
from tests.cases import effects
from tests.cases.engines import ONLY_PROCESS, Engine, ended
from tests.cases.shared import REFUSED

pytestmark = pytest.mark.usefixtures("workspace")


@workflow(name="taken-over")
async def body(ctx: Context) -> str:
    return "done"


def lease() -> Lease:
    return Lease("embedded", ["default"], 1, lost=lambda: None, seconds=15)


def taken_over() -> tuple[Claimed, Claimed, Lease]:
    """A run as its first owner still sees it, as its second does, and the first's lease."""
    body.start()
    old = lease()
    (first,) = claims.claim(old.worker_id, ["default"], 1)
    clock.shift("16s")
    sweep.sweep()
    (second,) = claims.claim(lease().worker_id, ["default"], 1)
    return first, second, old


def write(owner: Claimed, step: str, **more: object) -> Write:
    now = clock.now()
    row = CheckpointRow(step, 1, 1, "step", StepStatus.COMPLETED, b"", None, codec.encode(1), None, 1, now, now)
    return Write(owner.run.id, owner.run.workspace_id, owner.run.fence, checkpoints=[row], **more)  # type: ignore[arg-type]


def test_its_writes_are_refused():
    first, _, _ = taken_over()
    wait = OpenWait("w", 1, "sleep", b"", clock.now())
    end = End(RunStatus.COMPLETED, output=codec.encode("zombie"))
    for late in (write(first, "a"), write(first, "b", open=[wait]), write(first, "c", end=end)):
        (outcome,) = store.apply([late])
        assert isinstance(outcome, Fenced)
    assert not Checkpoint.objects.exists()
    assert not Wait.objects.exists()
    assert Run.objects.get().status == "running"


@pytest.mark.parametrize("stale_first", [True, False])
def test_its_writes_are_refused_in_the_batch_of_the_new_owner(stale_first: bool):
    first, second, _ = taken_over()
    batch = [write(first, "zombie"), write(second, "fresh")]
    outcomes = store.apply(batch if stale_first else batch[::-1])
    assert [isinstance(outcome, Fenced) for outcome in outcomes] == [stale_first, not stale_first]
    assert [row.name for row in Checkpoint.objects.all()] == ["fresh"]


def test_its_atomic_step_is_rolled_back():
    first, _, _ = taken_over()

    def work() -> Write:
        Worker.objects.update(kind="changed")
        return write(first, "atomic")

    with pytest.raises(Fenced):
        store.commit_atomic(work)
    assert not Worker.objects.filter(kind="changed").exists()


def test_its_heartbeat_does_not_revive_it():
    _, _, old = taken_over()
    assert not old.renew()
    assert Worker.objects.get(id=old.worker_id).lease_until < clock.now() + timedelta(seconds=1)


@step
def stands() -> str:
    who = str(os.getpid())
    effects.effect(who)
    effects.enter("end")
    return effects.effect(who)


@pytest.mark.parametrize("priority", [0, 1])
def test_it_claims_nothing(priority: int):
    run = body.start()
    Run.objects.update(priority=priority)
    old = lease()
    clock.shift("16s")
    assert claims.claim(old.worker_id, ["default"], 1) == []
    sweep.sweep()
    assert (run.status, Run.objects.get().claims) == ("queued", 0)
    assert len(claims.claim(lease().worker_id, ["default"], 1)) == 1


def test_what_was_taken_from_it_before_it_could_read_it_is_not_its_own(monkeypatch: pytest.MonkeyPatch):
    body.start()
    old, new, take = lease(), lease(), claims._take

    def sleep_after_taking(*given: Any) -> list[UUID]:
        taken = take(*given)
        if given[0] == old.worker_id:
            Run.objects.update(worker_id=new.worker_id, fence=F("fence") + 2)  # taken away, and claimed by another
        return taken

    monkeypatch.setattr(claims, "_take", sleep_after_taking)
    assert claims.claim(old.worker_id, ["default"], 1) == []


@workflow(name="stopped-worker")
async def standing(ctx: Context) -> str:
    who = await stands()
    await ctx.wait_for_signal("go")
    return who


@pytest.mark.parametrize("engine", ONLY_PROCESS, indirect=True)
def test_one_that_was_stopped_and_goes_on(engine: Engine):
    with engine.closed("end") as open_gate:
        run = standing.start()
        engine.until(lambda: len(effects.done) == 1)
        with engine.stopped():
            engine.until(lambda: len(effects.done) == 2)
            open_gate()
            engine.settle()
            first, second, _ = effects.done
            assert first != second == run.steps[0].output
        engine.until(lambda: effects.done.count(first) == 2 and REFUSED in effects.done)
    run.signal("go")
    engine.settle()
    assert ended(run) == ("completed", second)
    assert effects.done.count(second) == 2
