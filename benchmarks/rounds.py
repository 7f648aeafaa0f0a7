"""Rounds of sides taken in turn (A B C, A B C, ...), so that what disturbs one disturbs the others as well."""

from collections.abc import Callable
from contextlib import ExitStack

from benchmarks.figures import Samples
from benchmarks.side import Side, SideFailed

type Measure = Callable[[], float]


class Contest:
    """Sides measured in turn, all open at the same time. One that fails drops out; `failures` says why."""

    def __init__(self, *, unit: str):
        self._unit = unit
        self._open = ExitStack()
        self._sides: dict[str, Side] = {}
        self._measures: dict[str, Measure] = {}
        self.failures: dict[str, str] = {}

    def __enter__(self) -> "Contest":
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def enter(self, name: str, side: Side, warm_up: Callable[[Side], Measure]) -> None:
        """Start a side; `warm_up` brings it to speed and returns what measures one round of it."""
        try:
            self._sides[name] = self._open.enter_context(side)
        except SideFailed as failure:
            self.failures[name] = str(failure)
        self.again(name, warm_up)

    def again(self, name: str, warm_up: Callable[[Side], Measure]) -> None:
        """Let a side that is open take part in the next rounds."""
        self._measures.pop(name, None)
        if name in self.failures:
            return
        try:
            self._measures[name] = warm_up(self._sides[name])
        except SideFailed as failure:
            self.failures[name] = str(failure)

    def run(self, rounds: int) -> dict[str, Samples]:
        """Take turns; who is to take part in further rounds enters `again`."""
        values: dict[str, list[float]] = {}
        for _ in range(rounds):
            for name, measure in list(self._measures.items()):
                try:
                    values.setdefault(name, []).append(measure())
                except SideFailed as failure:
                    self.failures[name] = str(failure)
                    del self._measures[name]
        self._measures = {}
        return {name: Samples(tuple(measured), self._unit) for name, measured in values.items() if measured}
