"""Loads the demo workspace: its people, and once, when it is new, its story."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flowapp.tenancy import queries

from . import people, story


@dataclass(frozen=True)
class Opened:
    """The demo workspace, and what opens it."""

    workspace: str
    api_key: str
    users: list[people.Access]


def load(home: Path, kept: Callable[[], people.Kept], preset_key: str = "") -> Opened:
    """The demo workspace, made when it is missing. Then nothing else in this process may use the clock meanwhile.

    `kept`, what people.json holds, is asked for last: the first time it takes long to make.
    """
    new = queries.workspace(people.SLUG) is None
    workspace = people.assemble()
    if new:
        story.tell(workspace)
    api_key, users = people.admit(workspace, home, kept(), preset_key)
    return Opened(workspace.slug, api_key, users)
