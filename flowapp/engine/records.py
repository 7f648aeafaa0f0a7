"""What passes between a run's driver and the store: plain values that nobody changes, no behaviour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import models

from .models import Attempt, Run, Wait
from .states import RunStatus, StepStatus

RAN_OUT = b""  # the outcome of a wait whose deadline passed

type Key = tuple[str, int]  # step name, occurrence


@dataclass(slots=True)  # not frozen: a step makes one, and frozen ones cost five times as much to make
class CheckpointRow:
    """The outcome of a step or wait, ready to be stored."""

    name: str
    occurrence: int
    seq: int
    kind: str
    status: str
    args_hash: bytes
    input: bytes | None
    output: bytes | None
    error: dict[str, Any] | None
    attempts: int
    started_at: datetime
    ended_at: datetime


@dataclass(slots=True, frozen=True)
class AttemptRow:
    """An attempt that failed (`ended_at` set) or that runs long enough to be shown."""

    name: str
    occurrence: int
    number: int
    args_hash: bytes
    started_at: datetime
    ended_at: datetime | None = None
    retry_at: datetime | None = None
    error: dict[str, Any] | None = None


@dataclass(slots=True, frozen=True)
class OpenWait:
    """A wait to register, with the rows of other rooms that belong to it."""

    name: str
    occurrence: int
    kind: str
    args_hash: bytes
    since: datetime
    due_at: datetime | None = None
    subject: str = ""
    match: bytes = b""
    detail: dict[str, Any] = field(default_factory=dict)
    also: Sequence[models.Model] = ()


@dataclass(slots=True, frozen=True)
class End:
    """How a run ends, or stops for a person (`needs_attention`)."""

    status: RunStatus
    output: bytes | None = None
    error: dict[str, Any] | None = None
    new_input: bytes | None = None
    compare: tuple[Key, bytes] | None = None  # the step whose recorded arguments the error is to show beside these


@dataclass(slots=True, eq=False)
class Write:
    """Everything one run wants committed at once."""

    run_id: UUID
    workspace_id: UUID
    fence: int
    parent_id: UUID | None = None
    limit_id: UUID | None = None
    checkpoints: Sequence[CheckpointRow] = ()
    attempts: Sequence[AttemptRow] = ()
    drop: Sequence[Key] = ()
    give_back: Sequence[tuple[str, Key]] = ()  # (kind, key) of what arrived for calls that the body had given up
    open: Sequence[OpenWait] = ()
    collect: bool = False
    suspend: bool = False
    pausing: bool = False  # it suspends for a pause only: had that been taken back, the run would go on
    requeue: bool = False
    end: End | None = None
    early: bool = False  # its checkpoints are of code that has not made all calls that were recorded before

    @property
    def simple(self) -> bool:
        """Whether it is checkpoints alone, which PostgreSQL takes in one statement."""
        more = self.drop or self.open or self.collect or self.suspend or self.requeue or self.end
        return not (more or self.attempts or self.give_back or self.early)

    @property
    def plain_end(self) -> bool:
        """Whether it only ends a run that no other run waits for, which PostgreSQL takes in that statement as well."""
        end = self.end
        return (
            end is not None
            and end.status != RunStatus.NEEDS_ATTENTION
            and (end.new_input, end.compare, self.parent_id) == (None, None, None)
            and not (self.checkpoints or self.attempts or self.drop or self.give_back or self.open)
        )

    @property
    def cancelled(self) -> set[Key]:
        """The calls that the body gave up: what had arrived for them was not taken."""
        return {(row.name, row.occurrence) for row in self.checkpoints if row.status == StepStatus.CANCELLED}


@dataclass(slots=True, frozen=True)
class Arrival:
    """What arrived for an open wait."""

    name: str
    occurrence: int
    outcome: bytes
    arrived_at: datetime
    since: datetime
    asks: bool = False


@dataclass(slots=True, frozen=True)
class Written:
    """What a committed write found."""

    suspended: bool = False
    pausing: bool = False
    arrivals: tuple[Arrival, ...] = ()


type Outcome = Written | Exception
DONE = Written()


@dataclass(slots=True)  # not frozen: a long history has thousands
class Recorded:
    """A stored checkpoint as replay needs it; a large output is read later."""

    name: str
    occurrence: int
    seq: int
    kind: str
    status: str
    args_hash: bytes
    output: bytes | None
    error: dict[str, Any] | None
    ended_at: datetime
    size: int = 0
    large: bool = False
    early: bool = False


@dataclass(slots=True, frozen=True)
class History:
    """What a claimed run did before."""

    checkpoints: tuple[Recorded, ...] = ()
    waits: tuple[Wait, ...] = ()
    attempts: tuple[Attempt, ...] = ()


@dataclass(slots=True, frozen=True)
class Claimed:
    """A run this worker now owns."""

    run: Run
    history: History
