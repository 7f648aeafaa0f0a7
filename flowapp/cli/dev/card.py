"""dev.json: where the dev server is and what opens it, written when it is ready, read by the other commands."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flowapp.cli.errors import CommandFailed
from flowapp.cli.output import print_table

if TYPE_CHECKING:
    from flowapp.demo.workspace import Opened

_FILE = "dev.json"


@dataclass(frozen=True)
class Card:
    """What other commands need of it."""

    pid: int
    base_url: str
    api_key: str

    def lives(self) -> bool:
        """Whether the process that wrote it is there still. Another one may have got its id, once it was killed."""
        try:
            os.kill(self.pid, 0)
            return b"flowapp" in Path(f"/proc/{self.pid}/cmdline").read_bytes()
        except ProcessLookupError:
            return False
        except OSError:  # somebody else's process, or a system without /proc
            return True


def read(home: Path) -> Card | None:
    """The card in `home`, if there is one. Raises CommandFailed when it cannot be understood."""
    path = home / _FILE
    try:
        written = json.loads(path.read_bytes())
        pid, base_url, api_key = (written[name] for name in ("pid", "base_url", "api_key"))
        card = Card(int(pid), str(base_url), str(api_key))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise CommandFailed(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, KeyError):
        raise CommandFailed(f"{path} cannot be understood: start `flowapp dev` again, which writes it anew") from None
    return card


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
