"""Open streams end when the server is told to stop, before the server's own handler waits for them."""

import asyncio
import signal
from collections.abc import Iterator
from types import FrameType

import pytest

from flowapp.http import broadcast
from flowapp.http.broadcast import Broadcaster, Subscription
from flowapp.http.stopping import end_streams_on_stop
from flowapp.tenancy.ids import uuid7


@pytest.fixture
def told() -> Iterator[list[int]]:
    """The signals that the server's own handler was told."""
    seen: list[int] = []

    def server(number: int, frame: FrameType | None) -> None:
        seen.append(number)

    before = {number: signal.signal(number, server) for number in (signal.SIGTERM, signal.SIGINT)}
    yield seen
    for number, handler in before.items():
        signal.signal(number, handler)


def test_streams_end_and_the_server_is_told(told: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    station = Broadcaster()
    monkeypatch.setattr(broadcast, "_broadcaster", station)

    async def serve() -> tuple[str, str] | None:
        client = Subscription(uuid7(), ["inbox"])
        station.add(client)
        end_streams_on_stop()
        end_streams_on_stop()
        signal.raise_signal(signal.SIGTERM)
        async with asyncio.timeout(5):
            return await client.next()

    # In the main thread, as uvicorn does, for only there are signals handled.
    assert asyncio.run(serve()) is None
    assert told == [signal.SIGTERM]


def test_ctrl_c_of_python_itself_is_left_alone(told: list[int]) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    end_streams_on_stop()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
