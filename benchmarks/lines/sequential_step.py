"""One run, one async step after another: time per step against a raw INSERT and COMMIT of the same row, and DBOS."""

from collections.abc import Callable

from benchmarks.figures import Goal, Row
from benchmarks.rounds import Contest, Measure
from benchmarks.setting import Setting
from benchmarks.side import Side

_LINE = "sequential step"
_WARM_UP_STEPS = 200


def measure(setting: Setting) -> list[Row]:
    url, dbos = setting.postgres.new_database(), setting.postgres.new_database()
    steps = 300 if setting.quick else 1000
    with Contest(unit="ms") as contest:
        contest.enter("Flowapp", Side("flowapp_engine", url=url, at_once=1, steps=steps), run_of(steps))
        contest.enter("INSERT+COMMIT", Side("raw_sql", url=url, autocommit=False), rows(steps))
        contest.enter("INSERT, autocommit", Side("raw_sql", url=url, autocommit=True), rows(steps))
        contest.enter("DBOS", Side("dbos_python", url=dbos, at_once=1, steps=steps), run_of(steps))
        times = contest.run(setting.rounds)
    for used in (url, dbos):
        setting.postgres.drop_database(used)

    def row(theirs: str, goal: Goal | None, note: str) -> Row:
        failed = "; ".join(contest.failures.values())
        return Row(_LINE, times.get("Flowapp"), theirs, times.get(theirs), goal, failed or note)

    return [
        row("INSERT+COMMIT", Goal(3, 2, "x", at_most=True), "execute() and commit() of psycopg, as one writes it"),
        row("INSERT, autocommit", None, "one round trip: the least a durable row can cost"),
        row("DBOS", None, "one workflow, started directly"),
    ]


def run_of(steps: int) -> Callable[[Side], Measure]:
    def warmed_up(side: Side) -> Measure:
        side.ask(runs=1)
        return lambda: _milliseconds(side.ask(runs=1)[0], steps)

    return warmed_up


def rows(steps: int) -> Callable[[Side], Measure]:
    def warmed_up(side: Side) -> Measure:
        side.ask(rows=_WARM_UP_STEPS)
        return lambda: _milliseconds(side.ask(rows=steps)[0], steps)

    return warmed_up


def _milliseconds(answer: dict[str, float], steps: int) -> float:
    return (answer["ended"] - answer["began"]) * 1000 / steps
