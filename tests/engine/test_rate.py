"""A rate holds over the edges of its periods: what was started is given back evenly, not all at once."""

from collections.abc import Iterator
from typing import Any

import pytest

from flowapp import Context, FlowControl, RateLimited, workflow
from flowapp.engine import clock, registry
from flowapp.tenancy.scope import scoped
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(registry, "_workflows", {})
    with scoped(factories.workspace("acme").pk):
        yield
    clock.reset()


def starts(rate: str, *pauses: str) -> list[int]:
    """How many of many starts get through at the beginning and after each pause."""

    async def body(ctx: Context, n: Any) -> None: ...

    definition = workflow(name=f"rated {rate}", control=FlowControl(rate=rate))(body)
    found = []
    for pause in ("0s", *pauses):
        clock.shift(pause)
        found.append(sum(through(definition, n) for n in range(30)))
    return found


def through(definition: Any, n: int) -> bool:
    try:
        definition.start(n)
    except RateLimited:
        return False
    return True


@pytest.mark.parametrize(
    ("rate", "pauses", "expected"),
    [
        ("10/min", ["59s", "2s"], [10, 9, 1]),  # 10 in any two seconds, whenever
        ("10/min", ["6100ms", "6100ms", "1h", "6100ms"], [10, 1, 1, 10, 1]),
        ("1/min", ["30s", "31s", "59s", "2s"], [1, 0, 1, 0, 1]),
        ("3/30min", ["11m", "5m", "10h"], [3, 1, 0, 3]),
    ],
)
def test_how_many_get_through(rate: str, pauses: list[str], expected: list[int]):
    assert starts(rate, *pauses) == expected


def test_the_worst_edge():
    """One start, silence until its period ends, and then all at once."""

    async def body(ctx: Context, n: Any) -> None: ...

    definition = workflow(name="edge", control=FlowControl(rate="10/min"))(body)
    definition.start(0)
    clock.shift("59s")
    found = [through(definition, n) for n in range(15)]
    clock.shift("2s")
    assert sum([*found, *(through(definition, n) for n in range(15))]) == 10
