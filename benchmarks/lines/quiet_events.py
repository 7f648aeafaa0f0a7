"""10,000 events that match nothing: how fast they are published and looked at, and that they make no run."""

from benchmarks.figures import Row, Samples
from benchmarks.setting import Setting
from benchmarks.side import Side

_EVENTS, _QUICK_EVENTS = 10_000, 2_000


def measure(setting: Setting) -> list[Row]:
    count = _QUICK_EVENTS if setting.quick else _EVENTS
    url = setting.postgres.new_database()
    with Side("flowapp_events", url=url) as side:
        side.ask(events=count)  # to warm up
        rounds = [side.ask(events=count)[0] for _ in range(3)]
    setting.postgres.drop_database(url)
    if any((one["events"], one["runs"]) != (count, 0) for one in rounds):
        raise AssertionError(f"not {count} events and no run: {rounds}")
    rates = tuple(one["events"] / one["seconds"] for one in rounds)
    note = "a thousand at once, by one process; no run is made"
    return [Row(f"{count:,} events that match nothing", Samples(rates, "events/s"), note=note)]
