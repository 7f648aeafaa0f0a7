"""From the commit of a decision, signal or event to the start of the next step: embedded, and Celery over Redis."""

from benchmarks.figures import Goal, Row, Samples, percentile
from benchmarks.setting import Setting
from benchmarks.side import Side, SideFailed
from tests import servers

_DECISIONS = 200
_QUICK_DECISIONS = 30
_WARM_UP_DECISIONS = 10


def measure(setting: Setting) -> list[Row]:
    rows = _rows(setting, "embedded", Goal(30, 10, " ms", at_most=True), broker=None)
    with servers.redis() as redis:
        rows += _rows(setting, "Celery+Redis", Goal(60, 25, " ms", at_most=True), broker=redis.url)
    return [*rows, _dbos(setting)]


def _dbos(setting: Setting) -> Row:
    """Its nearest: a message to a workflow that waits in memory."""
    url = setting.postgres.new_database()
    line = "signal to next step, p50, DBOS"
    try:
        with Side("dbos_python", url=url, at_once=1, steps=1) as side:
            side.ask(signals=_WARM_UP_DECISIONS)
            waits = side.ask(signals=_times(setting))[0]["milliseconds"]
    except SideFailed as failure:
        return Row(line, None, note=str(failure))
    finally:
        setting.postgres.drop_database(url)
    return _row("signal to next step", "DBOS", waits, None)


def _times(setting: Setting) -> int:
    return _QUICK_DECISIONS if setting.quick else _DECISIONS


def _rows(setting: Setting, dispatcher: str, goal: Goal, *, broker: str | None) -> list[Row]:
    url = setting.postgres.new_database()
    times = _times(setting)
    try:
        with Side("flowapp_decisions", url=url, broker=broker) as side:
            side.ask(by="decision", times=_WARM_UP_DECISIONS)
            decisions = side.ask(by="decision", times=times)[0]["milliseconds"]
            signals = side.ask(by="signal", times=times)[0]["milliseconds"]
            side.ask(by="event", times=_WARM_UP_DECISIONS)
            events = side.ask(by="event", times=times)[0]["milliseconds"]
    except SideFailed as failure:
        return [Row(f"decision to next step, p50, {dispatcher}", None, goal=goal, note=str(failure))]
    finally:
        setting.postgres.drop_database(url)
    return [
        _row("decision to next step", dispatcher, decisions, goal),
        _row("signal to next step", dispatcher, signals, None),
        _row("event to first step", dispatcher, events, goal),
    ]


def _row(what: str, dispatcher: str, waits: list[float], goal: Goal | None) -> Row:
    note = f"{len(waits)} of them, p95 {percentile(waits, 95):.1f} ms, longest {max(waits):.1f} ms"
    line = f"{what}, p50, {dispatcher}"
    return Row(line, Samples((percentile(waits, 50),), "ms"), goal=goal, note=note)
