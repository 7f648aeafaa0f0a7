"""What must hold after a torture, read from the database and the ledger: each finding is a broken promise."""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from approvals.models import Decision, Prompt
from flowapp.engine import codec
from flowapp.engine.models import Checkpoint, Run, Signal
from tests.process.ledger import Effect
from tests.torture import moments, recovery
from tests.torture.attempts import Attempts
from tests.torture.harms import Harms
from tests.torture.recovery import Recoveries
from tests.torture.started import Started, expected
from tests.torture.witness import Testimony

# Of so many at-most-once runs and more, this share has to complete: putting one aside is the exception.
AT_MOST_ONCE_RUNS, AT_MOST_ONCE_COMPLETED = 10, 0.5


@dataclass
class Evidence:
    """Everything there is to judge by."""

    started: Sequence[Started]
    ledger: Sequence[Effect]
    harms: Harms
    seen: Testimony
    rows: Counter[str]  # keys in the table of the atomic steps
    busy: float = 0.0  # seconds more for recoveries
    runs: dict[UUID, Run] = field(default_factory=dict)
    checkpoints: dict[UUID, list[Checkpoint]] = field(default_factory=lambda: defaultdict(list))
    effects: dict[str, list[Effect]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        self.runs = {run.id: run for run in Run.unscoped.all()}
        for checkpoint in Checkpoint.unscoped.defer("input", "output").order_by("run_id", "seq"):
            self.checkpoints[checkpoint.run_id].append(checkpoint)
        for effect in self.ledger:
            if not effect.begins:
                self.effects[effect.key].append(effect)
        self.attempts = Attempts(self.ledger, self.harms, self.seen.stored)
        self.recoveries = Recoveries(self.seen.turns, self.harms, self.busy)


def judge(evidence: Evidence) -> dict[str, list[str]]:
    """The findings of each oracle, by its name."""
    return {name: list(oracle(evidence)) for name, oracle in ORACLES.items()}


def _lost(evidence: Evidence) -> Iterator[str]:
    keys = Counter((run.workflow, run.idempotency_key) for run in evidence.runs.values() if run.idempotency_key)
    for started in evidence.started:
        count = keys[started.kind, f"{started.kind}-{started.n}"]
        if count != 1 and (started.run_id is not None or count > 1):
            yield f"{started.kind} {started.n}: {count} runs"


def _stuck(evidence: Evidence) -> Iterator[str]:
    for run in evidence.runs.values():
        if run.ended_at is None and run.status != "needs_attention":
            yield f"{run.workflow} {run.id} is {run.status}, fence {run.fence}, claims {run.claims}"


def _wrong_ends(evidence: Evidence) -> Iterator[str]:
    for started in evidence.started:
        run = evidence.runs.get(started.run_id) if started.run_id else None
        if run is None or (run.ended_at is None and run.status != "needs_attention"):
            continue
        if started.kind == "poison":
            if run.status != "needs_attention" or (run.error or {}).get("type") != "PoisonRun":
                yield f"poison {run.id} ended as {run.status}: {run.error}"
        elif run.status != "completed":
            if not (started.kind == "at-most-once" and _was_cut_off(evidence, run)):
                yield f"{started.kind} {run.id} ended as {run.status}: {(run.error or {}).get('message')}"
        elif started.kind != "asks" and codec.plain(run.output) != expected(started):
            yield f"{started.kind} {run.id} gave {codec.plain(run.output)!r}, not {expected(started)!r}"
    ids = [one.run_id for one in evidence.started if one.kind == "at-most-once"]
    known = [run for run_id in ids if run_id and (run := evidence.runs.get(run_id))]
    completed = sum(run.status == "completed" for run in known)
    if len(known) >= AT_MOST_ONCE_RUNS and completed < len(known) * AT_MOST_ONCE_COMPLETED:
        yield f"only {completed} of {len(known)} at-most-once runs completed"


def _was_cut_off(evidence: Evidence, run: Run) -> bool:
    """Whether a run asks a person about a step that was cut off for cause: its process was harmed while it was in it,
    or held the run and was harmed before the step could tell the ledger that it begins."""
    if run.status != "needs_attention" or "may run at most once" not in (run.error or {}).get("message", ""):
        return False
    key, turns = f"{run.id}:once:1", evidence.seen.turns.get(run.id, [])
    end = max((turn.at for turn in turns if turn.status == "needs_attention"), default=math.inf)
    if evidence.attempts.begins.get(key):
        return evidence.attempts.was_cut_off(key, end)
    return key not in evidence.attempts.committed and any(
        one.worker and lost.taken and evidence.harms.between(evidence.harms.pids.get(one.worker, 0), one.at, lost.at)
        for one, lost in itertools.pairwise(turns)
    )


def _checkpoints(evidence: Evidence) -> Iterator[str]:
    """Numbered without doubles, and without gaps but one for each time an atomic step was rolled back."""
    for run_id, rows in evidence.checkpoints.items():
        numbers = [row.seq for row in rows]
        if len(set(numbers)) != len(numbers):
            yield f"run {run_id}: one number twice in {numbers}"
        missing = max(numbers) - len(set(numbers))
        if missing and missing > evidence.attempts.rolled_back(str(run_id)):
            yield f"run {run_id} ({evidence.runs[run_id].workflow}): gaps in {numbers}"


def _zombie_writes(evidence: Evidence) -> Iterator[str]:
    """By the numbers, by the fence at the moment of the write, and by who ended or suspended a run."""
    for run_id, rows in evidence.checkpoints.items():
        fences = [row.fence for row in rows]
        if fences != sorted(fences):
            yield f"run {run_id}: an earlier owner wrote after a later one: {fences}"
    for one in evidence.seen.stored:
        if one.fence != one.owner:
            yield f"{one.key}: written under fence {one.fence} when the run had {one.owner}"
    for turns in evidence.seen.turns.values():
        for turn in turns:
            owner = evidence.harms.pids.get(turn.worker_was) if turn.worker_was else None
            if turn.was == "running" and not turn.taken and turn.writer != owner:
                yield f"run {turn.run_id}, of {owner}, was made {turn.status} by {turn.writer}"


def _effects(evidence: Evidence) -> Iterator[str]:
    """Of a completed run, the ledger knows exactly what the checkpoints say."""
    keys: dict[str, set[str]] = defaultdict(set)
    for key, effects in evidence.effects.items():
        keys[effects[0].run_id].add(key.partition(":")[2])
        if any(effect.conflict for effect in effects):
            yield f"{key}: came with different contents"
    for run_id, run in evidence.runs.items():
        outside = keys.get(str(run_id), set())
        inside = {f"{row.name}:{row.occurrence}" for row in evidence.checkpoints[run_id] if row.kind == "step"}
        atomic = {key for key in inside if key.startswith("insert:")}
        if run.status == "completed" and outside != inside - atomic:
            yield f"run {run_id} ({run.workflow}): the ledger has {sorted(outside)}, the checkpoints {sorted(inside)}"
        for key in atomic:
            if evidence.rows[f"{run_id}:{key}"] != 1:
                yield f"run {run_id}: {evidence.rows[f'{run_id}:{key}']} rows of the atomic step {key}"
    stored = {f"{run_id}:{row.name}:{row.occurrence}" for run_id, rows in evidence.checkpoints.items() for row in rows}
    yield from (f"{key}: a row of an atomic step without checkpoint" for key in evidence.rows if key not in stored)


def _decisions(evidence: Evidence) -> Iterator[str]:
    finals = Counter(Decision.unscoped.filter(final=True).values_list("prompt_id", flat=True))
    outcomes = dict(Decision.unscoped.filter(final=True).order_by("at").values_list("prompt__run_id", "outcome"))
    prompts = Counter(Prompt.unscoped.values_list("run_id", flat=True))
    for started in evidence.started:
        if started.kind != "asks" or started.run_id is None:
            continue
        run = evidence.runs.get(started.run_id)
        if prompts[started.run_id] > 1:
            yield f"run {started.run_id}: asked {prompts[started.run_id]} times"
        if run is None or run.status != "completed":
            continue
        took: Any = codec.plain(run.output)
        if len(started.won) != 1 or not str(took).startswith(f"{outcomes.get(started.run_id)} by"):
            yield f"run {run.id}: told {started.won} that they decided; the run took {took!r}"
    yield from (f"prompt {prompt_id}: {count} decisions" for prompt_id, count in finals.items() if count != 1)


def _signals(evidence: Evidence) -> Iterator[str]:
    """Taken in order, each by one wait (the output of the run is judged as well)."""
    taken: dict[UUID, list[str]] = defaultdict(list)
    for run_id, by in Signal.unscoped.order_by("id").values_list("run_id", "taken_by"):
        taken[run_id].append(by)
    for run_id, waits in taken.items():
        run = evidence.runs.get(run_id)
        if (
            run is not None
            and run.status == "completed"
            and waits != [f"signal:number#{i + 1}" for i in range(len(waits))]
        ):
            yield f"run {run_id}: signals were taken by {waits}"


def _timers(evidence: Evidence) -> Iterator[str]:
    workflows = {run_id: run.workflow for run_id, run in evidence.runs.items()}
    yield from moments.waits(evidence.seen.fired, workflows)
    yield from moments.naps(evidence.effects, workflows)
    yield from moments.expiries()
    yield from moments.slots()


def _put_aside(evidence: Evidence) -> Iterator[str]:
    """Not judged on a busy machine: two at once after the end of one worker were seen there, and are not explained."""
    if not evidence.busy:
        innocent = {run_id for run_id, run in evidence.runs.items() if run.workflow != "poison"}
        yield from recovery.quarantined(evidence.seen.turns, evidence.harms, innocent, recovery.INNOCENT_SHARE)


ORACLES: dict[str, Callable[[Evidence], Iterator[str]]] = {
    "lost runs": _lost,
    "stuck runs": _stuck,
    "wrong ends": _wrong_ends,
    "double or missing checkpoints": _checkpoints,
    "zombie writes": _zombie_writes,
    "wrong or missing effects": _effects,
    "checkpointed steps run again": lambda evidence: evidence.attempts.after_checkpoint(),
    "unexplained attempts": lambda evidence: evidence.attempts.unexplained(),
    "double decisions": _decisions,
    "signals lost or out of order": _signals,
    "timers early or twice": _timers,
    "slow recoveries": lambda evidence: evidence.recoveries.slow(),
    "innocent runs put aside": _put_aside,
}
