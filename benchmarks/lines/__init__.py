"""The lines of the table, by name. A new line is a module with `measure(setting) -> list[Row]`, entered here."""

from collections.abc import Callable

from benchmarks.figures import Row
from benchmarks.lines import (
    decision_to_step,
    invoices,
    list_pages,
    long_runs,
    quiet_events,
    sequential_step,
    several_processes,
    sqlite,
    steps_at_64,
    waiting_runs,
)
from benchmarks.setting import Setting

LINES: dict[str, Callable[[Setting], list[Row]]] = {
    "sequential-step": sequential_step.measure,
    "steps-at-64": steps_at_64.measure,
    "several-processes": several_processes.measure,
    "long-runs": long_runs.measure,
    "decision-to-step": decision_to_step.measure,
    "waiting-runs": waiting_runs.measure,
    "quiet-events": quiet_events.measure,
    "list-pages": list_pages.measure,
    "sqlite": sqlite.measure,
    "invoices": invoices.measure,
}
