"""From a decision's commit to the start of the step behind it: the embedded dispatcher, and Celery over Redis."""

from benchmarks.figures import Goal, Row, Samples, percentile
from benchmarks.setting import Setting
from benchmarks.side import Side, SideFailed
from tests import servers

_DECISIONS = 200
_QUICK_DECISIONS = 30
_WARM_UP_DECISIONS = 10


def measure(setting: Setting) -> list[Row]:
    rows = [_row(setting, "embedded", Goal(30, 10, " ms", at_most=True), broker=None)]
    with servers.redis() as redis:
        rows.append(_row(setting, "Celery+Redis", Goal(60, 25, " ms", at_most=True), broker=redis.url))
    return rows


def _row(setting: Setting, dispatcher: str, goal: Goal, *, broker: str | None) -> Row:
    line = f"decision to next step, p50, {dispatcher}"
    url = setting.postgres.new_database()
    try:
        with Side("flowapp_decisions", url=url, broker=broker) as side:
            side.ask(decisions=_WARM_UP_DECISIONS)
            [answer] = side.ask(decisions=_QUICK_DECISIONS if setting.quick else _DECISIONS)
    except SideFailed as failure:
        return Row(line, None, goal=goal, note=str(failure))
    finally:
        setting.postgres.drop_database(url)
    waits: list[float] = answer["milliseconds"]
    note = f"{len(waits)} decisions, p95 {percentile(waits, 95):.1f} ms, longest {max(waits):.1f} ms"
    return Row(line, Samples((percentile(waits, 50),), "ms"), goal=goal, note=note)
