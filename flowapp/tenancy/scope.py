"""The workspace in scope, and the manager that refuses to work without one.

The scope is a context variable: it follows a request through threads and tasks, and each task has its own.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ClassVar, Self, TypeVar
from uuid import UUID

from django.db import models

_current: ContextVar[UUID | None] = ContextVar("flowapp_workspace", default=None)


class NoWorkspace(Exception):
    """No workspace is in scope: enter one with `with scoped(workspace_id):` before touching its rows."""

    def __str__(self) -> str:
        return str(self.__doc__)


class WrongWorkspace(Exception):
    """A row of another workspace was about to be written in this one's scope."""

    def __str__(self) -> str:
        return str(self.__doc__)


def current() -> UUID:
    """The id of the workspace in scope; NoWorkspace when there is none."""
    workspace_id = _current.get()
    if workspace_id is None:
        raise NoWorkspace
    return workspace_id


def current_or_none() -> UUID | None:
    """The id of the workspace in scope, if any."""
    return _current.get()


def enter(workspace_id: UUID) -> None:
    """Put a workspace in scope for as long as this context lives: for work that has a context of its own."""
    _current.set(workspace_id)


@contextmanager
def scoped(workspace_id: UUID | None) -> Iterator[None]:
    """Put a workspace in scope for this block; None takes the scope away."""
    token = _current.set(workspace_id)
    try:
        yield
    finally:
        _current.reset(token)


_M = TypeVar("_M", bound=models.Model)


class ScopedQuerySet(models.QuerySet[_M]):
    """Rows of the workspace in scope; what it creates belongs to that workspace and to no other."""

    def create(self, **kwargs: Any) -> _M:
        named = kwargs["workspace"].pk if "workspace" in kwargs else kwargs.setdefault("workspace_id", current())
        if named != current():
            raise WrongWorkspace
        return super().create(**kwargs)

    def bulk_create(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> list[_M]:
        rows = list(objs)
        for row in rows:
            row.workspace_id = row.workspace_id or current()
            if row.workspace_id != current():
                raise WrongWorkspace
        return super().bulk_create(rows, *args, **kwargs)


class ScopedManager(models.Manager[_M]):
    """The manager of everything that belongs to a workspace: NoWorkspace when none is in scope."""

    _queryset_class = ScopedQuerySet

    def get_queryset(self) -> models.QuerySet[_M]:
        return super().get_queryset().filter(workspace_id=current())


class ScopedModel(models.Model):
    """A row of one workspace. `objects` sees only the workspace in scope; `unscoped` is for work over workspaces."""

    workspace = models.ForeignKey("tenancy.Workspace", on_delete=models.PROTECT, related_name="+")

    objects: ClassVar[ScopedManager[Self]] = ScopedManager()
    unscoped: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        abstract = True
