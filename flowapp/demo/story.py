"""What happened in the demo workspace before you came: real runs, started and decided through the same actions as any.

It is told in the order in which it happened, with the clock moved back to each moment; runs execute in this thread.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from uuid import UUID

from django.db import connection, transaction

from approvals import actions as approvals
from approvals.models import Prompt
from approvals.states import PromptStatus, Refused
from flowapp.audit.origin import Origin, coming_from
from flowapp.dispatch.immediate import ImmediateDispatcher
from flowapp.engine import clock, durations, queries, runs, sweep
from flowapp.engine.states import RunStatus
from flowapp.tenancy import queries as tenancy
from flowapp.tenancy.actors import Actor
from flowapp.tenancy.models import Workspace
from flowapp.tenancy.scope import scoped

from .scenes import NOW, PAST, Answer, Scene

_PATIENCE = 10.0  # seconds, should another worker have taken a run
_RETRIES = timedelta(seconds=2)  # by then the demo's payment provider has answered
_ESCALATES = timedelta(hours=49)  # an expense that nobody answers escalates by then, and expires as long after


@dataclass(frozen=True)
class Turn:
    """Something that happens at a moment: what somebody does, or nothing but what time has made due."""

    at: datetime
    happens: Callable[[], object] | None = None


@dataclass
class _Play:
    """A scene being told: its run, once it was started."""

    scene: Scene
    people: dict[str, Actor]
    run_id: UUID | None = None

    def turns(self, now: datetime) -> Iterator[Turn]:
        """What happens in it, and when."""
        at = now - durations.parse(self.scene.ago)
        yield Turn(at, self._begin)
        if self.scene.workflow == "refund":
            yield Turn(at + _RETRIES)
        elif not self.scene.answers:
            yield from (Turn(at + _ESCALATES * times) for times in (1, 2) if at + _ESCALATES * times < now)
        for answer in self.scene.answers:
            at += durations.parse(answer.after)
            if answer.claimed:
                yield Turn(at - durations.parse(answer.claimed), self._claiming(answer.prompt, answer.by))
            yield Turn(at, self._deciding(answer))
        if self.scene.claim:
            by, ago = self.scene.claim
            yield Turn(now - durations.parse(ago), self._claiming("", by))

    def _begin(self) -> None:
        by = self.people[self.scene.by]
        self.run_id = runs.start(self.scene.workflow, self.scene.input, by=by).id
        if self.scene.signal:
            runs.signal(self.run_id, *self.scene.signal, by=by)

    def _claiming(self, prompt: str, by: str) -> Callable[[], None]:
        return lambda: approvals.claim(self._asked(prompt), by=self.people[by], channel="web")

    def _deciding(self, answer: Answer) -> Callable[[], None]:
        def decide() -> None:
            approvals.decide(
                self._asked(answer.prompt),
                by=self.people[answer.by],
                outcome=answer.outcome,
                reasoning=answer.reasoning,
                data=answer.data,
                channel="web",
            )

        return decide

    def _asked(self, name: str) -> UUID:
        def asked() -> UUID | None:
            assert self.run_id is not None
            pending = Prompt.objects.filter(run_id=self.run_id, status=PromptStatus.PENDING)
            return pending.filter(**{"name": name} if name else {}).values_list("id", flat=True).first()

        return _until(f"the prompt {name}", asked)


def tell(workspace: Workspace) -> None:
    """Make it happen, and return when every run rests."""
    executor = ImmediateDispatcher()
    with _not_waiting_for_the_disk(), scoped(workspace.pk), coming_from(Origin("demo")), executor.installed():
        _tell(executor)


def _tell(executor: ImmediateDispatcher) -> None:
    with clock.travelling() as travel:
        people = {member.user.email.partition("@")[0]: tenancy.actor_for(member) for member in tenancy.members()}
        now = clock.now()
        plays = [_Play(scene, people) for scene in (*PAST, *NOW)]
        turns = sorted((turn for play in plays for turn in play.turns(now)), key=_moment)
        for at, together in groupby(turns, key=_moment):
            travel(at)
            _happen([turn.happens for turn in together if turn.happens], executor)
        travel(now)
        _until("the demo's runs to rest", lambda: _rest([play.run_id for play in plays if play.run_id]))


@contextmanager
def _not_waiting_for_the_disk() -> Iterator[None]:
    """SQLite need not have the disk confirm each of hundreds of commits: the story is told again in a new home."""
    if connection.vendor != "sqlite":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA synchronous=NORMAL")
        try:
            yield
        finally:
            cursor.execute("PRAGMA synchronous=FULL")


def _moment(turn: Turn) -> datetime:
    return turn.at


def _happen(deeds: Sequence[Callable[[], object]], executor: ImmediateDispatcher) -> None:
    """Let it be done as one, so that the runs it wakes go on side by side; without any, only time passes."""
    if not deeds:
        sweep.fire_due_waits()
        sweep.fire_due_timers()
        executor.drain()
        return
    with transaction.atomic():
        for deed in deeds:
            # Another worker may be up already, with the present time: what it let expire is past answering.
            with suppress(Refused, TimeoutError):
                deed()


def _rest(run_ids: Iterable[UUID]) -> bool:
    return not {RunStatus.QUEUED, RunStatus.RUNNING} & set(queries.statuses(list(run_ids)).values())


def _until[T](what: str, found: Callable[[], T | None]) -> T:
    """What `found` finds, once it does. Raises TimeoutError naming what did not come."""
    end = time.monotonic() + _PATIENCE
    while not (value := found()):
        if time.monotonic() > end:
            raise TimeoutError(f"waited {_PATIENCE:g} s for {what}")
        time.sleep(0.01)
    return value
