"""What a run waits for, and on whom, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .output import left


def sentence(wait: Mapping[str, Any]) -> str:
    """One wait of a run, such as "manager-approval by role:manager, due in 47 h 59 min"."""
    kind, name = wait["kind"], str(wait["name"])
    due = f", {left(wait['due_at'])}" if kind == "sleep" and wait.get("due_at") else ""
    if kind == "sleep":
        return f"time to pass{due}"
    if kind == "map":
        return f"{name}, {wait['done']} of {wait['of']} items done"
    words = {"signal": f"the signal {name.removeprefix('signal:')}", "prompt": name, "child": f"the child run {name}"}
    what = words.get(kind, f"{kind} {name}")
    people = f" by {', '.join(wait['assignees'])}" if wait.get("assignees") else ""
    due = f", due {left(wait['due_at'])}" if wait.get("due_at") else ""
    return f"{what}{people}{due}"
