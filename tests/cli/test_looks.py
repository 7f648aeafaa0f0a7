"""How the terminal shows runs: the tree of steps, colours on a terminal only, one line for each move."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from flowapp.cli import colour, inspect, output
from flowapp.cli.dev.moves import Moves, line
from flowapp.engine.reading.readings import Move

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
RUN = UUID("019a8f6e-0000-7000-8000-000000abcdef")


def step(name: str, status: str = "completed", **more: Any) -> dict[str, Any]:
    began, ended = AT.isoformat(), (AT + timedelta(seconds=2)).isoformat()
    plain = {"occurrence": 1, "kind": "step", "attempts": 1, "error": None, "started_at": began, "ended_at": ended}
    return plain | {"name": name, "status": status} | more


def test_steps_are_a_tree_with_children_and_errors_under_them() -> None:
    error = {"type": "ValueError", "message": "no\nmoney"}
    child = {"id": "c1", "workflow": "pay", "status": "failed", "step": "pay#2", "started_at": None, "ended_at": None}
    steps = [step("fetch", attempts=3), step("pay", "failed", occurrence=2, kind="child", error=error)]
    rows = list(inspect._tree(steps, [child], on=False))
    assert rows == [
        ("├─ ✓ fetch", "completed", "2.0 s", "3 attempts"),
        ("└─ ✗ pay #2 (child)", "failed", "2.0 s", ""),
        ("   └─ ✗ run c1 pay", "failed", "", ""),
        ("      ValueError: no money", "", "", ""),
    ]


def test_many_uses_of_a_step_are_one_line_with_what_went_wrong() -> None:
    error = {"type": "ValueError", "message": "no money"}
    items = [step("charge", occurrence=number) for number in range(1, 31)]
    items[3] = step("charge", "failed", occurrence=4, error=error)
    child = {"id": "c1", "workflow": "w", "status": "failed", "step": "charge#4", "started_at": None, "ended_at": None}
    rows = list(inspect._tree([step("fetch"), *items], [child], on=False))
    assert rows == [
        ("├─ ✓ fetch", "completed", "2.0 s", ""),
        ("└─ ✗ charge, 30 times", "29 completed, 1 failed", "2.0 s", ""),
        ("   └─ ✗ run c1 w", "failed", "", ""),
        ("      ValueError: no money", "", "", ""),
    ]
    assert len(list(inspect._tree(items, [], on=False, folded=False))) == 31
    assert len(list(inspect._tree(items[4:12], [], on=False))) == 8


def test_columns_align_whether_coloured_or_not(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_table((), [(colour.status("failed", on=True), "a"), ("x", "b")])
    first, second = capsys.readouterr().out.splitlines()
    assert first == "\x1b[31mfailed\x1b[0m  a"
    assert second == "x       b"


def test_only_a_terminal_is_coloured(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert (colour.wanted(Terminal()), colour.wanted(io.StringIO())) == (True, False)
    monkeypatch.setenv("NO_COLOR", "1")
    assert not colour.wanted(Terminal())


def move(status: str, error: str = "") -> Move:
    return Move(RUN, "refund", status, error, AT, AT + timedelta(seconds=3) if status == "failed" else None)


def test_a_move_is_one_line() -> None:
    told = line(move("failed", "ValueError"), on=False)
    assert told.partition(" ")[2] == "✗ refund 00abcdef failed ValueError after 3.0 s"


def test_the_same_status_is_told_once() -> None:
    moves = Moves()
    assert [len(moves.news([move(status)])) for status in ("queued", "running", "running", "waiting", "running")] == [
        1,
        1,
        0,
        1,
        1,
    ]
