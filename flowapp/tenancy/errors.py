"""What tenancy refuses. A message says what is wrong and what to do about it."""


class TenancyError(Exception):
    """The base of tenancy's errors."""


class UnknownAssignee(TenancyError):
    """An assignee is `user:EMAIL`, `group:NAME` or `role:NAME`."""


class UnknownScope(TenancyError):
    """An API key was to be granted something that does not exist."""


class UnfitKey(TenancyError):
    """A preset API key is `ffk_` and 20 characters or more in all."""
