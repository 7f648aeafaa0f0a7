"""Flowapp: events that nobody listens for, published a thousand at once as a batch of CloudEvents is."""

import time
from contextlib import AbstractAsyncContextManager
from typing import Any

from benchmarks.flowapp_process import answering
from benchmarks.protocol import Answer, serve

_AT_ONCE = 1000


def side(options: dict[str, Any]) -> AbstractAsyncContextManager[Answer]:
    return answering(_answer, options["url"])


def _answer(asked: dict[str, Any]) -> dict[str, Any]:
    from flowapp.engine.models import Event, Run
    from flowapp.engine.triggering import events
    from flowapp.tenancy.actors import SYSTEM

    before = Event.objects.filter(looked=True).count()
    began = time.perf_counter()
    for first in range(0, asked["events"], _AT_ONCE):
        numbers = range(first, min(first + _AT_ONCE, asked["events"]))
        events.publish_all([events.New("bench/unheard", {"n": number, "of": "all"}) for number in numbers], by=SYSTEM)
    seconds = time.perf_counter() - began
    done = Event.objects.filter(looked=True).count() - before
    return {"seconds": seconds, "events": done, "runs": Run.objects.count()}


if __name__ == "__main__":
    serve(side)
