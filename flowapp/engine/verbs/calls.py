"""What a workflow's body asked for and still awaits: step calls and waits, each with its future."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID, uuid5

from django.db.models import Model

from flowapp.engine.registry import StepDefinition
from flowapp.tenancy.actors import Actor
from flowapp.tenancy.ids import uuid7_at

if TYPE_CHECKING:
    from flowapp.engine.records import OpenWait

type Key = tuple[str, int]
type Decode = Callable[[bytes | None], Any]  # None: the wait ran out


class CallHost(Protocol):
    """Who is told that a call was cancelled by the body."""

    def withdraw(self, call: Call) -> None: ...


class CallFuture(asyncio.Future[Any]):
    """The future of a call; cancelling it withdraws the call."""

    call: Call
    host: CallHost

    def cancel(self, msg: Any | None = None) -> bool:
        cancelled = super().cancel(msg)
        if cancelled:
            self.host.withdraw(self.call)
        return cancelled


@dataclass(slots=True, eq=False)
class Call:
    """One use of a step or wait by the body."""

    key: Key
    kind: str
    args_hash: bytes
    future: CallFuture
    decode: Decode
    step: StepDefinition[..., Any] | None = None
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    input: bytes | None = None
    idempotency_key: str = ""  # empty: the run's own
    attempt: int = 0
    task: asyncio.Task[None] | None = None
    opening: OpenWait | None = None
    prepare: Callable[[WaitTicket], Sequence[Model]] | None = None
    void: Callable[[bytes], bool] | None = None  # whether what arrived is no answer to what is asked
    begin: Callable[[], None] | None = None  # opens the wait
    anew: int = 0  # how often that was for want of an answer that counts
    since: datetime | None = None
    notes: dict[str, Any] | None = None  # what the step said of itself, for its span
    reserved: bool = False  # an atomic step whose own transaction is about to commit


@dataclass(frozen=True, slots=True)
class WaitTicket:
    """What a room needs to open its rows for a wait."""

    run_id: UUID
    workspace_id: UUID
    fence: int
    key: str
    workflow: str
    requester: Actor | None
    anew: int = 0

    def row_id(self, purpose: str) -> UUID:
        """The primary key of the row of this purpose: the same when a commit is repeated, new when opened anew."""
        again = f".{self.anew}" if self.anew else ""
        return uuid5(self.run_id, f"{self.key}:{purpose}:{self.fence}{again}")

    def run_id_at(self, moment: datetime) -> UUID:
        """The same for a child run, whose id carries the moment of its start as every run's does."""
        return uuid7_at(moment, self.row_id("child"))
