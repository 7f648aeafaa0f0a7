"""The statements worth writing for PostgreSQL by hand: one round trip for a batch of checkpoints, and the claim."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import UUID
from weakref import WeakKeyDictionary

import psycopg
from django.db import connection
from django.db.models import Field, Model

from . import clock

if TYPE_CHECKING:
    from .models import Run
    from .records import Write

_COLUMNS = (
    "run_id, workspace_id, fence, name, occurrence, seq, kind, status, args_hash, input, output, error, attempts, "
    "started_at, ended_at, early"
)
# Array parameters go in binary, so that payloads are not doubled by hex.
_ROWS = """unnest(%b::uuid[], %b::uuid[], %b::bigint[], %b::text[], %b::int[], %b::int[], %b::text[], %b::text[],
    %b::bytea[], %b::bytea[], %b::bytea[], %b::text[], %b::int[], %b::timestamptz[], %b::timestamptz[])
    AS row (run_id, workspace_id, fence, name, occurrence, seq, kind, status, args_hash, input, output, error,
            attempts, started_at, ended_at)"""
_VALUES = """row.run_id, row.workspace_id, row.fence, row.name, row.occurrence, row.seq, row.kind, row.status,
    row.args_hash, row.input, row.output, row.error::jsonb, row.attempts, row.started_at, row.ended_at, false"""

# Lock the runs that still carry our fence, then insert the checkpoints of exactly those. Others that the transaction
# will need are locked with them (without a fence), because locks are taken in the order of ids.
_OWNED = """
    WITH owned AS (
        SELECT run.id, held.fence FROM engine_run run JOIN unnest(%b::uuid[], %b::bigint[]) AS held (id, fence)
        ON run.id = held.id AND run.fence = COALESCE(held.fence, run.fence) ORDER BY run.id FOR NO KEY UPDATE OF run
    )"""
_INSERTED = f""", inserted AS (
        INSERT INTO engine_checkpoint ({_COLUMNS})
        SELECT {_VALUES} FROM {_ROWS} JOIN owned ON owned.id = row.run_id AND owned.fence = row.fence
    )"""
_INSERT_IF_OWNED = f"{_OWNED}{_INSERTED} SELECT id, fence FROM owned"
# The same, and those that are over end, unless something is still open for them. The question about waits is asked run
# by run, so that no plan can make it a scan of all waits.
_ENDED = """, ended AS (
        UPDATE engine_run run SET status = final.status, output = final.output, error = final.error::jsonb,
            ended_at = final.ended_at, updated_at = final.ended_at, worker_id = NULL, claims = 0
        FROM unnest(%b::uuid[], %b::bigint[], %b::text[], %b::bytea[], %b::text[], %b::timestamptz[])
            AS final (id, fence, status, output, error, ended_at) JOIN owned USING (id, fence)
        WHERE run.id = final.id AND run.status = 'running'
            AND (SELECT wait.run_id FROM engine_wait wait WHERE wait.run_id = run.id LIMIT 1) IS NULL
        RETURNING run.id
    )
    SELECT owned.id, owned.fence, ended.id IS NOT NULL FROM owned LEFT JOIN ended ON ended.id = owned.id"""
_END_IF_OWNED = f"{_OWNED}{_ENDED}"
_INSERT_AND_END_IF_OWNED = f"{_OWNED}{_INSERTED}{_ENDED}"
# The same for one checkpoint: binding fifteen arrays would cost more than the statement.
_INSERT_ONE_IF_OWNED = f"""
    WITH owned AS (
        SELECT id, workspace_id, fence FROM engine_run WHERE id = %b AND fence = %b FOR NO KEY UPDATE
    )
    INSERT INTO engine_checkpoint ({_COLUMNS})
    SELECT id, workspace_id, fence, %b, %b, %b, %b, %b, %b, %b, %b, %b::jsonb, %b, %b, %b, false
    FROM owned"""
# The caller holds the runs' locks already.
_INSERT = f"INSERT INTO engine_checkpoint ({_COLUMNS}) SELECT {_VALUES} FROM {_ROWS}"

# How many runs end at once; the caller holds their locks.
_END = """
    UPDATE engine_run run SET status = ended.status, output = ended.output, error = ended.error::jsonb,
        ended_at = ended.ended_at, updated_at = %b, worker_id = NULL, claims = 0
    FROM unnest(%b::uuid[], %b::text[], %b::bytea[], %b::text[], %b::timestamptz[])
        AS ended (id, status, output, error, ended_at)
    WHERE run.id = ended.id"""

# A run queued now stands one behind its workspace's last, never ahead of the line itself (claims.virtual_time).
_PLACE = """1 + GREATEST(0,
    (SELECT vtime FROM engine_run
        WHERE status = 'queued' AND NOT held AND workspace_id = %s ORDER BY vtime DESC LIMIT 1),
    (SELECT vtime FROM engine_run WHERE status = 'queued' AND NOT held ORDER BY vtime LIMIT 1))"""

# The next ready runs in fair order: those of lost workers first, then by their workspaces' virtual time. Not while
# somebody stands in this line whose place alone does not say when it is its turn: then line/turns.py says who goes. The
# choice stands in an array, which is made once: a join may ask for it again for each row, and take more than its limit.
# Each queue is read by its own stretch of an index, so that what stands in a queue that nobody serves costs nothing.
_READY = "status = 'queued' AND NOT held AND claims BETWEEN %(least)s AND %(most)s"
_ORDERED = """(SELECT true FROM {line} AND (NOT priority = 0 OR overtaken)
        ORDER BY queue, workspace_id, priority DESC, id LIMIT 1)"""
_CHOICE = "SELECT id FROM {line} ORDER BY rank, vtime, id LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED"
# Of several queues: their lines are merged as far as they are needed and no further. A limit that is not known when the
# plan is made keeps it from sorting them whole, and what another claim holds is passed over row by row.
_STRETCH = "(SELECT id, rank, vtime FROM {line} ORDER BY rank, vtime, id LIMIT %(all)s)"
_MERGED = f"""SELECT taken.id
        FROM (SELECT id FROM ({{stretches}}) AS lines ORDER BY rank, vtime, id LIMIT %(all)s) AS next,
        LATERAL (SELECT id FROM engine_run WHERE id = next.id AND {_READY} FOR NO KEY UPDATE SKIP LOCKED) AS taken
        LIMIT %(limit)s"""
_ALL = 2**31
# Asked in the same statement, and of the server's clock too: who slept through its lease, even between telling the time
# and asking, would claim what is at once taken from it again as from the dead.
_LEASED = """EXISTS (SELECT 1 FROM engine_worker
        WHERE id = %(worker)s AND lease_until > GREATEST(%(now)s, clock_timestamp()))"""
_CLAIM = f"""
    UPDATE engine_run SET status = 'running', worker_id = %(worker)s, fence = fence + 1, claims = claims + 1,
        wake = false, started_at = COALESCE(started_at, %(now)s), updated_at = %(now)s
    WHERE id = ANY(ARRAY({{choice}})) AND {{ordered}} IS NULL AND (NOT %(leased)s OR {_LEASED})
    RETURNING id, rank, vtime"""


type Held = tuple[UUID, int]  # a run and the fence it is held by


def insert_checkpoints_if_owned(batch: Sequence[Write], lock: Iterable[UUID] = ()) -> set[Held]:
    """Insert in one statement and one round trip what its runs' fences still allow; returns what is still held.

    The runs of `lock` are locked as well.
    """
    if not lock and len(batch) == 1 and len(batch[0].checkpoints) == 1:
        return _insert_one(batch[0])
    held: set[tuple[UUID, int | None]] = {(write.run_id, write.fence) for write in batch}
    held |= {(run_id, None) for run_id in lock}
    with _cursor() as cursor:
        cursor.execute(_INSERT_IF_OWNED, [*map(list, zip(*held, strict=True)), *_arrays(batch)])
        return set(cursor.fetchall())


def insert_and_end_if_owned(batch: Sequence[Write]) -> tuple[set[Held], set[Held]]:
    """The same for checkpoints and plain ends together; returns what is still held, and what of that has ended."""
    ends = [(write, write.end) for write in batch if write.end is not None]
    now = clock.now()
    held = {(write.run_id, write.fence) for write in batch}
    final = [
        [write.run_id for write, _ in ends],
        [write.fence for write, _ in ends],
        [str(end.status) for _, end in ends],
        [end.output for _, end in ends],
        [None if end.error is None else json.dumps(end.error) for _, end in ends],
        [now] * len(ends),
    ]
    statement, rows = _END_IF_OWNED, list[Any]()
    if len(ends) < len(batch):
        statement, rows = _INSERT_AND_END_IF_OWNED, _arrays(batch)
    with _cursor() as cursor:
        cursor.execute(statement, [*map(list, zip(*held, strict=True)), *rows, *final])
        found = cursor.fetchall()
    return {(id_, fence) for id_, fence, _ in found}, {(id_, fence) for id_, fence, ended in found if ended}


def _insert_one(write: Write) -> set[Held]:
    row = write.checkpoints[0]
    error = None if row.error is None else json.dumps(row.error)
    with _cursor() as cursor:
        cursor.execute(
            _INSERT_ONE_IF_OWNED,
            [
                write.run_id,
                write.fence,
                row.name,
                row.occurrence,
                row.seq,
                row.kind,
                row.status,
                row.args_hash,
                row.input,
                row.output,
                error,
                row.attempts,
                row.started_at,
                row.ended_at,
            ],
        )
        return {(write.run_id, write.fence)} if cursor.rowcount else set()


def insert_checkpoints(batch: Sequence[Write]) -> None:
    """Insert checkpoints of runs that the caller has locked and compared."""
    if any(write.checkpoints for write in batch):
        with _cursor() as cursor:
            cursor.execute(_INSERT, _arrays(batch))


def end_runs(runs: Sequence[Run], now: datetime) -> None:
    """Store how these runs ended."""
    if runs:
        errors = [None if run.error is None else json.dumps(run.error) for run in runs]
        with _cursor() as cursor:
            cursor.execute(
                _END,
                [
                    now,
                    [run.id for run in runs],
                    [str(run.status) for run in runs],
                    [run.output for run in runs],
                    errors,
                    [run.ended_at for run in runs],
                ],
            )


def start_run(run: Run, entry: Model) -> bool:
    """Insert a run at its place in line, and the log entry of its start: one statement, one round trip.

    False when a run with its idempotency key exists; then nothing was inserted.
    """
    values = [*_values(run), run.workspace_id, *_values(entry)]
    with _cursor() as cursor:
        cursor.execute(_start_statement(type(run), type(entry)), values)
        return cursor.rowcount == 1


@cache
def _start_statement(run: type[Model], entry: type[Model]) -> str:
    return f"""
        WITH run AS (
            INSERT INTO {run._meta.db_table} ({_names(run)}, vtime) VALUES ({_marks(run)}, {_PLACE})
            ON CONFLICT DO NOTHING RETURNING 1
        )
        INSERT INTO {entry._meta.db_table} ({_names(entry)}) SELECT {_marks(entry)} FROM run"""


@cache
def _fields(model: type[Model]) -> list[Field[Any, Any]]:
    return [field for field in model._meta.concrete_fields if field.attname != "vtime" and not field.generated]


def _names(model: type[Model]) -> str:
    return ", ".join(str(field.column) for field in _fields(model))


def _marks(model: type[Model]) -> str:
    return ", ".join("%s" for _ in _fields(model))


def _values(row: Model) -> list[Any]:
    return [field.get_db_prep_save(getattr(row, field.attname), connection) for field in _fields(type(row))]


def claim(
    worker_id: UUID, queues: Sequence[str], limit: int, claims: tuple[int, int], *, leased: bool
) -> list[UUID] | None:
    """Take up to `limit` ready runs that have been claimed so often since their last progress.

    None, and nothing taken, while somebody in this line has a priority.
    """
    line: dict[str, Any] = {"least": claims[0], "most": claims[1]}
    line |= {f"queue{number}": queue for number, queue in enumerate(queues)}
    claiming, anybody = _claiming(len(queues))
    with _cursor() as cursor:
        taking = {"worker": worker_id, "leased": leased, "now": clock.now(), "limit": limit, "all": _ALL}
        cursor.execute(claiming, line | taking)
        rows = cursor.fetchall()
        if not rows and cursor.execute(anybody, line).fetchone() != (None,):
            return None
    return [row[0] for row in sorted(rows, key=lambda row: (row[1], row[2], row[0]))]


@cache
def _claiming(queues: int) -> tuple[str, str]:
    """The claim from so many queues (none: from all), and the question whether anybody there has a priority."""
    named = [f"engine_run WHERE queue = %(queue{number})s AND {_READY}" for number in range(queues)]
    lines = named or [f"engine_run WHERE {_READY}"]
    ordered = f"COALESCE({', '.join(_ORDERED.format(line=line) for line in lines)})"
    choice = _CHOICE.format(line=lines[0])
    if len(lines) > 1:
        choice = _MERGED.format(stretches=" UNION ALL ".join(_STRETCH.format(line=line) for line in lines))
    return _CLAIM.format(choice=choice, ordered=ordered), f"SELECT {ordered}"


def _arrays(batch: Sequence[Write]) -> list[list[Any]]:
    rows = [
        (
            write.run_id,
            write.workspace_id,
            write.fence,
            row.name,
            row.occurrence,
            row.seq,
            row.kind,
            row.status,
            row.args_hash,
            row.input,
            row.output,
            None if row.error is None else json.dumps(row.error),
            row.attempts,
            row.started_at,
            row.ended_at,
        )
        for write in batch
        for row in write.checkpoints
    ]
    return [list(column) for column in zip(*rows, strict=True)]


@contextmanager
def _cursor() -> Iterator[psycopg.Cursor[Any]]:
    """A server-side-binding cursor on this thread's connection: statements are prepared, parameters may be binary.

    What psycopg raises in the block arrives as Django's errors, by which callers tell an absent database from bad data.
    """
    connection.ensure_connection()
    raw = connection.connection
    with connection.wrap_database_errors:
        _tune(raw)
        with psycopg.Cursor(raw) as cursor:
            yield cursor


def _tune(raw: psycopg.Connection[Any]) -> None:
    """Have statements prepared, which Django turns off: parsing and planning one costs twice as much as running it."""
    now = time.monotonic()
    planned = _planned.get(raw)
    if planned is None:
        raw.execute("SET plan_cache_mode = force_generic_plan")
        raw.prepare_threshold = 2
    elif now - planned > PLANS_SECONDS:
        # A plan made while a table was tiny scans it whole, and would go on doing so when it has grown.
        raw.execute("DISCARD PLANS")
    else:
        return
    _planned[raw] = now


PLANS_SECONDS = 2.0
_planned: WeakKeyDictionary[psycopg.Connection[Any], float] = WeakKeyDictionary()
