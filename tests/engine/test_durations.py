"""Durations and the delays between attempts stay within what can be reckoned with."""

from datetime import timedelta
from math import inf, nan
from typing import Any

import pytest

from flowapp import Retry, RetryAfter
from flowapp.engine.durations import parse


@pytest.mark.parametrize("value", ["99999999999d", "9" * 400 + "s", "101w" * 100, 1.7e12, inf, nan, timedelta.max])
def test_what_is_out_of_all_bounds_is_no_duration(value: Any):
    with pytest.raises(ValueError, match=r"100 years|not a number"):
        parse(value)
    with pytest.raises(ValueError, match=r"100 years|not a number"):
        RetryAfter(value)


def test_a_hundred_years_are_one():
    assert parse("36525d") == timedelta(days=36525)


@pytest.mark.parametrize(
    ("policy", "attempt", "delay"),
    [
        (Retry(max_attempts=5000, jitter=False), 1025, 60),
        (Retry(max_attempts=5000, jitter=False), 4999, 60),
        (Retry(max_attempts=9, factor=1e300, jitter=False), 8, 60),
        (Retry(max_attempts=5000, initial="0s", jitter=False), 4999, 0),
        (Retry(max_attempts=9, factor=1, jitter=False), 8, 1),
    ],
)
def test_delays_end_at_the_longest(policy: Retry, attempt: int, delay: float):
    assert policy.delay(attempt, ValueError()) == delay
