"""What people do with an installation that may die under their hands, and what must have come of it."""

from __future__ import annotations

import time
from typing import Any

from tests.process.installation import PATIENCE, Installation

ENDED = {"completed", "failed", "cancelled", "needs_attention"}
# What each step of a story is, and what an answer to a wait sets going.
EXPENSE = {"check_policy:1", "issue_receipt:1"}
ORDER = {"reserve:1", "ship:1"}
_NEXT = {"manager-approval": "issue_receipt:1", "signal:paid": "ship:1"}

EXPENSE_POINTS = (
    "before claim",
    "after claim",
    "before effect check_policy",
    "after effect check_policy",
    "before checkpoint check_policy",
    "after checkpoint check_policy",
    "before wait manager-approval",
    "after wait manager-approval",
    "while waiting",
    "before decision",
    "after decision",
    "before checkpoint manager-approval",
    "after checkpoint manager-approval",
    "before effect issue_receipt",
    "before checkpoint issue_receipt",
    "after checkpoint issue_receipt",
    "before end",
    "after end",
)
ORDER_POINTS = (
    "before wait signal:paid",
    "after wait signal:paid",
    "while waiting",
    "before signal",
    "after signal",
    "before checkpoint signal:paid",
    "after effect ship",
)


def repeats(point: str) -> list[dict[str, int]]:
    """The effects that may arrive once more when a process dies at this point: those of the step then in flight.

    That is the step between its effect and its checkpoint's commit, and then it must arrive again. An answer to a wait
    is durable before its checkpoint, so the step after it may have begun: it may or may not arrive again.
    """
    kind, _, step = point.rpartition(" ")
    if step in _NEXT and kind.endswith("checkpoint"):
        return [{}, {_NEXT[step]: 1}]
    return [{f"{step}:1": 1}] if kind in ("after effect", "before checkpoint") else [{}]


def live(installation: Installation, workflow: str, input: Any, point: str) -> dict[str, Any]:
    """Start a run that is to meet its point, do what it asks of people, and return it once it has ended."""
    installation.revive()
    waiting = point == "while waiting"
    if not waiting:
        installation.armed.write_text(point)
    run_id = installation.start_run(workflow, input, f"{workflow} {point}")
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        run: dict[str, Any] = installation.get(f"runs/{run_id}")
        if run["status"] in ENDED:
            # A point just after the end is reached while nobody waits for anything any more.
            installation.until(f"the point {point!r}", lambda: not installation.armed.exists())
            return run
        if waiting and run["status"] == "waiting":
            waiting = False
            installation.executing.kill()
        answer(installation, run)
        time.sleep(0.03)
    raise AssertionError(f"the run did not end: {installation.get(f'runs/{run_id}')}")


def answer(installation: Installation, run: dict[str, Any]) -> None:
    """Give a run what it waits for; asked again, people answer again."""
    for wait in run["waiting_on"]:
        if wait["kind"] == "prompt":
            decision = {"outcome": "approve", "reasoning": "Fine."}
            installation.tell(f"prompts/{wait['prompt_id']}/complete", decision, person="bo")
        else:
            installation.tell(f"runs/{run['id']}/signal", {"name": "paid", "data": 7})
