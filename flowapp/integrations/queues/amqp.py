"""Messages of an AMQP queue, over kombu: acknowledged after the commit of their event.

A message that fails goes to the end of its queue with its tries counted in a header, and after the last try to the
queue `<queue>.dead`, with the reason. Its property `message_id` tells a repeat; its header or property `type` names it.
"""

from __future__ import annotations

import logging
from typing import Any

from django.db import InterfaceError, OperationalError
from kombu import Connection, Consumer, Exchange, Queue

from .publishing import Message, NoSuchWorkspace, publish
from .sources import Source

logger = logging.getLogger("flowapp.integrations")
BLOCK_SECONDS = 1.0
AT_ONCE = 50
CONFIRM_SECONDS = 10.0
TRIES, ERROR = "x-flowapp-tries", "x-flowapp-error"


class QueueReader:
    """Reads one queue. `round` waits a moment for messages; whoever calls it deals with a broker that is away."""

    def __init__(self, source: Source, *, block_seconds: float = BLOCK_SECONDS) -> None:
        self.source = source
        self._block = block_seconds
        # Without confirms a message that the broker never took would be acknowledged after it was "put back".
        self._connection = Connection(
            source.url, connect_timeout=5, heartbeat=30, transport_options={"confirm_publish": True}
        )
        self._consumer: Any = None
        self._seen = 0
        self._failed: list[tuple[Any, str]] = []  # messages with what is wrong with them
        self._away: Exception | None = None

    def round(self) -> int:
        """Take what comes within a moment; how many messages that were."""
        if self._consumer is None:
            self._listen()
        self._seen, self._away = 0, None
        try:
            self._connection.drain_events(timeout=self._block)
        except TimeoutError:
            if self._connection.supports_heartbeats:
                self._connection.heartbeat_check()
        while self._failed and self._away is None:
            message, reason = self._failed.pop(0)
            self._put_back(message, reason)
            message.ack()
        if self._away is not None:
            raise self._away
        return self._seen

    def close(self) -> None:
        """Hang up: what was not acknowledged goes back to the queue."""
        self._connection.release()

    def _listen(self) -> None:
        self._connection.ensure_connection(max_retries=1)
        channel = self._with_queue(self.source.queue)
        queue = _queue(self.source.queue)(channel)
        self._consumer = Consumer(channel, [queue], on_message=self._handle, prefetch_count=AT_ONCE, auto_declare=False)
        self._consumer.consume()

    def _with_queue(self, name: str) -> Any:
        """A channel on which the queue exists. Whoever made it chose its options; only a missing one is made here."""
        channel = self._connection.channel()
        try:
            _queue(name)(channel).queue_declare(passive=True)
        except self._connection.channel_errors:
            channel = self._connection.channel()
            _queue(name)(channel).queue_declare()
        return channel

    def _handle(self, message: Any) -> None:
        self._seen += 1
        try:
            publish(self.source, _message(message))
        except (OperationalError, InterfaceError, NoSuchWorkspace) as error:
            message.requeue()  # not the message's fault
            self._away = error
        except Exception as error:  # noqa: BLE001 - whatever a message causes must not stop the others
            self._failed.append((message, f"{type(error).__name__}: {error}"))
        else:
            message.ack()

    def _put_back(self, message: Any, reason: str) -> None:
        """Queue it once more, or put it aside, loudly; it is acknowledged after that, so it is never nowhere.

        Not while it is being handled: waiting for the broker's word hands out further messages.
        """
        tries = _number(message.headers.get(TRIES)) + 1
        to = self.source.queue
        if tries >= self.source.tries:
            to = self.source.dead
            logger.error("a message of %s is put into %s: %s", self.source.label, to, reason)
        else:
            logger.warning("a message of %s failed, try %d: %s", self.source.label, tries, reason)
        channel = self._with_queue(to)
        self._connection.Producer(channel).publish(
            message.body,
            routing_key=to,
            exchange="",
            headers={**message.headers, TRIES: tries, ERROR: reason[:1000]},
            content_type=message.content_type,
            content_encoding=message.content_encoding,
            message_id=message.properties.get("message_id"),
            type=message.properties.get("type"),
            delivery_mode=2,
            confirm_timeout=CONFIRM_SECONDS,
        )
        channel.close()


def _queue(name: str) -> Any:
    return Queue(name, Exchange(""), name, durable=True)


def _message(message: Any) -> Message:
    body = message.body if isinstance(message.body, bytes) else str(message.body).encode()
    name = message.headers.get("type") or message.properties.get("type") or ""
    return Message(str(message.properties.get("message_id") or ""), str(name), body)


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
