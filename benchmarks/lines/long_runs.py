"""Long runs: what a step costs at step 1,000 against step 1, and how long replaying 1,000 checkpoints takes."""

import statistics
from collections.abc import Callable
from itertools import pairwise

import psycopg

from benchmarks.figures import Goal, Row, Samples, percentile
from benchmarks.setting import Setting
from benchmarks.side import Side, SideFailed

_STEPS = 1000
_COMPARED = 100  # steps at either end
_RUNS = 5  # a round
_RESUMES = 5  # a round

# The time between one step and the next, for the steps of the newest run.
_PERIODS = """
    SELECT extract(epoch FROM ended_at - lag(ended_at) OVER (ORDER BY seq)) * 1000 FROM engine_checkpoint
    WHERE run_id = (SELECT id FROM engine_run ORDER BY id DESC LIMIT 1) ORDER BY seq
"""


def measure(setting: Setting) -> list[Row]:
    return [*_cost_of_late_steps(setting), _replay(setting)]


def _cost_of_late_steps(setting: Setting) -> list[Row]:
    ours, theirs = setting.postgres.new_database(), setting.postgres.new_database()
    note = f"the median of the last {_COMPARED} steps of a run of {_STEPS:,} against that of the first {_COMPARED}"
    with Side("flowapp_engine", url=ours, at_once=1, steps=_STEPS) as side:
        early, late = _ends(setting, lambda: _periods(side, ours))
    rows = [Row("step 1,000", late, "step 1", early, Goal(1.2, 1.05, "x", at_most=True), note)]
    try:
        with Side("dbos_python", url=theirs, at_once=1, steps=_STEPS) as side:
            theirs_early, theirs_late = _ends(setting, lambda: _periods_of_dbos(side))
        rows.append(Row("step 1,000", late, "DBOS's step 1,000", theirs_late))
        rows.append(Row("step 1", early, "DBOS's step 1", theirs_early))
    except SideFailed as failure:
        rows.append(Row("step 1,000", late, "DBOS's step 1,000", note=str(failure)))
    for url in (ours, theirs):
        setting.postgres.drop_database(url)
    return rows


def _ends(setting: Setting, periods_of_a_run: Callable[[], list[float]]) -> tuple[Samples, Samples]:
    """What a step costs early and late in a run: the medians of several rounds."""
    early, late = list[float](), list[float]()
    periods_of_a_run()
    for _ in range(setting.rounds):
        firsts, lasts = list[float](), list[float]()
        # Several runs a round: either end of one run lasts no longer than a disturbance does.
        for _ in range(_RUNS):
            periods = periods_of_a_run()
            firsts += periods[:_COMPARED]
            lasts += periods[-_COMPARED:]
        early.append(statistics.median(firsts))
        late.append(statistics.median(lasts))
    return Samples(tuple(early), "ms"), Samples(tuple(late), "ms")


def _periods(side: Side, url: str) -> list[float]:
    side.ask(runs=1)
    with psycopg.connect(url) as connection:
        return [float(period) for (period,) in connection.execute(_PERIODS) if period is not None]


def _periods_of_dbos(side: Side) -> list[float]:
    moments = side.ask(moments=_STEPS)[0]["moments"]
    return [(later - earlier) * 1000 for earlier, later in pairwise(moments)]


def _replay(setting: Setting) -> Row:
    """From a signal to the next step, with 1,000 steps before the wait and with none; the difference is the replay."""
    url = setting.postgres.new_database()
    replays = []
    with Side("flowapp_decisions", url=url, broker=None) as side:
        for round_ in range(setting.rounds + 1):
            long, short = (side.ask(by="signal", times=_RESUMES, steps=steps)[0] for steps in (_STEPS, 0))
            if round_:  # the first one warms up
                replays.append(percentile(long["milliseconds"], 50) - percentile(short["milliseconds"], 50))
    setting.postgres.drop_database(url)
    goal = Goal(60, 20, " ms", at_most=True)
    return Row(
        "replay of 1,000 checkpoints", Samples(tuple(replays), "ms"), goal=goal, note="read, decode, run the body"
    )
