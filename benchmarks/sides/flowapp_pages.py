"""Flowapp: how long its list pages take over few rows and over many."""

import re
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from benchmarks.copies import multiply
from benchmarks.flowapp_process import answering, owner
from benchmarks.protocol import Answer, serve

_POLL_SECONDS = 0.05
_ROW = re.compile(rb'"/(?:inbox|runs)/([0-9a-f-]{36})/')


def side(options: dict[str, Any]) -> AbstractAsyncContextManager[Answer]:
    return answering(_answer, options["url"])


def _answer(asked: dict[str, Any]) -> dict[str, Any]:
    if "steps" in asked:
        _run_through(asked["steps"])
        return {}
    if "fill" in asked:
        _fill(asked["fill"], asked["copies"])
        return {}
    return {"milliseconds": _asked_for(asked["page"], asked["times"], asked["rows"])}


def _fill(runs: int, copies: int) -> None:
    """Runs that wait for Ana: for her as an owner, for her group; and some that she has decided."""
    from approvals.models import Prompt
    from flowapp.tenancy import actions
    from flowapp.tenancy.models import Member

    ana = owner()
    group = actions.create_group(name="finance", by=ana)
    actions.add_to_group(group=group, member=Member.objects.get(), by=ana)
    quarter = runs // 4
    hers = {"amount": 600}
    _start([hers] * (runs - quarter))
    _decide(list(Prompt.objects.all()[:quarter]))
    _start([{**hers, "assign": "group:finance"}] * quarter)
    multiply(copies)
    _start([{"amount": 1, "title": "Zebra crossing"}])


def _start(orders: list[dict[str, Any]]) -> None:
    """Runs that each wait for a decision."""
    from benchmarks.workflows import decided

    for order in orders:
        decided.start(order)
    _until_none_is("queued", "running")


def _decide(prompts: Sequence[Any]) -> None:
    from approvals import actions

    for prompt in prompts:
        actions.decide(prompt.pk, by=owner(), outcome="approve", channel="web")
    _until_none_is("queued", "running")


def _run_through(steps: int) -> None:
    """One run of so many steps, to its end."""
    from benchmarks.workflows import flow

    flow.start(steps)
    _until_none_is("queued", "running")


def _until_none_is(*statuses: str) -> None:
    """Execute until no run has one of these."""
    from flowapp.dispatch.embedded import EmbeddedDispatcher
    from flowapp.engine.models import Run

    dispatcher = EmbeddedDispatcher(concurrency=64)
    dispatcher.start()
    while Run.objects.filter(status__in=statuses).exists():
        time.sleep(_POLL_SECONDS)
    dispatcher.stop()


def _asked_for(page: str, times: int, rows: int) -> list[float]:
    """A page may name {run} or {prompt}: the newest that waits; or {long}: the run that was run through.

    Raises RuntimeError for one that shows fewer rows: that of an empty list says nothing.
    """
    from django.test import Client

    from approvals.models import Prompt
    from benchmarks.workflows import flow
    from flowapp.engine.models import Run
    from flowapp.tenancy.models import User

    ids = {
        "run": Run.objects.filter(status="waiting").latest("id").pk,
        "prompt": Prompt.objects.filter(status="pending").latest("created_at").pk,
        "long": Run.objects.filter(workflow=flow.name).values_list("pk", flat=True).first(),
    }
    page = page.format(**ids)
    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.get(email="ana@example.com"))
    return [_one(client, page, rows) for _ in range(times)]


def _one(client: Any, page: str, rows: int) -> float:
    began = time.monotonic()
    answer = client.get(page)
    took = (time.monotonic() - began) * 1000
    if answer.status_code != 200:
        raise RuntimeError(f"{page} answered {answer.status_code}")
    found = len(set(_ROW.findall(answer.content)))
    if found < rows:
        raise RuntimeError(f"{page} shows {found} rows, not {rows}")
    return took


if __name__ == "__main__":
    serve(side)
