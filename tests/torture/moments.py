"""What has to happen at a moment, once: waits that run out, timers of prompts, slots of schedules."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from approvals.models import Decision, Prompt
from flowapp.audit.models import AuditEntry
from flowapp.engine.models import Run
from tests.process.ledger import Effect
from tests.torture.attempts import CLOCK_ERROR
from tests.torture.terms import FAILURES, NAPS, ON_THE_MINUTE
from tests.torture.witness import Fired

OFTEN = {"sleep": 1, "retry": FAILURES, "prompt": 1}  # how often a wait of this kind may run out under one name


def waits(fired: Sequence[Fired], workflows: Mapping[UUID, str]) -> Iterator[str]:
    """Not before their time by the database's clock, and once."""
    times = Counter((one.run_id, one.name, one.occurrence, one.kind) for one in fired)
    for (run_id, name, occurrence, kind), count in times.items():
        if count > OFTEN.get(kind, 1):
            yield f"run {run_id} ({workflows.get(run_id)}): the {kind} {name}#{occurrence} ran out {count} times"
    for one in fired:
        if one.at < one.due_at - CLOCK_ERROR:
            yield f"run {one.run_id}: {one.name}#{one.occurrence} ran out {one.due_at - one.at:.3f} s early"


def naps(effects: Mapping[str, Sequence[Effect]], workflows: Mapping[UUID, str]) -> Iterator[str]:
    """By the ledger's clock, which no worker can touch."""
    for run_id in [run_id for run_id, workflow in workflows.items() if workflow == "sleeps"]:
        for before, after, nap in NAPS:
            fell, woke = effects.get(f"{run_id}:{before}"), effects.get(f"{run_id}:{after}")
            if fell and woke and woke[0].at - fell[0].at < nap - CLOCK_ERROR:
                yield f"run {run_id}: {after!r} came {woke[0].at - fell[0].at:.3f} s after {before!r}"


def expiries() -> Iterator[str]:
    """A prompt that ran out did so once, and not before its time."""
    told = Counter(AuditEntry.unscoped.filter(verb="prompt.expired").values_list("target", flat=True))
    expired = Prompt.unscoped.filter(status="expired").values_list("id", "due_at", "closed_at")
    decided = Counter(Decision.unscoped.filter(timed_out=True).values_list("prompt_id", flat=True))
    for prompt_id, due_at, closed_at in expired:
        if told[f"prompt:{prompt_id}"] != 1 or decided[prompt_id] != 1:
            times = max(told[f"prompt:{prompt_id}"], decided[prompt_id])
            yield f"prompt {prompt_id} expired {times} times"
        if due_at and closed_at and closed_at < due_at:
            yield f"prompt {prompt_id} expired {due_at - closed_at} early"


def slots() -> Iterator[str]:
    """Every slot of a schedule is one run, between the first and the last, and none came before its time."""
    of: dict[str, list[tuple[datetime, datetime]]] = defaultdict(list)
    runs = Run.unscoped.filter(workflow=ON_THE_MINUTE).values_list("idempotency_key", "created_at")
    for key, created_at in runs:
        _, schedule, slot = str(key).split(":", 2)
        of[schedule].append((datetime.fromisoformat(slot), created_at))
    for schedule, found in of.items():
        found.sort()
        times = [slot for slot, _ in found]
        if any(following - one != timedelta(minutes=1) for one, following in itertools.pairwise(times)):
            yield f"schedule {schedule} ran at {[f'{time:%H:%M}' for time in times]}"
        yield from (f"schedule {schedule} ran {slot - at} early" for slot, at in found if at < slot)
