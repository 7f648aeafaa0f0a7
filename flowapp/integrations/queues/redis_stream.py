"""Messages of a Redis stream, read as one of a consumer group: acknowledged after the commit of their event.

What a reader did not acknowledge (it failed, or the reader died) is taken over and tried again; after the last try it
goes to the stream `<stream>:dead`, with the reason. A message has the field `data` with JSON, and may have `id` and
`name`; one without `data` becomes an object of its fields.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import redis
from django.db import InterfaceError, OperationalError
from pydantic_core import to_json

from .publishing import Message, NoSuchWorkspace, publish, text
from .sources import Source

logger = logging.getLogger("flowapp.integrations")
BLOCK_MS = 1000
AT_ONCE = 50
TAKE_OVER_MS = 30_000  # how long a message may be with a reader before it is tried again
MOST_DEAD = 10_000  # messages kept in the stream of dead ones
_META = ("id", "name", "data")

type Fields = Mapping[bytes, bytes]


class StreamReader:
    """Reads one stream. `round` does one read; whoever calls it deals with a Redis or a database that is away."""

    def __init__(self, source: Source, *, take_over_ms: int = TAKE_OVER_MS, block_ms: int = BLOCK_MS) -> None:
        self.source = source
        self._name = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:6]}"
        self._take_over, self._block = take_over_ms, block_ms
        self._redis: redis.Redis = redis.Redis.from_url(
            source.url, socket_connect_timeout=5, socket_timeout=block_ms / 1000 + 5
        )
        self._ready = False

    def round(self) -> int:
        """Take over what lies too long, then read what is new; how many messages were seen."""
        if not self._ready:
            self._make_group()
        queue, group = self.source.queue, self.source.group
        taken: Any = self._redis.xautoclaim(queue, group, self._name, self._take_over, "0-0", count=AT_ONCE)
        late = [(id, fields) for id, fields in taken[1] if fields]
        for id, fields in late:
            self._handle(id, fields, tries=self._tries(id))
        found: Any = self._redis.xreadgroup(group, self._name, {queue: ">"}, count=AT_ONCE, block=self._block)
        fresh = [one for _, messages in found or () for one in messages]
        for id, fields in fresh:
            self._handle(id, fields, tries=1)
        return len(late) + len(fresh)

    def close(self) -> None:
        """Leave the group, unless something is still with this reader, and hang up."""
        try:
            pending: Any = self._redis.xpending_range(
                self.source.queue, self.source.group, "-", "+", 1, consumername=self._name
            )
            if not pending:
                self._redis.xgroup_delconsumer(self.source.queue, self.source.group, self._name)
        except redis.RedisError as error:
            logger.debug("%s was not left in order: %s", self.source.label, error)
        finally:
            self._redis.close()

    def _make_group(self) -> None:
        try:
            # From the beginning: what was queued before anybody read is not lost.
            self._redis.xgroup_create(self.source.queue, self.source.group, id="0", mkstream=True)
        except redis.ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise
        self._ready = True

    def _handle(self, id: bytes, fields: Fields, *, tries: int) -> None:
        try:
            publish(self.source, _message(id, fields))
        except (OperationalError, InterfaceError, NoSuchWorkspace):
            raise  # not the message's fault: it stays with the group, and is tried again
        except Exception as error:  # noqa: BLE001 - whatever a message causes must not stop the others
            if tries < self.source.tries:
                logger.warning("a message of %s failed, try %d: %s: %s", self.source.label, tries, id.decode(), error)
                return
            self._bury(id, fields, f"{type(error).__name__}: {error}")
        self._redis.xack(self.source.queue, self.source.group, id)

    def _bury(self, id: bytes, fields: Fields, reason: str) -> None:
        """Move it aside, loudly. Cut off before its acknowledgement it may lie there twice, never nowhere."""
        logger.error("a message of %s is put into %s: %s: %s", self.source.label, self.source.dead, id.decode(), reason)
        noted: dict[Any, Any] = {**fields, b"flowapp-id": id, b"flowapp-error": reason[:1000].encode()}
        self._redis.xadd(self.source.dead, noted, maxlen=MOST_DEAD)

    def _tries(self, id: bytes) -> int:
        """How often it was delivered, this time included."""
        found: Any = self._redis.xpending_range(self.source.queue, self.source.group, id, id, 1)
        return int(found[0]["times_delivered"]) if found else 1


def _message(id: bytes, fields: Fields) -> Message:
    plain = {key.decode(errors="replace"): value for key, value in fields.items()}
    body = plain.get("data")
    if body is None:
        body = to_json({name: text(plain, name) for name in plain if name not in _META})
    return Message(text(plain, "id") or id.decode(), text(plain, "name"), body)
