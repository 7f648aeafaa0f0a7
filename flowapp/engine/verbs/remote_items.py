"""A map with a queue: its items travel in batches, each a child run on that queue with a checkpoint for every item.

The parent holds one wait for each batch and none for its items, so ten thousand items cost it a hundred rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db.models import Model

from flowapp.engine import failures, runs
from flowapp.engine.models import Checkpoint, Run
from flowapp.engine.reading import progress
from flowapp.engine.registry import StepDefinition, find, workflow
from flowapp.engine.states import TERMINAL, StepStatus
from flowapp.tenancy.actors import SYSTEM

from . import children, fanout, remote_steps
from .calls import WaitTicket
from .remote_steps import Job

if TYPE_CHECKING:
    from flowapp.engine.driving.runtime import Runtime

    from .context import EngineVerbs

WORKFLOW = "flowapp-map"
# A change of these re-cuts the batches of maps that are under way, whose runs then stop for a person.
BATCHES = 128
LARGEST = 1000  # items a batch
BATCHES_EACH = 4  # for each that may run at once under a limit, so that no late one leaves the others idle for long
AT_ONCE = 8  # items of a batch, where the map has no limit of its own


@dataclass(frozen=True, slots=True)
class Cut:
    """How a map is cut: items a batch, batches at once (None: all), items of a batch at once."""

    size: int
    window: int | None
    at_once: int


@dataclass
class Batch:
    """Some items for one run on the queue."""

    job: Job
    items: list[Any]
    at_once: int
    collect: bool


@dataclass
class Outcomes[T]:
    """What came of a batch: the results in order, and in the places between them what failed."""

    values: list[T] = field(default_factory=list)
    errors: dict[int, dict[str, Any]] = field(default_factory=dict)


def cut(items: int, limit: int | None) -> Cut:
    """How to cut so many items, of which at most `limit` may run at once."""
    wanted = BATCHES if limit is None else min(BATCHES, limit * BATCHES_EACH)
    size = min(LARGEST, max(1, -(-items // wanted)))
    if limit is None:
        return Cut(size, None, AT_ONCE)
    window = min(limit, max(1, -(-items // size)))
    return Cut(size, window, limit // window)


async def over_batches(
    runtime: Runtime,
    step: StepDefinition[..., Any],
    name: str,
    items: Sequence[Any],
    limit: int | None,
    *,
    collect: bool,
) -> list[Any]:
    """The results of a step for every item, executed by the workers of its queue; see EngineVerbs.map."""
    plan = cut(len(items), limit)
    batches = [list(items[at : at + plan.size]) for at in range(0, len(items), plan.size)]
    window = plan.window if plan.window is not None and plan.window < len(batches) else None
    job = remote_steps.job(step, name, (), {})
    first = runtime.uses(name) + 1
    detail = {"of": len(items), "first": first, "last": first + len(batches) - 1, "together": window is None}

    def call(part: list[Any]) -> Any:
        batch = Batch(job, part, plan.at_once, collect)
        return runtime.wait(
            progress.MAP,
            name,
            identity=batch,
            subject=f"{first}:{name}"[:200],
            detail=detail,
            prepare=partial(_open, batch=batch, queue=step.queue or runtime.run.queue, life=runtime.life),
            decode=partial(_results, result_type=step.result_type),
        )

    found = await fanout.over_items(call, batches, window, "collect" if collect else "raise")
    places = zip(batches, found, strict=True)
    return [one for part, of in places for one in (of if isinstance(of, list) else [of] * len(part))]


def _open(ticket: WaitTicket, batch: Batch, queue: str, life: str) -> Sequence[Model]:
    """The rows of a batch's run. A batch that was cut short before takes over what it had finished."""
    job = replace(batch.job, key=remote_steps.key_of(ticket, life))
    rows = children.open_child(ticket, find(WORKFLOW), replace(batch, job=job), queue)
    child = rows[0]
    assert isinstance(child, Run)
    same = Run.objects.filter(parent_id=ticket.run_id, parent_wait=ticket.key, request_hash=child.request_hash)
    before = same.only("id", "status").order_by("-created_at").first()
    return rows if before is None else [*rows, *_taken_over(before, child)]


def _taken_over(before: Run, child: Run) -> list[Checkpoint]:
    if before.status not in TERMINAL:
        runs.cancel(before.id, by=SYSTEM, reason="its parent starts this batch anew")
    finished = list(Checkpoint.objects.filter(run_id=before.id, kind="step", status=StepStatus.COMPLETED))
    for checkpoint in finished:
        checkpoint.run_id, checkpoint.fence = child.id, 0
    if finished:
        child.fence = 1  # it has a history, which its first claim has to load
    return finished


def _results(outcome: bytes | None, result_type: Any) -> list[Any]:
    """A batch's results as the parent's map gets them. Raises what failed in a batch that does not collect."""
    found: Outcomes[Any] = remote_steps.outcome_of(outcome, Outcomes[result_type])
    values = iter(found.values)
    count = len(found.values) + len(found.errors)
    return [failures.rebuild(found.errors[at]) if at in found.errors else next(values) for at in range(count)]


@workflow(name=WORKFLOW)
async def remote_items(ctx: EngineVerbs, batch: Batch) -> Outcomes[Any]:
    """Run one step for some items of another run's map."""
    job, runtime = batch.job, ctx._runtime
    step = remote_steps.step_of(job)
    typed = remote_steps.typing_of(step.fn)

    def call(item: tuple[int, Any]) -> Any:
        args, kwargs = typed([item[1]], {})
        return runtime.call_step(step, job.name, args, kwargs, key=f"{job.key}.{item[0]}")

    numbered = enumerate(batch.items, start=1)
    found = await fanout.over_items(call, numbered, batch.at_once, "collect" if batch.collect else "raise")
    errors = {at: failures.describe(one, job.name) for at, one in enumerate(found) if isinstance(one, BaseException)}
    return Outcomes([one for one in found if not isinstance(one, BaseException)], errors)
