"""SQLite, as `flowapp dev` has it: a sequential step against a raw INSERT and COMMIT, and steps a second at 64."""

from benchmarks.figures import Row
from benchmarks.lines import sequential_step, steps_at_64
from benchmarks.rounds import Contest
from benchmarks.setting import Setting
from benchmarks.side import Side


def measure(setting: Setting) -> list[Row]:
    steps = 100 if setting.quick else 300
    with Contest(unit="ms") as contest:
        ours = Side("flowapp_engine", url=None, at_once=1, steps=steps)
        contest.enter("Flowapp", ours, sequential_step.run_of(steps))
        contest.enter("raw", Side("raw_sqlite"), sequential_step.rows(steps))
        times = contest.run(setting.rounds)
        failed = "; ".join(contest.failures.values())
    with Contest(unit="/s") as contest:
        many = Side("flowapp_engine", url=None, at_once=steps_at_64.AT_ONCE, steps=steps_at_64.STEPS)
        contest.enter("Flowapp", many, lambda side: steps_at_64.warmed_up(side, steps_at_64.drain_rate, 1))
        rates = contest.run(setting.rounds)
        failed += "; ".join(contest.failures.values())
    note = "synchronous=FULL on both"
    return [
        Row("sequential step, SQLite", times.get("Flowapp"), "INSERT+COMMIT", times.get("raw"), note=failed or note),
        Row("steps/s, 64 runs of 10 steps, SQLite", rates.get("Flowapp"), note="a backlog is drained"),
    ]
