"""The same idempotency key gives the same run, and refuses other input."""

import pytest

from flowapp import Context, workflow
from flowapp.engine.errors import IdempotencyConflict
from flowapp.engine.models import Run
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
