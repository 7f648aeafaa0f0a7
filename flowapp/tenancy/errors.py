"""What tenancy refuses. A message says what is wrong and what to do about it."""

from typing import Any


class TenancyError(Exception):
    """The base of tenancy's errors."""


class UnknownAssignee(TenancyError):
    """An assignee is `user:EMAIL`, `group:NAME` or `role:NAME`."""


class UnknownScope(TenancyError):
    """An API key was to be granted something that does not exist."""


class UnfitKey(TenancyError):
    """A preset API key is `ffk_` and 20 characters or more in all."""


class Unfit(TenancyError):
    """What was given cannot be kept; `.errors` holds {"loc": [path], "msg"} for each thing to correct."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        self.errors = errors
        super().__init__("; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in errors))


class NotHere(TenancyError):
    """There is no such thing in this workspace."""


class NotAllowed(TenancyError):
    """You may not do this."""
