"""Hints between processes over Redis pub/sub, by two threads: one sends what queued up, one listens."""

import atexit
import json
import logging
import os
import queue
import threading
import uuid
from contextlib import suppress
from typing import Any
from uuid import UUID

import redis

from .hints import Hint, Sink

log = logging.getLogger(__name__)

CHANNEL = "flowapp:hints"
_QUEUED_HINTS = 10_000
_PAUSE = 1.0  # between attempts while Redis is away
_LAST_WORDS = 1.0


class RedisCarrier:
    """Sends hints in the background; one that Redis does not take is dropped, as hints may be."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._origin = uuid.uuid4().hex
        self._stopped = threading.Event()
        self._begin()
        os.register_at_fork(after_in_child=self._begin)
        atexit.register(self._flush)

    def _begin(self) -> None:
        """Threads do not survive a fork, and a fork's hints are another origin's."""
        self._outgoing: queue.Queue[Hint] = queue.Queue(_QUEUED_HINTS)
        self._starting = threading.Lock()
        self._sender: threading.Thread | None = None
        self._sent = threading.Event()
        self._sent.set()

    def send(self, hint: Hint) -> None:
        with suppress(queue.Full):
            self._outgoing.put_nowait(hint)
        with self._starting:
            if self._sender is None:
                self._sender = threading.Thread(target=self._send, name="flowapp-hints-out", daemon=True)
                self._sender.start()

    def start(self, sink: Sink) -> None:
        threading.Thread(target=self._listen, args=(sink,), name="flowapp-hints-in", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def _flush(self) -> None:
        """Give a process that ends right after its last change a moment to tell of it."""
        if not self._outgoing.empty() or not self._sent.is_set():
            self._sent.wait(_LAST_WORDS)

    def _client(self) -> "redis.Redis":
        return redis.Redis.from_url(
            self._url, socket_timeout=2, socket_connect_timeout=2, socket_keepalive=True, health_check_interval=10
        )

    def _send(self) -> None:
        client = self._client()
        while True:
            hints = [self._outgoing.get()]
            self._sent.clear()
            with suppress(queue.Empty):
                while len(hints) < _QUEUED_HINTS:
                    hints.append(self._outgoing.get_nowait())
            self._publish(client, dict.fromkeys(hints))
            self._sent.set()

    def _publish(self, client: "redis.Redis", hints: dict[Hint, None]) -> None:
        try:
            with client.pipeline(transaction=False) as pipe:
                for hint in hints:
                    pipe.publish(CHANNEL, json.dumps([self._origin, str(hint.workspace_id), hint.topic, hint.key]))
                pipe.execute()
        except redis.RedisError as error:
            log.warning("%d hints not sent, Redis is away: %s", len(hints), error)
            self._stopped.wait(_PAUSE)

    def _listen(self, sink: Sink) -> None:
        first = True
        while not self._stopped.is_set():
            try:
                with self._client().pubsub(ignore_subscribe_messages=True) as pubsub:  # type: ignore[no-untyped-call]
                    pubsub.subscribe(CHANNEL)
                    if not first:
                        sink.refresh()
                    first = False
                    self._receive(pubsub, sink)
            except redis.RedisError as error:
                if not self._stopped.is_set():
                    log.warning("not listening for hints, Redis is away: %s", error)
                self._stopped.wait(_PAUSE)

    def _receive(self, pubsub: Any, sink: Sink) -> None:
        while not self._stopped.is_set():
            message = pubsub.get_message(timeout=1.0)
            if message is None:
                continue
            origin, workspace_id, topic, key = json.loads(message["data"])
            if origin != self._origin:
                sink.deliver(Hint(UUID(workspace_id), topic, key))
