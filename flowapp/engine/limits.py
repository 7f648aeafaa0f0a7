"""What `control=` and `batch=` of a workflow declare. Pure: checked at registration, asked at each start."""

from __future__ import annotations

import json
import math
import re
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from . import expressions, paths
from .durations import Duration, seconds
from .errors import BadDefinition

HIGHEST = 1000  # of a priority, either way
LARGEST_BATCH = 10_000  # items
KEY_CHARACTERS = 200
_RATE = re.compile(r"(\d+)\s*/\s*(?:(\d+(?:\.\d+)?)\s*)?(ms|s|sec|m|min|h|hour|d|day)")
_UNITS = {"sec": "s", "min": "m", "hour": "h", "day": "d"}


@dataclass(frozen=True, slots=True)
class Rate:
    """So many starts in so many seconds."""

    count: int
    period: float  # seconds


@dataclass(frozen=True, slots=True)
class Batch:
    """Collect events into one run whose input is the list of their data: at `size` items, or when the first of them
    is so `age` old (a duration)."""

    size: int
    age: Duration

    def __post_init__(self) -> None:
        if not _whole(self.size) or not 2 <= self.size <= LARGEST_BATCH:
            raise BadDefinition(f"Batch: the size must be 2 to {LARGEST_BATCH:,} items, not {self.size!r}")
        _seconds("Batch: age", self.age)


@dataclass(frozen=True, slots=True)
class FlowControl:
    """When and how often a workflow's runs start. `key` (CEL over `event` and `input`) applies all of it per value.

    `concurrency` counts running runs; `rate` ("60/min") skips what is over it, so many at once, given back evenly;
    `throttle` leaves so much time between two starts; `debounce` keeps the last of the starts that follow each other
    within it, delayed by `debounce_max` at the longest; higher `priority` (a number, or CEL) goes first in its
    workspace; `singleton` lets one run of a key live: "skip" keeps the earlier, "cancel" the later.
    """

    concurrency: int | None = None
    key: str | None = None
    rate: str | None = None
    throttle: Duration | None = None
    debounce: Duration | None = None
    debounce_max: Duration | None = None
    priority: int | str | None = None
    singleton: Literal["skip", "cancel"] | None = None
    batch: Batch | None = None
    starts: Rate | None = field(init=False, repr=False, compare=False, default=None)
    pause: float | None = field(init=False, repr=False, compare=False, default=None)  # seconds
    window: float | None = field(init=False, repr=False, compare=False, default=None)  # seconds
    longest: float | None = field(init=False, repr=False, compare=False, default=None)  # seconds

    def __post_init__(self) -> None:
        parsed = {
            "starts": None if self.rate is None else _rate(self.rate),
            "pause": None if self.throttle is None else _seconds("throttle", self.throttle),
            "window": None if self.debounce is None else _seconds("debounce", self.debounce),
            "longest": None if self.debounce_max is None else _seconds("debounce_max", self.debounce_max),
        }
        for name, value in parsed.items():
            object.__setattr__(self, name, value)
        for refused in _refusals(self):
            raise BadDefinition(f"FlowControl: {refused}")
        for source in self._sources():
            expressions.compile(source)

    @property
    def counts(self) -> bool:
        """Whether its runs stand under a limit; with a priority alone they do not."""
        return bool(self.holds or self.rate or self.singleton or self.batch)

    @property
    def holds(self) -> bool:
        """Whether a start may have to wait."""
        return bool(self.concurrency or self.throttle or self.debounce)

    @property
    def decides(self) -> bool:
        """Whether a start may be skipped or become part of another one."""
        return bool(self.rate or self.debounce or self.singleton)

    def key_of(self, event: Any, input: Any) -> str:
        """The value of the key as text; empty without a key, or where this start has no answer to it."""
        if self.key is None:
            return ""
        try:
            value = expressions.compile(self.key).evaluate(event=event, input=input)
        except expressions.ExpressionFailed:
            return ""
        if value is None:
            return ""
        text = value if isinstance(value, str) else json.dumps(_bare(value), sort_keys=True, default=str)
        return text if len(text) <= KEY_CHARACTERS else text[:KEY_CHARACTERS] + f"…{hash_of(text)}"

    def priority_of(self, event: Any, input: Any) -> int:
        """A whole number of -1000 to 1000; 0 where this start has no answer to it."""
        value: Any = self.priority
        if isinstance(value, str):
            try:
                value = expressions.compile(value).evaluate(event=event, input=input)
            except expressions.ExpressionFailed:
                return 0
        if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
            return 0
        return round(max(-HIGHEST, min(HIGHEST, value)))

    def check(self, input_type: Any, *, takes_input: bool) -> None:
        """Compare it with the workflow's input. Raises BadDefinition."""
        if self.batch is not None and not (takes_input and _is_list(input_type)):
            raise BadDefinition("batch: the input is the list of what was collected: annotate it as list[…]")
        one = self.event_type(input_type)
        for source in self._sources():
            paths.check(source, {"input": one, "event.data": one})

    def event_type(self, input_type: Any) -> Any:
        """The type of an event's data: the input's, or of one of its items where they are collected."""
        return input_type if self.batch is None else next(iter(typing.get_args(input_type)), Any)

    def _sources(self) -> list[str]:
        return [source for source in (self.key, self.priority) if isinstance(source, str)]


def combined(control: FlowControl | None, batch: Batch | None) -> FlowControl | None:
    """The control of a workflow whose batch stands beside it. Raises BadDefinition when there are two."""
    if batch is None:
        return control
    if control is not None and control.batch is not None:
        raise BadDefinition("batch is given twice: beside control= and in it")
    return replace(control or FlowControl(), batch=batch)


def hash_of(text: str) -> str:
    """What tells long keys with the same beginning apart."""
    return expressions.key("key", text).hex()


def _refusals(control: FlowControl) -> list[str]:
    """What contradicts itself; each says what to do."""
    number = control.concurrency
    batch = control.batch is not None
    found: Mapping[str, bool] = {
        f"concurrency must be a whole number of 1 or more, not {number!r}": number is not None
        and not (_whole(number) and number >= 1),
        f'singleton is "skip" or "cancel", not {control.singleton!r}': control.singleton
        not in (None, "skip", "cancel"),
        f"priority is a whole number of -{HIGHEST} to {HIGHEST}, or CEL, not {control.priority!r}": not (
            control.priority is None
            or isinstance(control.priority, str)
            or (_whole(control.priority) and abs(control.priority) <= HIGHEST)
        ),
        "debounce_max needs a debounce": control.longest is not None and control.window is None,
        f"debounce={control.debounce!r} is longer than its longest delay, debounce_max={control.debounce_max!r}": (
            control.window is not None and control.longest is not None and control.window > control.longest
        ),
        "singleton lets one run of a key live, so concurrency has nothing to limit: drop one of them": bool(
            control.singleton and number
        ),
        "batch collects what debounce would throw away: drop one of them": batch and control.window is not None,
        "batch collects what rate would skip: drop one of them": batch and control.starts is not None,
        "singleton would skip or cancel collected events: drop batch or singleton": batch
        and control.singleton is not None,
        "a batch has one priority, not one for each event: give a number": batch and isinstance(control.priority, str),
        "key alone limits nothing: add what it applies to": control.key is not None and not control.counts,
        "key is empty": control.key is not None and not str(control.key).strip(),
    }
    return [words for words, wrong in found.items() if wrong]


def _rate(text: Any) -> Rate:
    found = _RATE.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None:
        raise BadDefinition(f'FlowControl: rate={text!r} is not a rate; write "60/min", "5/s", "1000/h" or "10/30s"')
    count, many, unit = int(found[1]), found[2] or "1", found[3]
    period = seconds(f"{many}{_UNITS.get(unit, unit)}")
    if count < 1 or period <= 0:
        raise BadDefinition(f"FlowControl: rate={text!r} would skip every start; allow one or more")
    return Rate(count, period)


def _seconds(name: str, value: Duration) -> float:
    try:
        length = seconds(value)
    except (ValueError, TypeError, AttributeError) as error:
        raise BadDefinition(f"{name}: {error}") from None
    if length <= 0:
        raise BadDefinition(f"{name} must be longer than nothing")
    return length


def _bare(value: Any) -> Any:
    """A value of CEL without the wrappers of what it holds."""
    value = value.value() if hasattr(value, "value") else value
    if isinstance(value, Mapping):
        return {str(name): _bare(item) for name, item in value.items()}
    return [_bare(item) for item in value] if isinstance(value, list | tuple) else value


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_list(annotation: Any) -> bool:
    origin = typing.get_origin(annotation) or annotation
    return origin in (Any, list, Sequence)
