"""What the webhooks room refuses. A message says what is wrong and what to do about it. Pure."""

from __future__ import annotations

from uuid import UUID


class NotFound(Exception):
    """There is no such webhook, endpoint or delivery in this workspace."""

    def __str__(self) -> str:
        return str(self.__doc__)


class Invalid(Exception):
    """Some of what was given cannot be used; each error is {"loc": [field], "msg": what is wrong}."""

    def __init__(self, errors: dict[str, str]) -> None:
        self.errors = [{"loc": [field], "msg": message} for field, message in errors.items()]
        super().__init__("; ".join(f"{field}: {message}" for field, message in errors.items()))


class Disabled(Exception):
    """It is disabled: enable it first."""

    def __str__(self) -> str:
        return str(self.__doc__)


class Refused(Exception):
    """A request to a webhook that is not taken in: its signature is not good. Nothing of it is kept but this."""

    def __init__(self, webhook_id: UUID, workspace_id: UUID, reason: str) -> None:
        self.webhook_id, self.workspace_id = webhook_id, workspace_id
        super().__init__(reason)


class GoesRound(Refused):
    """Its signature is good, but Flowapp sent it, and it would be sent again, without end."""
