"""The people and systems around the installation: they start runs, send signals and events, and decide prompts.

Whoever gets no answer tries again in the way the product promises to be safe; how many calls failed is counted.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from uuid import UUID

from django.db import Error, close_old_connections, connection

from approvals import actions as approvals
from approvals import queries as prompts
from approvals.states import AlreadyDecided, PromptStatus
from flowapp.engine import runs
from flowapp.engine.models import Run, Signal
from flowapp.engine.triggering import events
from flowapp.tenancy.actors import SYSTEM, Actor
from flowapp.tenancy.scope import scoped
from tests.torture import workflows
from tests.torture.started import Started
from tests.torture.terms import SIGNALS

LIVE_AT_MOST = 70  # runs
SCRIPTS = 24  # at once


class GaveUp(Exception):
    """The torture is over."""


class Load:
    """Keeps some runs going, of all kinds in turn."""

    def __init__(self, workspace_id: UUID, deciders: dict[str, Actor], seed: int) -> None:
        self._workspace_id = workspace_id
        self._deciders = deciders
        self.seed = seed
        self._random = random.Random(seed + 1)
        self._over = threading.Event()
        self._full = threading.Event()
        self._pool = ThreadPoolExecutor(SCRIPTS)
        self._feeder = threading.Thread(target=self._feed)
        self.started: list[Started] = []
        self.refusals: list[str] = []
        self._scripts: list[Future[None]] = []
        self.calls, self.errors = 0, 0
        self.release = 1
        self.retried = 0

    def start(self) -> None:
        self._feeder.start()

    def finish(self) -> None:
        """Start no more."""
        self._full.set()
        self._feeder.join()

    def give_up(self) -> None:
        """End the scripts that still wait for something."""
        self._over.set()
        self._pool.shutdown(wait=True)

    def retry_the_innocent(self) -> int:
        """Let runs go on that died with others too often: what a person does who looks at them. How many they were."""
        with scoped(self._workspace_id):
            blamed = Run.objects.filter(status="needs_attention", error__type="PoisonRun").exclude(workflow="poison")
            ids = list(blamed.values_list("id", flat=True))
            for run_id in ids:
                runs.retry(run_id, by=SYSTEM)
        self.retried += len(ids)
        return len(ids)

    def _feed(self) -> None:
        n = 0
        while not self._full.is_set():
            if self._live() < LIVE_AT_MOST:
                kind = workflows.KINDS[n % len(workflows.KINDS)]
                self._begin(Started(kind, n, self.release if kind == "steps" else 1))
                if n % 120 == 60:
                    self._begin(Started("poison", n, 1))
                n += 1
            time.sleep(0.03)

    def _live(self) -> int:
        def count() -> int:
            return Run.objects.filter(ended_at__isnull=True).exclude(status="needs_attention").count()

        return self._call(count)

    def _begin(self, started: Started) -> None:
        self.started.append(started)
        self._scripts = [one for one in self._scripts if not one.done()]
        self._scripts.append(self._pool.submit(self._script, started))

    @property
    def idle(self) -> bool:
        """Whether every script has come to its end."""
        return all(one.done() for one in self._scripts)

    def _script(self, started: Started) -> None:
        n = started.n
        input = {"id": f"o{n}"} if started.kind == "listens" else n
        key = f"{started.kind}-{n}"
        try:
            started.run_id = self._call(
                lambda: runs.start(started.kind, input, by=SYSTEM, idempotency_key=key, version=started.version).id
            )
            if started.kind == "signals":
                self._signal(started.run_id)
            elif started.kind == "listens":
                self._publish(n)
            elif started.kind == "asks":
                self._race(started)
        except GaveUp:
            pass
        except Exception as error:  # noqa: BLE001 - whatever it is, somebody was refused what they were promised
            self.refusals.append(f"{started.kind} {started.run_id}: {type(error).__name__}: {error}")
        finally:
            connection.close()

    def _signal(self, run_id: UUID) -> None:
        for number in range(SIGNALS):
            time.sleep(self._random.uniform(0, 0.5))

            def send(number: int = number) -> None:
                # Signals have no key: whoever lost the answer looks before sending again.
                if Signal.objects.filter(run_id=run_id).count() == number:
                    runs.signal(run_id, "number", number, by=SYSTEM)

            self._call(send)

    def _publish(self, n: int) -> None:
        for order, amount in ((f"x{n}", -1), (f"o{n}", n)):
            data = {"order": order, "amount": amount}
            self._call(partial(events.publish, "paid", data, by=SYSTEM, id=f"paid-{order}"))
            time.sleep(self._random.uniform(0, 0.4))

    def _race(self, started: Started) -> None:
        def asked() -> UUID | None:
            page = prompts.prompt_page(status=PromptStatus.PENDING, run_id=started.run_id)
            return next((prompt.id for prompt in page.items), None)

        while (prompt_id := self._call(asked)) is None:
            time.sleep(0.1)
            if self._over.is_set():
                raise GaveUp
        together = threading.Barrier(2)
        names = {"bo": "approve", "vera": "deny"}
        with ThreadPoolExecutor(2) as pool:
            racing = [pool.submit(self._decide, prompt_id, who, outcome, together) for who, outcome in names.items()]
        started.won = tuple(outcome for one in racing if (outcome := one.result()))

    def _decide(self, prompt_id: UUID, who: str, outcome: str, together: threading.Barrier) -> str:
        """The outcome, when this person's decision is the one that counts."""

        def decide() -> str:
            try:
                by = self._deciders[who]
                return approvals.decide(prompt_id, by=by, outcome=outcome, channel="api").outcome
            except AlreadyDecided:
                return ""

        together.wait(timeout=20)
        try:
            return self._call(decide)
        finally:
            connection.close()

    def _call[T](self, call: Callable[[], T]) -> T:
        """Call until there is an answer."""
        while True:
            self.calls += 1
            try:
                close_old_connections()
                with scoped(self._workspace_id):
                    return call()
            except Error:
                self.errors += 1
                connection.close()
            if self._over.is_set():
                raise GaveUp
            time.sleep(0.4)
