"""What flow control decides about a start before there is a run: skipped, part of another run, or one of its own."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.db.models import QuerySet

from flowapp import audit
from flowapp.tenancy.actors import Actor

from . import clock, registry
from .errors import IdempotencyConflict, IllegalState, RateLimited, StartSkipped, UnknownWorkflow
from .handle import Run as RunHandle
from .limits import FlowControl, Rate
from .line import admission
from .models import Run, SearchTerm
from .models.limits import Collected, Limit
from .reading import search
from .states import RunStatus

# One that needs a person's attention may stay so for ever, and would keep every later start away.
LIVE = (RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.WAITING, RunStatus.PAUSED)


class Start:
    """A start under way: the limit of its key is locked until the caller's transaction ends."""

    def __init__(self, run: Run, control: FlowControl, *, by: Actor) -> None:
        assert run.limit_id is not None
        self._run, self._control, self._by = run, control, by
        self._limit: Limit = admission.locked(run.limit_id, run.workspace_id, run.workflow)

    def known(self) -> RunHandle | None:
        """The run that this very start became part of before. Raises IdempotencyConflict."""
        run = self._run
        if run.idempotency_key is None or self._control.window is None:
            return None
        row = known(run.workflow, run.idempotency_key, bytes(run.request_hash or b""))
        return None if row is None or row.run_id is None else RunHandle(row.run_id)

    def merged(self) -> RunHandle | None:
        """The run that debounce still puts off, whose input this start replaces; None when there is none."""
        run, limit, window = self._run, self._limit, self._control.window
        if window is None or limit.pending_id is None:
            return None
        waiting = Run.objects.filter(pk=limit.pending_id, status=RunStatus.QUEUED, held=True)
        replaced = waiting.update(
            version=run.version,
            input=run.input,
            request_hash=run.request_hash,
            requester=run.requester,
            search=run.search,
            priority=run.priority,
            updated_at=clock.now(),
        )
        if not replaced:
            return None  # a person cancelled or paused it
        self._put_off(limit.pending_id, window)
        run.id = limit.pending_id
        SearchTerm.objects.filter(run_id=run.id).delete()
        SearchTerm.objects.bulk_create(search.terms_of(run))
        audit.record(by=self._by, verb="run.replaced", target=f"run:{run.id}", reason="debounce keeps the last start")
        admission.soon(limit.id)
        return RunHandle(run.id)

    def to_cancel(self) -> list[UUID]:
        """The earlier runs that end because of this one. Raises StartSkipped when it is this one that is not to be."""
        if self._control.singleton is None:
            return []
        live = list(_live(self._limit.id).values_list("id", "status"))
        if live and self._control.singleton == "skip":
            id_, status = live[0]
            raise StartSkipped(f'run {id_} of the same key is {status}, and singleton="skip" lets one live')
        return [id_ for id_, _ in live]

    def count(self) -> None:
        """Count it as a run of its own. Raises RateLimited."""
        if self._control.starts is not None:
            _count(self._limit, self._control.starts, self._run.workflow)
        if self._control.window is not None:
            self._limit.pending_since = clock.now()
            self._put_off(self._run.id, self._control.window)
        self._limit.used_at = clock.now()
        self._limit.save()

    def _put_off(self, run_id: UUID, window: float) -> None:
        now, run, limit, longest = clock.now(), self._run, self._limit, self._control.longest
        limit.pending_id = run_id
        limit.pending_until = now + timedelta(seconds=window)
        if longest is not None and limit.pending_since is not None:
            limit.pending_until = min(limit.pending_until, limit.pending_since + timedelta(seconds=longest))
        limit.due_at = limit.pending_until
        limit.save()
        if run.idempotency_key is not None:
            Collected.objects.create(
                limit_id=limit.id,
                workflow=run.workflow,
                idempotency_key=run.idempotency_key,
                request_hash=run.request_hash or b"",
                run_id=run_id,
                created_at=now,
            )


def refuse_second(run_id: UUID, *, forked: bool) -> None:
    """Before an ended run lives again, or a fork of a run begins: under `singleton` nobody else of its key may live.

    Its limit is locked until the caller's transaction ends: call it before the run is. Raises IllegalState.
    """
    run = Run.objects.filter(pk=run_id).only("workspace_id", "workflow", "limit_id", "parent_id").first()
    if run is None or run.limit_id is None or (run.parent_id is not None and not forked):
        return  # a parent needs its child's answer
    try:
        control = registry.find(run.workflow).control
    except UnknownWorkflow:
        return
    if control is None or control.singleton is None:
        return
    admission.locked(run.limit_id, run.workspace_id, run.workflow)
    others = _live(run.limit_id) if forked else _live(run.limit_id).exclude(pk=run_id)
    if live := others.values_list("id", "status").first():
        id_, status = live
        raise IllegalState(f"run {id_} of the same key is {status}, and singleton lets one live: cancel it first")


def _live(limit_id: UUID) -> QuerySet[Run]:
    return Run.objects.filter(limit_id=limit_id, ended_at__isnull=True, status__in=LIVE).order_by("id")


def known(workflow: str, idempotency_key: str, request_hash: bytes) -> Collected | None:
    """What this key's start became part of before. Raises IdempotencyConflict for another request."""
    row = Collected.objects.filter(workflow=workflow, idempotency_key=idempotency_key).first()
    if row is not None and bytes(row.request_hash) != request_hash:
        raise IdempotencyConflict(f"the idempotency key {idempotency_key!r} was used before with other input")
    return row


def _count(limit: Limit, rate: Rate, workflow: str) -> None:
    """As many as the rate says at once; each is given back after its share of the period, evenly."""
    now, share = clock.now(), max(timedelta(seconds=rate.period / rate.count), timedelta(microseconds=1))
    began = limit.rate_began or now
    given_back = (now - began) // share
    limit.rate_count = max(0, limit.rate_count - given_back)
    limit.rate_began = began + given_back * share if limit.rate_count else now
    if limit.rate_count >= rate.count:
        wait = (limit.rate_began + share - now).total_seconds()
        message = f"workflow {workflow!r} may start {rate.count} times in {rate.period:g} s; the next in {wait:.0f} s"
        raise RateLimited(message, wait)
    limit.rate_count += 1
