"""Steps a second with 64 runs of 10 steps under way: Flowapp against DBOS and Absurd, each as its docs advise."""

import os
from collections.abc import Callable
from typing import Any

from benchmarks.figures import Goal, Row, Samples
from benchmarks.rounds import Contest, Measure
from benchmarks.setting import Setting
from benchmarks.side import Side

AT_ONCE = 64
STEPS = 10
# All three run Python on one processor a process and advise to add processes; more than processors did not help.
PROCESSES = os.cpu_count() or 1
# One Absurd worker has one connection. Beyond 16 of them nothing was gained.
ABSURD_WORKERS = 16

_LINE = "steps/s, 64 runs of 10 steps"
_ALONE = "Flowapp, one process"
_WITH_STARTS = f"{_LINE}, starts included"

type Rate = Callable[[Side, int], float]


def measure(setting: Setting) -> list[Row]:
    urls = {name: setting.postgres.new_database() for name in ("flowapp", "flowapp, one process", "dbos", "absurd")}
    with Contest(unit="/s") as contest:
        for name, side in _sides(urls).items():
            contest.enter(name, side, lambda opened: warmed_up(opened, drain_rate, setting.round_seconds))
        drained = contest.run(setting.rounds)
        for name in ("Flowapp", "DBOS", "Absurd"):
            contest.again(name, lambda opened: warmed_up(opened, _with_starts, setting.round_seconds))
        started = contest.run(setting.rounds)
    for url in urls.values():
        setting.postgres.drop_database(url)

    def row(rates: dict[str, Samples], line: str, theirs: str, goal: Goal | None = None, note: str = "") -> Row:
        failed = "; ".join(contest.failures[name] for name in ("Flowapp", theirs) if name in contest.failures)
        return Row(line, rates.get("Flowapp"), theirs, rates.get(theirs), goal, failed or note)

    workers = f"{PROCESSES} processes, {ABSURD_WORKERS} workers"
    return [
        row(
            drained,
            _LINE,
            "DBOS",
            Goal(25, 60, "x"),
            f"a backlog is drained; {PROCESSES} processes, pool 10, 8 threads",
        ),
        row(drained, _LINE, "DBOS, one process"),
        row(drained, _LINE, "Absurd", Goal(6, 15, "x"), f"a backlog is drained; {workers}"),
        row(drained, _LINE, "Absurd, one worker", note="one process, concurrency=64, one connection"),
        row(drained, _LINE, _ALONE, note=f"elsewhere ours are {PROCESSES} processes, as the peers' are"),
        row(
            started,
            _WITH_STARTS,
            "DBOS",
            note="started directly, a closed loop of 64; ours are started by one thread a process",
        ),
        row(started, _WITH_STARTS, "Absurd", note="each process fills its queue while its workers drain it"),
    ]


def _sides(urls: dict[str, str]) -> dict[str, Side]:
    return {
        "Flowapp": Side(
            "flowapp_engine", processes=PROCESSES, url=urls["flowapp"], at_once=AT_ONCE // PROCESSES, steps=STEPS
        ),
        _ALONE: Side("flowapp_engine", url=urls["flowapp, one process"], at_once=AT_ONCE, steps=STEPS),
        "DBOS": Side("dbos_python", processes=PROCESSES, url=urls["dbos"], at_once=AT_ONCE // PROCESSES, steps=STEPS),
        "DBOS, one process": Side("dbos_python", url=urls["dbos"], at_once=AT_ONCE, steps=STEPS),
        "Absurd": Side(
            "absurd_python",
            processes=PROCESSES,
            url=urls["absurd"],
            queue="several",
            workers=max(1, ABSURD_WORKERS // PROCESSES),
            at_once=AT_ONCE // PROCESSES,
            steps=STEPS,
        ),
        "Absurd, one worker": Side(
            "absurd_python", url=urls["absurd"], queue="one", workers=1, at_once=AT_ONCE, steps=STEPS
        ),
    }


def warmed_up(side: Side, rate: Rate, seconds: float) -> Measure:
    """Two rounds warm the side up and tell how many runs fill a round of that many seconds."""
    rate(side, AT_ONCE)
    lots = rate(side, 2 * AT_ONCE) * seconds / STEPS / AT_ONCE
    runs = AT_ONCE * max(1, round(lots))
    return lambda: rate(side, runs)


def drain_rate(side: Side, runs: int) -> float:
    """The queue is filled before the clock starts."""
    fill(side, runs)
    return drain(side, runs)


def fill(side: Side, runs: int) -> None:
    """Queue so many runs while nobody works on them."""
    side.ask(fill=runs // side.processes)


def drain(side: Side, runs: int) -> float:
    """Steps a second until the queue is empty."""
    each = runs // side.processes
    return _rate(side.ask(drain=each), each)


def _with_starts(side: Side, runs: int) -> float:
    each = runs // side.processes
    return _rate(side.ask(runs=each), each)


def _rate(answers: list[dict[str, Any]], each: int) -> float:
    # All processes of this machine read the same monotonic clock.
    seconds = max(answer["ended"] for answer in answers) - min(answer["began"] for answer in answers)
    return each * len(answers) * STEPS / float(seconds)
