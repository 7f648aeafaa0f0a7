"""When a failed step is tried again, and how long to wait before."""

from __future__ import annotations

import random
from dataclasses import dataclass

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
        if self.max_attempts < 1:
            raise BadDefinition(f"Retry(max_attempts={self.max_attempts}): at least one attempt is needed")
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
        delay = min(seconds(self.initial) * self.factor ** (attempt - 1), seconds(self.max_delay))
        return delay * random.uniform(0.5, 1.0) if self.jitter else delay  # noqa: S311 - spreads load, no secret


ONCE = Retry(max_attempts=1)
