"""One, two and four worker processes draining the same kind of backlog: what each adds, and who is at its limit."""

import os
from functools import partial

from benchmarks import machine
from benchmarks.figures import Row
from benchmarks.lines.steps_at_64 import AT_ONCE, STEPS, drain, fill, warmed_up
from benchmarks.rounds import Contest, Measure
from benchmarks.setting import Setting
from benchmarks.side import Side

_PROCESSES = (1, 2, 4)


def measure(setting: Setting) -> list[Row]:
    urls = {processes: setting.postgres.new_database() for processes in _PROCESSES}
    shares: dict[int, list[float]] = {processes: [] for processes in _PROCESSES}
    with Contest(unit="/s") as contest:
        for processes, url in urls.items():
            at_once = AT_ONCE // processes
            side = Side("flowapp_engine", processes=processes, url=url, at_once=at_once, steps=STEPS)
            contest.enter(_name(processes), side, partial(_watched, setting, shares=shares[processes]))
        rates = contest.run(setting.rounds)
    for url in urls.values():
        setting.postgres.drop_database(url)
    failed = "; ".join(contest.failures.values())
    return [
        Row(
            f"steps/s, {_name(processes)}",
            rates.get(_name(processes)),
            _name(1) if processes > 1 else "",
            rates.get(_name(1)) if processes > 1 else None,
            note=failed or _note(shares[processes]),
        )
        for processes in _PROCESSES
    ]


def _name(processes: int) -> str:
    return f"{processes} process{'es' if processes > 1 else ''}"


def _watched(setting: Setting, side: Side, shares: list[float]) -> Measure:
    """Each round also notes how much of a processor the database's processes used for a step, in microseconds."""
    server = setting.postgres.server

    def drained(side: Side, runs: int) -> float:
        fill(side, runs)
        before = machine.processor_seconds(server.pid) if server else None
        rate = drain(side, runs)
        after = machine.processor_seconds(server.pid) if server else None
        if before is not None and after is not None:
            shares.append((after - before) / runs / STEPS * 1e6)
        return rate

    return warmed_up(side, drained, setting.round_seconds)


def _note(shares: list[float]) -> str:
    if not shares:
        return f"{os.cpu_count()} processors"
    return f"{os.cpu_count()} processors; the database used {sorted(shares)[len(shares) // 2]:.0f} microseconds a step"
