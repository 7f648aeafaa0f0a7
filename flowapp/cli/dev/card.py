"""dev.json: where the dev server is and what opens it, written when it is ready; and the same for people to read."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flowapp.cli.output import print_table

if TYPE_CHECKING:
    from flowapp.demo.workspace import Opened

_FILE = "dev.json"


def remove(home: Path) -> None:
    """Take dev.json away: nothing is ready."""
    (home / _FILE).unlink(missing_ok=True)


def write(home: Path, base_url: str, demo: Opened) -> None:
    """Write dev.json, whole, readable by its owner only: it holds keys."""
    card = {
        "pid": os.getpid(),
        "base_url": base_url,
        "api_key": demo.api_key,
        "workspace": demo.workspace,
        "users": demo.users,
    }
    new = home / f"{_FILE}.new"
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(card, file, indent=2)
    new.replace(home / _FILE)


def show(base_url: str, demo: Opened, *, on_celery: bool) -> None:
    """Print what dev.json holds, and what else is needed."""
    print(f"\nFlowapp is ready at {base_url}   (Ctrl+C stops it)\n")
    print(f"workspace  {demo.workspace}\nAPI key    {demo.api_key}\n")
    rows: list[Sequence[str]] = [
        (user["email"], user["password"], user["role"], ", ".join(user["groups"]), user["api_key"])
        for user in demo.users
    ]
    print_table(("SIGN IN AS", "PASSWORD", "ROLE", "GROUPS", "API KEY"), rows)
    if on_celery:
        print(
            "\nRuns execute on Celery workers: start `flowapp worker` in another terminal, with the same environment."
        )
    print(flush=True)
