"""`/live?topics=inbox,run:<id>`: server-sent events that say what changed. Pages fetch it themselves.

An event's name is the topic as asked for, its data `{"key": "<id>"}`, or empty when anything of it may have changed.
`since=<Unix time>` is when the page was made: what changed between then and now comes first. The stream holds no
database connection.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Final
from uuid import UUID

from django.http import HttpRequest, StreamingHttpResponse
from django.views.decorators.http import require_GET

from flowapp.tenancy.scope import current

from .access import SIGNED_IN, access
from .broadcast import Subscription, broadcaster
from .problems import Problem
from .stopping import end_streams_on_stop

TOPICS: Final = frozenset({"inbox", "run", "task", "agent", "worker", "bulk"})
_KEY = re.compile(r"[\w-]{1,64}", re.ASCII)
_MOST_TOPICS = 20
_KEEPALIVE_SECONDS = 15.0


@access(SIGNED_IN)
@require_GET
async def live(request: HttpRequest) -> StreamingHttpResponse:
    """The stream of one page."""
    topics = parse_topics(request.GET.get("topics", ""))
    since = parse_since(request.GET.get("since", ""))
    return StreamingHttpResponse(
        stream(current(), topics, since),
        content_type="text/event-stream",
        headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
    )


def parse_topics(text: str) -> list[str]:
    """The topics asked for; a problem naming the one that does not exist."""
    topics = [topic for topic in text.split(",") if topic]
    if not 1 <= len(topics) <= _MOST_TOPICS:
        raise Problem("invalid", f"topics: name 1 to {_MOST_TOPICS}, such as topics=inbox,run:<id>", 400)
    for topic in topics:
        name, colon, key = topic.partition(":")
        if name not in TOPICS or (colon and not _KEY.fullmatch(key)):
            raise Problem("invalid", f"topics: {topic[:80]!r} is not a topic", 400)
    return topics


def parse_since(text: str) -> float | None:
    """A Unix time, if one was given."""
    try:
        return float(text) if text else None
    except ValueError:
        raise Problem("invalid", "since: a Unix time in seconds", 400) from None


async def stream(workspace_id: UUID, topics: list[str], since: float | None) -> AsyncIterator[str]:
    """The events as text, with a comment now and then so that proxies keep the connection."""
    end_streams_on_stop()
    subscription = Subscription(workspace_id, topics)
    broadcaster().add(subscription, since)
    try:
        yield "retry: 1000\n\n"
        while True:
            try:
                async with asyncio.timeout(_KEEPALIVE_SECONDS):
                    hint = await subscription.next()
            except TimeoutError:
                yield ": still here\n\n"
                continue
            if hint is None:
                return
            topic, key = hint
            yield f"event: {topic}\ndata: {json.dumps({'key': key}) if key else ''}\n\n"
    finally:
        broadcaster().remove(subscription)
