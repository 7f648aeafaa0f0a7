"""What a run has asked the store and was not answered yet. It suspends only when nothing is open here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from flowapp.engine.records import Outcome, Write, Written

if TYPE_CHECKING:
    from .driver import RunDriver


class Questions:
    """The writes of one run whose answers bring arrivals, or suspend it."""

    def __init__(self, driver: RunDriver) -> None:
        self.open = 0
        self._driver = driver
        self._look_again = False

    def ask(self, write: Write) -> None:
        """Hand a write to the store and await its answer."""
        self.open += 1
        self._driver.executor.store.submit(write, self._answered)

    def look(self, write: Callable[..., Write]) -> None:
        """Ask what arrived."""
        if self.open:
            self._look_again = True  # the answer under way may have been read too early
        else:
            self.ask(write(collect=True))

    def look_again(self, write: Callable[..., Write]) -> None:
        """After an answer: ask anew when something came while it was under way."""
        if self._look_again and not self.open:
            self._look_again = False
            self.look(write)

    def _answered(self, outcome: Outcome) -> None:
        try:
            self._take(outcome)
        except Exception as error:
            self._driver.broke(error)

    def _take(self, outcome: Outcome) -> None:
        self.open -= 1
        if self._driver.lost(outcome):
            return
        assert isinstance(outcome, Written)
        if outcome.suspended:
            self._driver.abandon()
        else:
            self._driver.answered(outcome)
