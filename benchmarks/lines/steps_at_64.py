"""Steps a second with 64 runs of 10 steps under way: Flowapp against DBOS and Absurd, each as its docs advise."""

import os

from benchmarks.figures import Goal, Row
from benchmarks.rounds import Contest, Measure
from benchmarks.setting import Setting
from benchmarks.side import Side

AT_ONCE = 64
STEPS = 10
# Both peers run Python on one processor a process and advise to add processes; more than processors did not help.
PROCESSES = os.cpu_count() or 1
# One Absurd worker has one connection. Beyond 16 of them nothing was gained.
ABSURD_WORKERS = 16

_LINE = "steps/s, 64 runs of 10 steps"


def measure(setting: Setting) -> list[Row]:
    urls = {name: setting.postgres.new_database() for name in ("flowapp", "dbos", "absurd")}
    with Contest(unit="/s") as contest:
        for name, side in _sides(urls).items():
            contest.enter(name, side, lambda opened: _warmed_up(opened, setting.round_seconds))
        rates = contest.run(setting.rounds)
    for url in urls.values():
        setting.postgres.drop_database(url)

    def row(ours: str, theirs: str, goal: Goal | None, note: str) -> Row:
        failed = "; ".join(contest.failures[name] for name in (ours, theirs) if name in contest.failures)
        return Row(_LINE, rates.get(ours), theirs, rates.get(theirs), goal, failed or note)

    return [
        row("Flowapp", "DBOS", Goal(25, 60, "x"), f"{PROCESSES} processes, starts included, pool 10, 8 threads each"),
        row("Flowapp", "DBOS, one process", None, "Flowapp is one process as well"),
        row("Flowapp", "Absurd", Goal(6, 15, "x"), f"{PROCESSES} processes, {ABSURD_WORKERS} workers, backlog drained"),
        row("Flowapp", "Absurd, one worker", None, "one process, concurrency=64, one connection"),
    ]


def _sides(urls: dict[str, str]) -> dict[str, Side]:
    return {
        "Flowapp": Side("flowapp_engine", url=urls["flowapp"], at_once=AT_ONCE, steps=STEPS),
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


def _warmed_up(side: Side, seconds: float) -> Measure:
    """Two rounds warm the side up and tell how many runs fill a round of that many seconds."""
    _rate(side, AT_ONCE)
    lots = _rate(side, 2 * AT_ONCE) * seconds / STEPS / AT_ONCE
    runs = AT_ONCE * max(1, round(lots))
    return lambda: _rate(side, runs)


def _rate(side: Side, runs: int) -> float:
    each = runs // side.processes
    answers = side.ask(runs=each)
    # All processes of this machine read the same monotonic clock.
    seconds = max(answer["ended"] for answer in answers) - min(answer["began"] for answer in answers)
    return each * side.processes * STEPS / float(seconds)
