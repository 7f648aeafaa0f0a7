"""Retention: runs that ended long ago are archived or deleted, batch by batch, by their workspace's policy.

A run goes with everything the engine keeps of it. Prompts and the audit log stay: who decided what is evidence. What is
live never goes, nor what a live run is the parent or child of; and a child never before its parent, which takes over
what its children did when it is retried. With the runs go the events and the reports of bulk verbs of their time.
"""

from __future__ import annotations

import logging
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.apps import apps
from django.db import InterfaceError, OperationalError, connection, models, transaction
from django.db.models import Exists, OuterRef, Q
from pydantic_core import from_json, to_json

from flowapp import audit
from flowapp.engine import clock, codec, failures
from flowapp.engine.errors import FlowappError, RunNotFound
from flowapp.engine.models import ArchivedRun, BulkResult, Checkpoint, LogLine, Retention, Run
from flowapp.engine.states import TERMINAL
from flowapp.tenancy.actors import Actor
from flowapp.tenancy.scope import scoped

from . import outlived

logger = logging.getLogger("flowapp.engine")
BATCH: Final = 100  # runs a transaction
LONGEST: Final = 36_500  # days
POLICY: Final = Actor("policy", "retention", "Retention policy")


class BadPolicy(FlowappError):
    """A retention policy that cannot be."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What happens to ended runs after so many days; None: they stay."""

    days: int | None
    archive: bool = True
    updated_at: datetime | None = None


def policy() -> Policy:
    """The policy of the workspace in scope."""
    found = Retention.objects.first()
    return Policy(found.days, found.archive, found.updated_at) if found else Policy(None)


@transaction.atomic
def set_policy(*, days: int | None, archive: bool, by: Actor) -> Policy:
    """Change the workspace's policy. Raises BadPolicy."""
    if days is not None and not 1 <= days <= LONGEST:
        raise BadPolicy(f"days: a whole number from 1 to {LONGEST:,}, or none to keep every run")
    before, now = policy(), clock.now()
    Retention.objects.update_or_create(defaults={"days": days, "archive": archive, "updated_at": now})
    audit.record(
        by=by,
        verb="retention.changed",
        target="retention",
        before={"days": before.days, "archive": before.archive},
        after={"days": days, "archive": archive},
    )
    return Policy(days, archive, now)


def enforce(seconds: float = 5.0) -> int:
    """Apply every workspace's policy for about so long; returns how many runs went."""
    until = time.monotonic() + seconds
    gone = 0
    left = list(Retention.unscoped.filter(days__isnull=False).order_by("?"))  # time may run out before the last one
    while left and time.monotonic() < until:
        done = [(found, *_attempt(found)) for found in left]
        gone += sum(runs for _, runs, _ in done)
        left = [found for found, _, more in done if more]
    return gone


def _attempt(found: Retention) -> tuple[int, bool]:
    """One batch of a workspace: how many runs went, and whether there is more; what is wrong with one keeps the others
    from nothing."""
    try:
        with scoped(found.workspace_id):
            runs = _batch(found)
            others = outlived.let_go(_before(found), by=POLICY)
            return runs, runs == BATCH or others
    except (OperationalError, InterfaceError):
        raise  # the database is away, for all of them
    except Exception:
        logger.exception("retention failed in workspace %s; it is tried again", found.workspace_id)
        return 0, False


def _before(found: Retention) -> datetime:
    return clock.now() - timedelta(days=found.days or LONGEST)


@transaction.atomic
def _batch(found: Retention) -> int:
    """Let one batch go; returns how many."""
    before = _before(found)
    skip = connection.features.has_select_for_update_skip_locked
    over = _over(before).order_by("ended_at").select_for_update(of=("self",), skip_locked=skip)
    ids = list(over.values_list("id", flat=True)[:BATCH])
    if not ids:
        return 0
    if found.archive:
        for run in Run.objects.filter(id__in=ids).iterator(1):  # one by one: each may be large
            ArchivedRun.objects.bulk_create([_archived(run)], ignore_conflicts=True)
    for table in _tables():
        table._base_manager.filter(run_id__in=ids).delete()
    Run.objects.filter(id__in=ids).delete()
    verb = "runs.archived" if found.archive else "runs.deleted"
    after = {"runs": len(ids), "ended_before": before.isoformat(), "first": str(ids[0]), "last": str(ids[-1])}
    audit.record(by=POLICY, verb=verb, target="retention", after=after)
    return len(ids)


def _over(before: datetime) -> models.QuerySet[Run]:
    """The runs that ended before then, as their parents did, and have nothing to do with a live one."""
    live, stays = Q(ended_at__isnull=True), Q(ended_at__isnull=True) | Q(ended_at__gte=before)
    parent = Run.unscoped.filter(stays, id=OuterRef("parent_id"))
    child = Run.unscoped.filter(live, parent_id=OuterRef("id"))
    over = Run.objects.filter(ended_at__lt=before, status__in=[str(status) for status in TERMINAL])
    return over.filter(~Exists(parent), ~Exists(child))


def _tables() -> Iterator[type[models.Model]]:
    """Every table of the engine whose rows belong to one run; what a bulk verb did stays in its report."""
    for model in apps.get_app_config("engine").get_models():
        if model is not BulkResult and any(field.attname == "run_id" for field in model._meta.concrete_fields):
            yield model


# -- archived runs --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ArchivedRow:
    """An archived run in a list."""

    id: UUID
    workflow: str
    status: str
    created_at: datetime
    ended_at: datetime
    archived_at: datetime


def archived(run_id: UUID) -> dict[str, Any]:
    """The document of an archived run. Raises RunNotFound, for another workspace's run too."""
    found = ArchivedRun.objects.filter(id=run_id).first()
    if found is None:
        raise RunNotFound(f"there is no archived run {run_id} in this workspace")
    document: dict[str, Any] = from_json(zlib.decompress(bytes(found.document)))
    return document | {"archived_at": found.archived_at}


def archived_page(*, cursor: str | None = None, limit: int = 50) -> tuple[list[ArchivedRow], str | None]:
    """Archived runs, newest first, and the cursor of the next page. Raises ValueError for a strange one."""
    found = ArchivedRun.objects.order_by("-id").defer("document")
    page = list((found.filter(id__lt=UUID(cursor)) if cursor else found)[: limit + 1])
    rows = [
        ArchivedRow(one.id, one.workflow, one.status, one.created_at, one.ended_at, one.archived_at)
        for one in page[:limit]
    ]
    return rows, str(rows[-1].id) if len(page) > limit else None


def _archived(run: Run) -> ArchivedRun:
    assert run.ended_at is not None
    return ArchivedRun(
        id=run.id,
        workflow=run.workflow,
        status=run.status,
        created_at=run.created_at,
        ended_at=run.ended_at,
        archived_at=clock.now(),
        document=zlib.compress(to_json(_document(run), inf_nan_mode="null"), 6),
    )


def _document(run: Run) -> dict[str, Any]:
    """Everything people could see of the run."""
    names = ("id", "workflow", "version", "status", "requester", "parent_id", "search", "idempotency_key")
    times = ("created_at", "started_at", "ended_at")
    facts = {name: getattr(run, name) for name in (*names, *times)}
    steps = Checkpoint.objects.filter(run_id=run.id).order_by("seq").iterator(500)
    lines = LogLine.objects.filter(run_id=run.id).order_by("id")
    return facts | {
        "input": codec.plain(run.input),
        "output": failures.shown(run.output),
        "error": failures.public(run.error),
        "steps": [_step(row) for row in steps],
        "log": list(lines.values("at", "level", "logger", "step", "occurrence", "attempt", "message", "fields")),
    }


def _step(row: Checkpoint) -> dict[str, Any]:
    names = ("name", "occurrence", "seq", "kind", "status", "attempts", "started_at", "ended_at")
    facts = {name: getattr(row, name) for name in names}
    outcome = {"output": failures.shown(row.output), "error": failures.public(row.error)}
    return facts | {"input": codec.plain(row.input)} | outcome
