"""Flowapp: how long its list pages take over few rows and over many."""

import time
from contextlib import AbstractAsyncContextManager
from typing import Any

from benchmarks.copies import multiply
from benchmarks.flowapp_process import answering, owner
from benchmarks.protocol import Answer, serve

_POLL_SECONDS = 0.05


def side(options: dict[str, Any]) -> AbstractAsyncContextManager[Answer]:
    return answering(_answer, options["url"])


def _answer(asked: dict[str, Any]) -> dict[str, Any]:
    if "steps" in asked:
        _run_through(asked["steps"])
        return {}
    if "fill" in asked:
        owner()
        _start([{"amount": 600}] * asked["fill"])
        multiply(asked["copies"])
        _start([{"amount": 1, "title": "Zebra crossing"}])
        return {}
    return {"milliseconds": _asked_for(asked["page"], asked["times"])}


def _start(orders: list[dict[str, Any]]) -> None:
    """Runs that each wait for a decision of Ana."""
    from benchmarks.workflows import decided
    from flowapp.dispatch.embedded import EmbeddedDispatcher
    from flowapp.engine.models import Run

    for order in orders:
        decided.start(order)
    dispatcher = EmbeddedDispatcher(concurrency=64)
    dispatcher.start()
    while Run.objects.exclude(status="waiting").exists():
        time.sleep(_POLL_SECONDS)
    dispatcher.stop()


def _run_through(steps: int) -> None:
    """One run of so many steps, to its end."""
    from benchmarks.workflows import flow
    from flowapp.dispatch.embedded import EmbeddedDispatcher

    run = flow.start(steps)
    dispatcher = EmbeddedDispatcher()
    dispatcher.start()
    while run.status != "completed":
        time.sleep(_POLL_SECONDS)
    dispatcher.stop()


def _asked_for(page: str, times: int) -> list[float]:
    """A page may name {run} or {prompt}: the newest that waits; or {long}: the run that was run through."""
    from django.test import Client

    from approvals.models import Prompt
    from benchmarks.workflows import flow
    from flowapp.engine.models import Run
    from flowapp.tenancy.models import User

    ids = {
        "run": Run.objects.filter(status="waiting").latest("id").pk,
        "prompt": Prompt.objects.latest("created_at").pk,
        "long": Run.objects.filter(workflow=flow.name).values_list("pk", flat=True).first(),
    }
    page = page.format(**ids)
    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.get(email="ana@example.com"))
    return [_one(client, page) for _ in range(times)]


def _one(client: Any, page: str) -> float:
    began = time.monotonic()
    answer = client.get(page)
    took = (time.monotonic() - began) * 1000
    if answer.status_code != 200:
        raise RuntimeError(f"{page} answered {answer.status_code}")
    return took


if __name__ == "__main__":
    serve(side)
