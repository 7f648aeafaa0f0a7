"""What arrives for a run's waits: never for another wait than the one that was open when it did."""

from asyncio import new_event_loop
from datetime import UTC, datetime, timedelta

import pytest

from flowapp.engine.driving.open_waits import OpenWaits
from flowapp.engine.records import RAN_OUT, Arrival, OpenWait, Recorded
from flowapp.engine.replay import Replay
from flowapp.engine.verbs.calls import Call, CallFuture

NOW = datetime(2030, 1, 1, tzinfo=UTC)
KEY = ("transfer", 1)


@pytest.mark.parametrize(("since", "counts"), [(NOW, True), (NOW - timedelta(seconds=10), False)])
def test_what_was_read_before_a_wait_was_opened_anew_is_not_for_it(since: datetime, counts: bool):
    loop = new_event_loop()
    waits = OpenWaits((), Replay[Recorded](()))
    opening = OpenWait(*KEY, "retry", b"", NOW, NOW + timedelta(hours=1))
    waits.add(Call(KEY, "step", b"", CallFuture(loop=loop), lambda _: None, opening=opening))
    waits.to_open()
    waits.arrive(Arrival(*KEY, RAN_OUT, NOW, since))
    assert bool(waits.arrived) == counts
    loop.close()
