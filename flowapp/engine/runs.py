"""The public verbs on runs: start, signal, cancel, pause, resume, retry, fork. The single path for web, REST and code.

Each joins the caller's transaction or makes its own, takes the workspace in scope, and writes its audit row with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Model, Q, QuerySet

from flowapp import audit
from flowapp.tenancy.actors import SYSTEM, Actor
from flowapp.tenancy.ids import uuid7_at
from flowapp.tenancy.scope import current

from . import (
    arrivals,
    chance,
    clock,
    codec,
    expressions,
    facts,
    inputs,
    parents,
    registry,
    signal_types,
    signals,
    starts,
    telemetry,
    whereabouts,
)
from .errors import IdempotencyConflict, IllegalState, RunNotFound
from .handle import Run as RunHandle
from .line import admission, claims
from .models import Checkpoint, Run, SearchTerm, Signal, Wait
from .reading import search
from .registry import WorkflowDefinition
from .states import TERMINAL, RunStatus, StepStatus, allows


def start(
    workflow: str,
    input: Any = None,
    *,
    by: Actor,
    idempotency_key: str | None = None,
    version: int | None = None,
) -> RunHandle:
    """Start a run of a workflow by name. `input` is plain JSON data or the input's own type.

    Raises UnknownWorkflow, InvalidInput naming each field, IdempotencyConflict, or StartSkipped by flow control.
    """
    definition = registry.find(workflow, version)
    return start_run(definition, input, by=by, idempotency_key=idempotency_key)


def start_run(
    definition: WorkflowDefinition[Any, Any],
    input: Any,
    *,
    by: Actor,
    idempotency_key: str | None = None,
    event: Mapping[str, Any] | None = None,
) -> RunHandle:
    """Start a run of a registered definition, for this event if there is one; see `start`."""
    run = unplaced_run(definition, input, by=by, idempotency_key=idempotency_key, event=event)
    if definition.control is None or not definition.control.decides:
        return begin(run, by=by)
    with transaction.atomic():
        decided = starts.Start(run, definition.control, by=by)
        if known := decided.known() or (idempotency_key is not None and _known(run)):
            return known
        if merged := decided.merged():
            return merged
        for earlier in decided.to_cancel():
            cancel(earlier, by=by, reason="a later start took its place: one run of a key lives")
        decided.count()
        return begin(run, by=by)


def begin(run: Run, *, by: Actor) -> RunHandle:
    """Insert a new run, or find the one that its idempotency key made before."""
    idempotency_key = run.idempotency_key
    if idempotency_key is not None and (known := _known(run)):
        return known
    started = audit.entry(by=by, verb="run.started", target=f"run:{run.id}", after={"workflow": run.workflow})
    if not _inserted(run, started):
        if known := _known(run):  # another start with this key was faster
            return known
        raise IdempotencyConflict(f"the idempotency key {idempotency_key!r} is being used by another start; try again")
    admission.enter(run)
    signals.tell(run.workspace_id, "run", str(run.id))
    return RunHandle(run.id)


def _inserted(run: Run, entry: Model) -> bool:
    """Insert a run, its log entry, and what people find it by; False when another has its idempotency key."""
    terms = search.terms_of(run)
    if not terms:
        return claims.insert_run(run, entry)  # one statement, where the database can
    with transaction.atomic():
        inserted = claims.insert_run(run, entry)
        if inserted:
            SearchTerm.objects.bulk_create(terms)
    return inserted


def new_run(definition: WorkflowDefinition[Any, Any], input: Any, *, by: Actor) -> Run:
    """An unsaved run, queued, of the workspace in scope. Raises InvalidInput."""
    run = unplaced_run(definition, input, by=by)
    run.vtime = claims.place_in_line(run.workspace_id)
    return run


def unplaced_run(
    definition: WorkflowDefinition[Any, Any],
    input: Any,
    *,
    by: Actor,
    idempotency_key: str | None = None,
    event: Mapping[str, Any] | None = None,
) -> Run:
    """The same, without its place in line. Raises InvalidInput."""
    value, data = validated(definition, input)
    now = clock.now()
    run = Run(
        id=uuid7_at(now),
        workspace_id=current(),
        workflow=definition.name,
        version=definition.version,
        status=RunStatus.QUEUED,
        input=codec.pack(data),
        requester=by.as_json(),
        idempotency_key=idempotency_key,
        request_hash=codec.digest(data),
        search=_searchable(definition, value),
        created_at=now,
        updated_at=now,
    )
    if definition.control is not None:
        admission.line_up(run, definition.control, event=event, input=expressions.plain(value))
    return run


def validated(definition: WorkflowDefinition[Any, Any], input: Any) -> tuple[Any, bytes]:
    """The input as its declared type, and as the canonical bytes of that. Raises InvalidInput."""
    return inputs.validated(input, definition.input_type, takes_input=definition.takes_input)


def _searchable(definition: WorkflowDefinition[Any, Any], input: Any) -> dict[str, Any]:
    """What people may search a run by; an expression that this input has no answer to is left out."""
    found: dict[str, Any] = {}
    for name, expression in definition.search.items():
        try:
            found[name] = expressions.compile(expression).evaluate(input=expressions.plain(input))
        except expressions.ExpressionFailed:
            continue
    return found


def _known(run: Run) -> RunHandle | None:
    key = run.idempotency_key
    known = Run.objects.filter(workflow=run.workflow, idempotency_key=key).only("id", "request_hash").first()
    if known is None:
        return None
    if bytes(known.request_hash or b"") != run.request_hash:
        raise IdempotencyConflict(
            f"the idempotency key {key!r} was used before with other input (run {known.id}); use a new key"
        )
    return RunHandle(known.id)


def lock(run_id: UUID) -> Run:
    """The run, its row locked until the caller's transaction ends. Lock it before anything that belongs to it.

    Raises RunNotFound, for another workspace's run too.
    """
    return _found(arrivals.lock([run_id]), run_id)


def _found(runs: Mapping[UUID, Run], run_id: UUID) -> Run:
    run = runs.get(run_id)
    if run is None or run.workspace_id != current():
        raise RunNotFound(f"there is no run {run_id} in this workspace")
    return run


@transaction.atomic
def resolve_wait(run_id: UUID, key: str, outcome: Any) -> bool:
    """Hand the outcome of an open wait to its run and wake it. False when nothing waits for it any more.

    `key` is "name#occurrence". The run is locked first; call this inside the action that decided the outcome.
    """
    name, _, occurrence = key.rpartition("#")
    return arrivals.arrive(lock(run_id), (name, int(occurrence)), codec.encode(outcome))


def answer_at_once(wait: Wait, outcome: bytes) -> None:
    """Give a wait its outcome as it opens, in `waits.on_opened`: the run, locked there, goes on without suspending."""
    arrivals.stamp(wait, outcome)


@transaction.atomic
def signal(run_id: UUID, name: str, data: Any = None, *, by: Actor) -> RunHandle:
    """Send a named message to a run; it is kept in order until the run takes it.

    Raises IllegalState when the run has ended, InvalidSignal when it waits for this signal as another type.
    """
    run = _allowed("signal", run_id)
    wait = arrivals.waiting_for_signal(run_id, name)
    key = f"{wait.name}#{wait.occurrence}" if wait else ""
    stored = codec.encode(data)
    if wait is not None:
        signal_types.check(name, wait.detail.get("type"), stored)
    Signal.objects.create(
        run_id=run_id, name=name, data=stored, sender=by.as_json(), created_at=clock.now(), taken_by=key
    )
    if wait is not None:
        arrivals.arrive(run, (wait.name, wait.occurrence), stored)
    audit.record(by=by, verb="run.signalled", target=f"run:{run_id}", after={"name": name})
    return RunHandle(run_id)


@transaction.atomic
def cancel(run_id: UUID, *, by: Actor, reason: str = "") -> RunHandle:
    """End a run and its children now; open prompts are withdrawn. Does nothing when the run has ended."""
    lock_first = _family(run_id)
    runs = arrivals.lock(lock_first)
    if run_id not in runs or runs[run_id].workspace_id != current():
        raise RunNotFound(f"there is no run {run_id} in this workspace")
    ending = [run for run in runs.values() if run.id != runs[run_id].parent_id and run.status not in TERMINAL]
    if runs[run_id].status in TERMINAL:
        return RunHandle(run_id)
    now = clock.now()
    for run in ending:
        _set(run, status=RunStatus.CANCELLED, fence=run.fence + 1, worker_id=None, ended_at=now, updated_at=now)
        signals.nudge(run.id)
        signals.tell(run.workspace_id, "run", str(run.id))
        transaction.on_commit(partial(telemetry.ended, run, RunStatus.CANCELLED), robust=True)
    arrivals.close_all(ending)
    for run in ending:
        facts.run_ended(run)
    admission.freed(run.limit_id for run in ending)
    parents.tell([runs[run_id]], runs)
    audit.record(by=by, verb="run.cancelled", target=f"run:{run_id}", reason=reason)
    return RunHandle(run_id)


def _family(run_id: UUID) -> set[UUID]:
    """The run, its descendants, and its parent, which hears of the end."""
    found = {run_id}
    layer = {run_id}
    while layer:
        layer = set(Run.objects.filter(parent_id__in=layer).values_list("id", flat=True)) - found
        found |= layer
    parent = Run.objects.filter(pk=run_id).values_list("parent_id", flat=True).first()
    return found | ({parent} if parent else set())


@transaction.atomic
def pause(run_id: UUID, *, by: Actor) -> RunHandle:
    """Hold a run, and what it sent to queues: steps under way finish, nothing new begins. What arrives is kept."""
    runs = _with_carried(run_id)
    run = _found(runs, run_id)
    _refuse("pause", run)
    for one in runs.values():
        if allows("pause", one.status):
            _hold(one)
    return _noted(run, by, "run.paused")


def _hold(run: Run) -> None:
    if run.status == RunStatus.RUNNING:
        _set(run, pausing=True)
        signals.nudge(run.id)
    else:
        _set(run, status=RunStatus.PAUSED, updated_at=clock.now())
        admission.soon(run.limit_id)


@transaction.atomic
def resume(run_id: UUID, *, by: Actor) -> RunHandle:
    """Let a paused run go on; one that is only about to pause does not."""
    runs = _with_carried(run_id)
    run = _found(runs, run_id)
    if not (run.status == RunStatus.RUNNING and run.pausing):
        _refuse("resume", run)
    for one in runs.values():
        _let_go_on(one)
    return _noted(run, by, "run.resumed")


def _let_go_on(run: Run) -> None:
    if run.status == RunStatus.RUNNING and run.pausing:
        _set(run, pausing=False)
        signals.nudge(run.id)
    elif run.status == RunStatus.PAUSED:
        _set(run, pausing=False)
        _requeue(run)


def _with_carried(run_id: UUID) -> dict[UUID, Run]:
    """A run and those that carry what it sent to queues, locked: the run first, so that it opens no others meanwhile.

    They are younger than the run, so all are locked in the order of their ids.
    """
    return arrivals.lock({run_id}) | arrivals.lock(_carried(run_id))


def _carried(run_id: UUID) -> Iterable[UUID]:
    """The runs that carry what a run sent to queues, as far as they have not ended."""
    carrying = Run.objects.filter(parent_id=run_id, workflow__in=registry.own(), ended_at__isnull=True)
    return carrying.values_list("id", flat=True)


@transaction.atomic
def retry(run_id: UUID, *, by: Actor) -> RunHandle:
    """Run again what failed, or what needed attention; everything that succeeded before is kept.

    So do the run's steps and maps that stopped on their queues. Such a one may also be retried by itself.
    """
    starts.refuse_second(run_id, forked=False)
    runs = arrivals.lock({run_id, *_concerned(run_id)})
    run = _found(runs, run_id)
    _refuse("retry", run)
    stopped = [one for one in runs.values() if one.parent_id == run_id and one.status == RunStatus.NEEDS_ATTENTION]
    for one in (run, *stopped):
        _again(one)
        parent = runs.get(one.parent_id) if one.parent_id is not None else None
        if parent is not None:
            parents.looked_after(one, parent)
        _noted(one, by, "run.retried")
    return RunHandle(run_id)


def _concerned(run_id: UUID) -> set[UUID]:
    """The run's parent, which may have asked for a retry, and those of its children that it asks for."""
    parent = Run.objects.filter(pk=run_id, parent_id__isnull=False).values_list("parent_id", flat=True)
    asking = [f"{name}#{count}" for name, count in arrivals.asking(run_id)]
    children = Run.objects.filter(parent_id=run_id, parent_wait__in=asking).values_list("id", flat=True)
    return {id_ for id_ in (*parent, *children) if id_ is not None}


def _again(run: Run) -> None:
    if (run.error or {}).get("type") != parents.ASKING:
        _forget_failure(run)
    _set(run, error=None, ended_at=None, claims=0, fence=run.fence + 1)
    _requeue(run)


def _forget_failure(run: Run) -> None:
    """Remove the outcome that ended the run and what followed from it; what finished beside it is kept."""
    step = (run.error or {}).get("step") or ""
    outcomes = Checkpoint.objects.filter(run_id=run.id, name=step)
    cause = outcomes.filter(status=StepStatus.FAILED).order_by("-seq").first()
    if cause is None and run.status == RunStatus.FAILED:
        cause = _first_raised(outcomes.exclude(kind="step").exclude(status=StepStatus.CANCELLED).order_by("-seq"))
    if cause is not None:
        later = Checkpoint.objects.filter(run_id=run.id, seq__gte=cause.seq)
        later.filter(Q(seq=cause.seq) | ~Q(status=StepStatus.COMPLETED) | Q(started_at__gte=cause.ended_at)).delete()
    if (run.error or {}).get("type") != "PoisonRun":
        # Whoever lets a quarantined run go on was not told which step was cut off: one that may run at most once asks.
        claims.unfinished_attempts([run.id]).delete()


def _first_raised(outcomes: QuerySet[Checkpoint]) -> Checkpoint | None:
    """The outcome of a wait that was raised when it was read: it ran out, or a child failed. Of those that began
    together the first one, since the body heard of that."""
    latest = outcomes.first()
    if latest is None:
        return None
    together = outcomes.filter(ended_at__gte=latest.started_at).only("seq", "ended_at", "output")
    raised = [row for row in together if row.output is None or bytes(row.output[:1]) == codec.FAILURE]
    return raised[-1] if raised else latest


@transaction.atomic
def fork(run_id: UUID, from_step: str, *, by: Actor) -> RunHandle:
    """A new run with the same input that reuses what was recorded before a step and runs the rest again.

    What the reused part drew (`ctx.uuid()`, `ctx.now()`) stays the same, so that its steps still fit. Its requester
    stays too, and `by` is kept beside them: neither is somebody else, where four eyes are wanted.

    `from_step` is a step's name, or "name#2" for its second use. Raises IllegalState when it was not recorded.
    """
    starts.refuse_second(run_id, forked=True)
    run = _allowed("fork", run_id)
    at = recorded_step(run_id, from_step)
    original = Run.objects.get(pk=run_id)
    definition = registry.find(run.workflow, run.version)
    asker = Actor.from_json(original.requester) if original.requester else SYSTEM
    fork_ = new_run(definition, codec.plain(original.input), by=asker.joined_by(by))
    fork_.fence = 1  # it has a history, which its first claim has to load
    if fork_.limit_id is not None and run.limit_id is not None:
        # The event that said both is not here any more.
        fork_.limit_id, fork_.priority = run.limit_id, run.priority
    kept = list(Checkpoint.objects.filter(run_id=run_id, seq__lt=at.seq).order_by("seq"))
    if kept and original.started_at is not None:
        fork_.origin = chance.origin_of(run_id, original.origin, original.started_at, kept[-1].seq)
    fork_.save(force_insert=True)
    SearchTerm.objects.bulk_create(search.terms_of(fork_))
    for checkpoint in kept:
        checkpoint.run_id, checkpoint.fence = fork_.id, 0
    Checkpoint.objects.bulk_create(kept)
    admission.enter(fork_)
    return _noted(fork_, by, "run.forked")


def recorded_step(run_id: UUID, step: str) -> Checkpoint:
    """The recorded outcome of a step given as "name" or "name#2". Raises IllegalState when there is none."""
    name, _, count = step.rpartition("#")
    key = (name, int(count)) if name and count.isdecimal() and len(count) < 10 else (step, 1)
    here = Checkpoint.objects.filter(run_id=run_id, name=key[0], occurrence=key[1])
    found = None if "\0" in step else here.first()
    if found is None:
        raise IllegalState(f"run {run_id} has no recorded step {step!r} to fork from")
    return found


def _allowed(verb: str, run_id: UUID) -> Run:
    run = lock(run_id)
    _refuse(verb, run)
    return run


def _refuse(verb: str, run: Run) -> None:
    if not allows(verb, run.status):
        raise IllegalState(f"a run that is {run.status} cannot {verb}")


def _requeue(run: Run) -> None:
    place = claims.virtual_time(run.workspace_id)
    held = admission.holds_again(run)
    _set(run, status=RunStatus.QUEUED, held=held, rank=0, vtime=place, updated_at=clock.now())
    admission.enter(run)


def _noted(run: Run, by: Actor, verb: str) -> RunHandle:
    audit.record(by=by, verb=verb, target=f"run:{run.id}")
    signals.tell(run.workspace_id, "run", str(run.id))
    return RunHandle(run.id)


def _set(run: Run, **values: Any) -> None:
    Run.objects.filter(pk=run.pk).update(**values)
    for name, value in values.items():
        setattr(run, name, value)


class DefinitionVerbs:
    """What `workflow.start(…)` does; bound to the registry when Django is ready."""

    def start_definition(
        self, definition: WorkflowDefinition[Any, Any], input: Any, *, idempotency_key: str | None
    ) -> RunHandle:
        """Start in the caller's transaction and workspace; in a step, on behalf of whoever asked for its run."""
        by = whereabouts.requester() or SYSTEM
        return start_run(definition, input, by=by, idempotency_key=idempotency_key)
