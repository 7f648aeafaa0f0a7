"""The lines of the table, by name. A new line is a module with `measure(setting) -> list[Row]`, entered here."""

from collections.abc import Callable

from benchmarks.figures import Row
from benchmarks.lines import decision_to_step, sequential_step, steps_at_64
from benchmarks.setting import Setting

LINES: dict[str, Callable[[Setting], list[Row]]] = {
    "sequential-step": sequential_step.measure,
    "steps-at-64": steps_at_64.measure,
    "decision-to-step": decision_to_step.measure,
}
