"""How values read: each case as a person would say it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from flowapp.web import wording

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("away", "words"),
    [
        (timedelta(seconds=-3), "just now"),
        (timedelta(seconds=20), "in a moment"),
        (timedelta(minutes=-22), "22 min ago"),
        (timedelta(minutes=38), "in 38 min"),
        (timedelta(hours=-5), "5 h ago"),
        (timedelta(hours=47, minutes=59), "in 48 h"),
        (timedelta(days=-3), "3 d ago"),
        (timedelta(days=-18), "3 Nov"),
        (timedelta(days=-366), "20 Nov 2025"),
    ],
)
def test_relative(away, words):
    assert wording.relative(NOW + away, NOW) == words


@pytest.mark.parametrize(
    ("away", "words"),
    [
        (timedelta(minutes=38), "in 38 min"),
        (timedelta(seconds=-1), "1 min over"),
        (timedelta(hours=-2), "2 h over"),
    ],
)
def test_due(away, words):
    assert wording.due(NOW + away, NOW) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, ""),
        (0.0001, "under 1 ms"),
        (0.004, "4 ms"),
        (1.4, "1.4 s"),
        (12.4, "12 s"),
        (131, "2 m 11 s"),
        (120, "2 m"),
        (11_100, "3 h 5 m"),
        (187_200, "2 d 4 h"),
    ],
)
def test_took(seconds, words):
    assert wording.took(seconds) == words


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        (None, "unknown"),
        (Decimal(0), "$0.00"),
        ("0.0412", "$0.0412"),
        ("1234.5", "$1,234.50"),
        ("a lot", "a lot"),
    ],
)
def test_money_is_never_zero_when_it_is_unknown(amount, words):
    assert wording.money(amount) == words


def test_a_clock_time_says_its_zone():
    now = datetime(2026, 11, 21, 9, tzinfo=UTC)
    assert wording.clock_time(datetime(2026, 11, 23, 13, 5, tzinfo=UTC), now) == "Mon 23 Nov, 13:05 UTC"


@pytest.mark.parametrize(
    ("name", "letters"), [("Ana Ruiz", "AR"), ("bo@acme.example", "BO"), ("li.chen@x.example", "LC"), ("", "?")]
)
def test_initials(name, letters):
    assert wording.initials(name) == letters


def test_assignees_in_words():
    assert wording.assignees(["role:manager", "group:finance", "user:bo@acme.example"]) == (
        "any manager, the group finance or bo@acme.example"
    )
    assert wording.assignees([]) == wording.assignees(None) == ""


def test_every_run_step_and_prompt_status_has_a_shape():
    from pathlib import Path

    from approvals.states import PromptStatus
    from flowapp.engine.states import RunStatus, StepStatus

    icons = Path("static/icons.svg").read_text()
    for status in (*RunStatus, *StepStatus, *PromptStatus):
        assert f'id="{wording.shape(status)}"' in icons, status
