"""When a failed step is tried again, and how long to wait before."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Any

from .durations import Duration, seconds
from .errors import BadDefinition, BadResult, Fatal, NotInWorkflow, NotSerializable, PayloadTooLarge, RetryAfter

NEVER = (Fatal, BadResult, NotSerializable, PayloadTooLarge, NotInWorkflow)


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a step is tried (attempts in all) and how the delays grow. Without a policy there is one attempt."""

    max_attempts: int = 3
    initial: Duration = "1s"
    factor: float = 2
    max_delay: Duration = "1m"
    jitter: bool = True
    non_retryable: tuple[type[BaseException], ...] = ()

    def __post_init__(self) -> None:
        attempts: Any = self.max_attempts
        factor: Any = self.factor
        if not isinstance(attempts, int) or attempts < 1:
            raise BadDefinition(f"Retry(max_attempts={attempts!r}): give a whole number, from 1")
        if not isinstance(factor, int | float) or not 1 <= factor < math.inf:
            raise BadDefinition(f"Retry(factor={factor!r}): delays grow by a number from 1 (1: they stay the same)")
        if not _are_errors(self.non_retryable):
            raise BadDefinition(f"Retry(non_retryable={self.non_retryable!r}): give a tuple of exception classes")
        object.__setattr__(self, "non_retryable", tuple(self.non_retryable))
        for name in ("initial", "max_delay"):
            try:
                seconds(getattr(self, name))
            except ValueError as error:
                raise BadDefinition(f"Retry({name}=…): {error}") from None

    def delay(self, attempt: int, error: BaseException) -> float | None:
        """Seconds to wait after this failed attempt (counted from 1), or None when there is no further one."""
        if attempt >= self.max_attempts or isinstance(error, NEVER + self.non_retryable):
            return None
        if isinstance(error, RetryAfter):
            return error.delay
        delay = self._grown(attempt)
        return delay * random.uniform(0.5, 1.0) if self.jitter else delay  # noqa: S311 - spreads load, no secret

    def _grown(self, attempt: int) -> float:
        first, most = seconds(self.initial), seconds(self.max_delay)
        try:
            return min(first * float(self.factor) ** (attempt - 1), most)
        except OverflowError:  # it has grown beyond all numbers
            return most if first else 0.0


def _are_errors(given: object) -> bool:
    """Whether these are classes of exceptions, in a tuple or list."""
    return isinstance(given, tuple | list) and all(
        isinstance(one, type) and issubclass(one, BaseException) for one in given
    )


ONCE = Retry(max_attempts=1)
