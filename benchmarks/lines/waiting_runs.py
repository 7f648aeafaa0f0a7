"""100,000 runs that wait: the worker slots and the memory they hold."""

from benchmarks.figures import Goal, Row, Samples
from benchmarks.setting import Setting
from benchmarks.side import Side

_REAL = 2000
_QUICK_REAL = 200
_COPIES = 49


def measure(setting: Setting) -> list[Row]:
    url = setting.postgres.new_database()
    real = _QUICK_REAL if setting.quick else _REAL
    with Side("flowapp_waiting", url=url) as filler:
        # A process of its own for either measurement, so that nothing is left of making the runs.
        with Side("flowapp_waiting", url=url) as worker:
            [without] = worker.ask(hold=True)
        filler.ask(fill=real, copies=_COPIES)
        with Side("flowapp_waiting", url=url) as worker:
            [held] = worker.ask(hold=True)
    setting.postgres.drop_database(url)
    grown = held["mebibytes"] - without["mebibytes"]
    line = f"{held['waiting']:,} waiting runs"
    note = f"{real:,} were really started, the rest are copies of their rows"
    cpu = f"{held['cpu']:.1%} of a processor with them, {without['cpu']:.1%} without"
    return [
        Row(f"{line}: worker slots", Samples((held["slots"],), "slots"), goal=Goal(0, 0, "", at_most=True), note=note),
        Row(
            f"{line}: memory of the worker",
            Samples((grown,), "MiB"),
            goal=Goal(2, 2, " MiB", at_most=True),
            note=f"{held['mebibytes']:.1f} MiB with them, {without['mebibytes']:.1f} MiB without; {cpu}",
        ),
    ]
