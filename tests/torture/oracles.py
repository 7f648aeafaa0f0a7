"""What must hold after a torture, read from the database and the ledger: each finding is a broken promise."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from approvals.models import Decision, Prompt
from flowapp.engine import codec
from flowapp.engine.models import Checkpoint, Run, Signal, Worker
from tests.process.ledger import Effect
from tests.torture.cluster import Harm
from tests.torture.load import Started, expected

NAPS = {1: 0.4, 2: 2.0}  # seconds, by occurrence, of the workflow `sleeps`
AFTER = 12.0  # seconds after an effect in which what is done to its process explains that it came again
CLOCK_ERROR = 0.005  # seconds between two readings of one clock through different programs


@dataclass
class Evidence:
    """Everything there is to judge by."""

    started: Sequence[Started]
    ledger: Sequence[Effect]
    harms: Sequence[Harm]
    rows: Counter[str]  # keys in the table of the atomic steps
    runs: dict[UUID, Run] = field(default_factory=dict)
    checkpoints: dict[UUID, list[Checkpoint]] = field(default_factory=lambda: defaultdict(list))
    effects: dict[str, list[Effect]] = field(default_factory=lambda: defaultdict(list))
    lost_leases: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.runs = {run.id: run for run in Run.unscoped.all()}
        for checkpoint in Checkpoint.unscoped.defer("input", "output").order_by("run_id", "seq"):
            self.checkpoints[checkpoint.run_id].append(checkpoint)
        for effect in self.ledger:
            if not effect.begins:
                self.effects[effect.key].append(effect)
        registered = Counter(Worker.objects.values_list("pid", flat=True))
        self.lost_leases = {pid for pid, count in registered.items() if count > 1}


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
            cut_off = "may run at most once" in (run.error or {}).get("message", "")
            if not (started.kind == "at-most-once" and cut_off):
                yield f"{started.kind} {run.id} ended as {run.status}: {run.error}"
        elif started.kind != "asks" and codec.plain(run.output) != expected(started):
            yield f"{started.kind} {run.id} gave {codec.plain(run.output)!r}, not {expected(started)!r}"


def _checkpoints(evidence: Evidence) -> Iterator[str]:
    """Numbered without doubles, and without gaps but where an atomic step was rolled back."""
    for run_id, rows in evidence.checkpoints.items():
        numbers = [row.seq for row in rows]
        if len(set(numbers)) != len(numbers):
            yield f"run {run_id}: one number twice in {numbers}"
        gaps_allowed = evidence.runs[run_id].workflow == "writes"
        if not gaps_allowed and numbers != list(range(1, len(numbers) + 1)):
            yield f"run {run_id}: gaps in {numbers}"


def _zombie_writes(evidence: Evidence) -> Iterator[str]:
    for run_id, rows in evidence.checkpoints.items():
        fences = [row.fence for row in rows]
        if fences != sorted(fences):
            yield f"run {run_id}: an earlier owner wrote after a later one: {fences}"


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


def _attempts(evidence: Evidence) -> Iterator[str]:
    """An effect comes again only when the process it came from was harmed while its step was in flight."""
    for key, effects in evidence.effects.items():
        healthy = [effect.pid for effect in effects if not _explained(evidence, effect)]
        if len(healthy) > 1:
            yield f"{key}: {len(effects)} times, of them from processes that nothing was done to: {healthy}"
        if ":once:" in key and len(effects) > 1:
            yield f"{key}: an at-most-once step happened {len(effects)} times"


def _explained(evidence: Evidence, effect: Effect) -> bool:
    if effect.pid in evidence.lost_leases:
        return True
    return any(
        harm.pid in (0, effect.pid) and harm.at <= effect.at + AFTER and harm.until >= effect.at - AFTER
        for harm in evidence.harms
    )


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
    """Not before their time, by the database's clock and by the ledger's."""
    for run_id, rows in evidence.checkpoints.items():
        if evidence.runs[run_id].workflow != "sleeps":
            continue
        for row in rows:
            if row.kind == "sleep" and (row.ended_at - row.started_at).total_seconds() < NAPS[row.occurrence]:
                yield f"run {run_id}: {row.name}#{row.occurrence} took {row.ended_at - row.started_at}"
        for before, after, nap in (("act:1", "woke from 0.4:1", 0.4), ("woke from 0.4:1", "woke from 2.0:1", 2.0)):
            fell, woke = evidence.effects.get(f"{run_id}:{before}"), evidence.effects.get(f"{run_id}:{after}")
            if fell and woke and woke[0].at - fell[0].at < nap - CLOCK_ERROR:
                yield f"run {run_id}: {after!r} came {woke[0].at - fell[0].at:.3f} s after {before!r}"


ORACLES = {
    "lost runs": _lost,
    "stuck runs": _stuck,
    "wrong ends": _wrong_ends,
    "double or missing checkpoints": _checkpoints,
    "zombie writes": _zombie_writes,
    "wrong or missing effects": _effects,
    "unexplained attempts": _attempts,
    "double decisions": _decisions,
    "signals lost or out of order": _signals,
    "timers early": _timers,
}
