"""One broadcaster a process: what changed goes to every subscribed client, and to the other processes.

A hint says only "look again", so losing one costs freshness, not facts, and the same hint twice is as good as once.
A client that does not keep up gets one hint without a key for the whole topic. Hints are delivered from any thread.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Collection
from uuid import UUID

from .carriers import carrier
from .hints import Carrier, Hint

_PENDING_HINTS = 100
_REMEMBERED_HINTS = 2000
_CLOCK_MARGIN = 2.0


class Subscription:
    """One client's pending hints, each once. Iterated on its own event loop; the rest may be called from any thread."""

    def __init__(self, workspace_id: UUID, topics: Collection[str]) -> None:
        self.workspace_id = workspace_id
        self.topics = frozenset(topics)
        self._loop = asyncio.get_running_loop()
        self._pending: dict[tuple[str, str], None] = {}
        self._something = asyncio.Event()
        self._ended = False

    def offer(self, hint: Hint) -> None:
        """Pass a hint on if the client asked for it."""
        if hint.workspace_id != self.workspace_id:
            return
        for topic in {hint.topic, f"{hint.topic}:{hint.key}"} & self.topics:
            self._call(self._put, topic, hint.key)

    def refresh(self) -> None:
        """Tell the client to look at everything again: hints may have been missed."""
        for topic in self.topics:
            self._call(self._put, topic, "")

    def end(self) -> None:
        """Let the iteration end."""
        self._call(self._stop)

    async def next(self) -> tuple[str, str] | None:
        """The next (topic, key), the key empty for "anything of it"; None at the end."""
        while not self._pending and not self._ended:
            await self._something.wait()
            self._something.clear()
        if self._ended:
            return None
        hint = next(iter(self._pending))
        del self._pending[hint]
        return hint

    def _put(self, topic: str, key: str) -> None:
        if len(self._pending) >= _PENDING_HINTS:
            self._pending = dict.fromkeys((one, "") for one in sorted(self.topics))
        self._pending[topic, key] = None
        self._something.set()

    def _stop(self) -> None:
        self._ended = True
        self._something.set()

    def _call(self, callback: object, *args: object) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(callback, *args)  # type: ignore[arg-type]


class Broadcaster:
    """The subscriptions of this process, and the carrier that brings other processes' hints while there are any."""

    def __init__(self, carrier: Carrier | None = None) -> None:
        self._lock = threading.RLock()  # close() may come from a signal handler, in the middle of anything
        self._subscriptions: set[Subscription] = set()
        self._recent: deque[tuple[float, Hint]] = deque(maxlen=_REMEMBERED_HINTS)
        self._since = time.time()
        self._carrier = carrier
        self._carrying = False
        self._closed = False

    def publish(self, hint: Hint) -> None:
        """Tell the clients of this process and of all others; never blocks, never fails the caller."""
        self.deliver(hint)
        if self._carrier:
            self._carrier.send(hint)

    def deliver(self, hint: Hint) -> None:
        """Tell the clients of this process."""
        with self._lock:
            self._recent.append((time.time(), hint))
            subscriptions = list(self._subscriptions)
        for subscription in subscriptions:
            subscription.offer(hint)

    def refresh(self) -> None:
        """Hints may have been missed: tell every client to look again."""
        with self._lock:
            self._recent.clear()
            self._since = time.time()
            subscriptions = list(self._subscriptions)
        for subscription in subscriptions:
            subscription.refresh()

    def add(self, subscription: Subscription, since: float | None = None) -> None:
        """Begin to serve a client; `since` (Unix time) is when it last looked, so that nothing between is missed."""
        with self._lock:
            self._subscriptions.add(subscription)
            missed = self._since_then(since) if since is not None else []
            first, self._carrying = not self._carrying, True
        if missed is None:
            subscription.refresh()
        for hint in missed or []:
            subscription.offer(hint)
        if self._closed:
            subscription.end()
        elif first and self._carrier:
            self._carrier.start(self)

    def remove(self, subscription: Subscription) -> None:
        """Stop serving a client."""
        with self._lock:
            self._subscriptions.discard(subscription)

    def workspaces(self) -> set[UUID]:
        """The workspaces that clients are looking at."""
        with self._lock:
            return {subscription.workspace_id for subscription in self._subscriptions}

    def close(self) -> None:
        """The server stops: end every stream now rather than at its timeout."""
        self._closed = True
        if self._carrier:
            self._carrier.stop()
        with self._lock:
            subscriptions = list(self._subscriptions)
        for subscription in subscriptions:
            subscription.end()

    def _since_then(self, since: float) -> list[Hint] | None:
        """The hints after that moment; None when they are no longer all remembered."""
        since -= _CLOCK_MARGIN
        full = len(self._recent) == _REMEMBERED_HINTS
        if since < (self._recent[0][0] if full else self._since - _CLOCK_MARGIN):
            return None
        return [hint for at, hint in self._recent if at >= since]


_broadcaster: Broadcaster | None = None
_making = threading.RLock()


def broadcaster() -> Broadcaster:
    """This process's broadcaster."""
    global _broadcaster
    with _making:
        if _broadcaster is None:
            _broadcaster = Broadcaster(carrier())
        return _broadcaster


async def subscribe(
    workspace_id: UUID, topics: Collection[str], since: float | None = None
) -> AsyncIterator[tuple[str, str]]:
    """(topic, key) as things change, until the server stops. A topic is "inbox" or, for one thing, "run:<id>".

    An empty key means that anything of the topic may have changed.
    """
    subscription = Subscription(workspace_id, topics)
    broadcaster().add(subscription, since)
    try:
        while (hint := await subscription.next()) is not None:
            yield hint
    finally:
        broadcaster().remove(subscription)


def on_changed(sender: object, *, workspace_id: UUID, topic: str, key: str, **_: object) -> None:
    """The engine's voice, passed on."""
    broadcaster().publish(Hint(workspace_id, topic, key))
