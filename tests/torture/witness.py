"""What the database itself saw: triggers of the torture's own note who wrote what under which fence, and when.

The product knows nothing of them. All times are the database's clock, which on one machine is the ledger's as well.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from tests.torture.cluster import Cluster

# A process names its connections by its own id (nursery.py), so that a row's writer is known.
_INSTALL = """
CREATE TABLE torture_row (key text NOT NULL);
CREATE TABLE torture_checkpoint (run_id uuid, name text, occurrence int, fence bigint, owner bigint, at timestamptz);
CREATE TABLE torture_turn (
    id bigserial, run_id uuid, at timestamptz, writer text, was text, status text, fence_was bigint, fence bigint,
    worker_was uuid, worker uuid, claims int);
CREATE TABLE torture_fired (run_id uuid, name text, occurrence int, kind text, due_at timestamptz, at timestamptz);

CREATE FUNCTION torture_checkpoint() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
    INSERT INTO torture_checkpoint SELECT NEW.run_id, NEW.name, NEW.occurrence, NEW.fence, run.fence, clock_timestamp()
        FROM engine_run run WHERE run.id = NEW.run_id;
    RETURN NULL;
END$$;
CREATE FUNCTION torture_turn() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
    INSERT INTO torture_turn (run_id, at, writer, was, status, fence_was, fence, worker_was, worker, claims)
        VALUES (NEW.id, clock_timestamp(), current_setting('application_name'), OLD.status, NEW.status, OLD.fence,
            NEW.fence, OLD.worker_id, NEW.worker_id, NEW.claims);
    RETURN NULL;
END$$;
CREATE FUNCTION torture_fired() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
    INSERT INTO torture_fired
        VALUES (NEW.run_id, NEW.name, NEW.occurrence, NEW.kind, NEW.due_at, clock_timestamp());
    RETURN NULL;
END$$;

CREATE TRIGGER torture_checkpoint AFTER INSERT ON engine_checkpoint
    FOR EACH ROW EXECUTE FUNCTION torture_checkpoint();
CREATE TRIGGER torture_turn AFTER UPDATE ON engine_run FOR EACH ROW
    WHEN ((OLD.status, OLD.fence, OLD.worker_id) IS DISTINCT FROM (NEW.status, NEW.fence, NEW.worker_id))
    EXECUTE FUNCTION torture_turn();
CREATE TRIGGER torture_fired AFTER UPDATE ON engine_wait FOR EACH ROW
    WHEN (OLD.arrival IS NULL AND NEW.arrival IS NOT NULL AND NEW.outcome = '') EXECUTE FUNCTION torture_fired();
"""
WRITER = "flowapp"  # begins the name of a worker's sessions; its token and process id follow (flowapp.engine.sessions)


@dataclass(frozen=True, slots=True)
class Stored:
    """A checkpoint as it was stored, and the fence that its run had at that moment."""

    run_id: UUID
    key: str  # as in the ledger
    fence: int
    owner: int
    at: float


@dataclass(frozen=True, slots=True)
class Turn:
    """A change of a run's status or owner. `writer`: the process that made it, 0 for none of the workers."""

    run_id: UUID
    at: float
    writer: int
    was: str
    status: str
    taken: bool  # its fence was raised
    worker_was: UUID | None
    worker: UUID | None
    claims: int


@dataclass(frozen=True, slots=True)
class Fired:
    """A wait that ran out."""

    run_id: UUID
    name: str
    occurrence: int
    kind: str
    due_at: float
    at: float


@dataclass(frozen=True, slots=True)
class Testimony:
    """Everything that the database saw."""

    stored: list[Stored]
    turns: dict[UUID, list[Turn]]
    fired: list[Fired]


def install(cluster: Cluster) -> None:
    """Begin to watch; the tables are there already."""
    cluster.sql(_INSTALL)


def hear(cluster: Cluster) -> Testimony:
    """What was seen so far."""
    stored = cluster.sql("SELECT run_id, name, occurrence, fence, owner, at FROM torture_checkpoint ORDER BY at")
    turns = cluster.sql(
        "SELECT run_id, at, writer, was, status, fence > fence_was, worker_was, worker, claims "
        "FROM torture_turn ORDER BY id"
    )
    fired = cluster.sql("SELECT run_id, name, occurrence, kind, due_at, at FROM torture_fired ORDER BY at")
    by_run: dict[UUID, list[Turn]] = defaultdict(list)
    for row in turns:
        turn = _turn(row)
        by_run[turn.run_id].append(turn)
    return Testimony([_stored(row) for row in stored], by_run, [_fired(row) for row in fired])


def _stored(row: tuple[Any, ...]) -> Stored:
    run_id, name, occurrence, fence, owner, at = row
    return Stored(run_id, f"{run_id}:{name}:{occurrence}", fence, owner, _seconds(at))


def _turn(row: tuple[Any, ...]) -> Turn:
    run_id, at, writer, was, status, taken, worker_was, worker, claims = row
    pid = int(writer.split()[2]) if writer.startswith(WRITER) else 0
    return Turn(run_id, _seconds(at), pid, was, status, taken, worker_was, worker, claims)


def _fired(row: tuple[Any, ...]) -> Fired:
    run_id, name, occurrence, kind, due_at, at = row
    return Fired(run_id, name, occurrence, kind, _seconds(due_at), _seconds(at))


def _seconds(at: datetime) -> float:
    return at.timestamp()
