"""The same idempotency key gives the same run, and refuses other input."""

import threading

import pytest
from django.db import connection

from flowapp import Context, workflow
from flowapp.engine import codec
from flowapp.engine.errors import IdempotencyConflict
from flowapp.engine.handle import Run as Handle
from flowapp.engine.models import Run
from flowapp.tenancy.scope import current, scoped
from tests.cases.engines import Engine


@workflow(name="idempotent-start")
async def echo(ctx: Context, number: int) -> int:
    return number


def test_one_run(engine: Engine):
    first = echo.start(1, idempotency_key="k")
    engine.settle()
    assert echo.start(1, idempotency_key="k") == first
    with pytest.raises(IdempotencyConflict, match="other input"):
        echo.start(2, idempotency_key="k")
    engine.settle()
    assert Run.objects.count() == 1


def test_one_run_for_those_who_start_it_at_once(engine: Engine):
    together = threading.Barrier(4)
    found: list[object] = []

    def start(number: int) -> None:
        try:
            with scoped(workspace_id):
                together.wait()
                found.append(echo.start(number, idempotency_key="k"))
        except IdempotencyConflict as conflict:
            found.append(str(conflict))
        finally:
            connection.close()

    workspace_id = current()
    threads = [threading.Thread(target=start, args=(number,)) for number in (1, 1, 1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    engine.settle()
    run = Run.objects.get()
    (same,) = {one for one in found if not isinstance(one, str)}
    refused = [one for one in found if isinstance(one, str)]
    assert (same, run.status) == (Handle(run.id), "completed")
    assert len(refused) == (1 if run.output == codec.encode(1) else 3)
    assert all("other input" in one for one in refused)
