"""What the broadcaster passes on, and what it and the carriers between processes know of each other."""

from typing import NamedTuple, Protocol
from uuid import UUID


class Hint(NamedTuple):
    """Something changed: `topic` is "run", "inbox" and the like, `key` the id of what changed."""

    workspace_id: UUID
    topic: str
    key: str


class Sink(Protocol):
    """Where hints of other processes arrive."""

    def deliver(self, hint: Hint) -> None:
        """Tell the clients of this process."""

    def refresh(self) -> None:
        """Hints may have been missed: tell every client to look again."""

    def workspaces(self) -> set[UUID]:
        """The workspaces that clients are looking at."""


class Carrier(Protocol):
    """Takes hints to the other processes, and brings theirs once started."""

    def send(self, hint: Hint) -> None:
        """Hand a hint on; never blocks, never fails the caller."""

    def start(self, sink: Sink) -> None:
        """Begin to bring in the others' hints."""

    def stop(self) -> None:
        """Stop bringing them in."""
