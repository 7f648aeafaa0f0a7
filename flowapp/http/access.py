"""Declared access: every view says who may call it, and a view that does not say is refused.

    @access(PUBLIC)                       anybody
    @access(SIGNED_IN)                    every member of a workspace, and every API key
    @access(Role.OWNER, Role.ADMIN)       these roles only; add WORKSPACE_KEY to let the workspace's own key in

The same decorator stands under Ninja's: `@router.get(…)` above `@access(…)`.
"""

import hmac
from collections.abc import Awaitable, Callable, Collection
from enum import Enum
from typing import Any, Final, TypeVar, cast

from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from ninja.errors import HttpError
from ninja.security.base import AuthBase
from ninja.utils import check_csrf, contribute_operation_callback

from flowapp.audit import record
from flowapp.tenancy.actors import Actor
from flowapp.tenancy.models import Role

from . import rates
from .credentials import actor_of
from .middleware import EitherWay
from .problems import Problem, respond
from .requests import Request


class Everybody(Enum):
    """Whom a view may admit besides roles."""

    PUBLIC = "anybody"
    SIGNED_IN = "every member and every API key"
    WORKSPACE_KEY = "the workspace's own API key"
    AGENT_KEY = "an agent's API key"
    OPERATOR = "who runs the installation, with FLOWAPP_METRICS_TOKEN; in `flowapp dev` everybody on this machine"


PUBLIC: Final = Everybody.PUBLIC
SIGNED_IN: Final = Everybody.SIGNED_IN
WORKSPACE_KEY: Final = Everybody.WORKSPACE_KEY
AGENT_KEY: Final = Everybody.AGENT_KEY
OPERATOR: Final = Everybody.OPERATOR
Allowed = Everybody | Role

# Everybody who may change things: all but viewers.
CHANGERS: Final[tuple[Allowed, ...]] = (Role.OWNER, Role.ADMIN, Role.MANAGER, Role.REVIEWER, WORKSPACE_KEY, AGENT_KEY)

# Views of packages that judge access themselves; Ninja's are declared operation by operation.
ELSEWHERE = ("allauth.", "ninja.operation")

V = TypeVar("V", bound=Callable[..., Any])


def access(*allowed: Allowed) -> Callable[[V], V]:
    """Declare who may call a view or a Ninja operation."""
    if not allowed:
        raise TypeError("access() needs to know who: PUBLIC, SIGNED_IN or roles")

    def declare(view: V) -> V:
        setattr(view, "access", frozenset(allowed))  # noqa: B010 - functions have no such attribute to a type checker
        contribute_operation_callback(view, _guard_operation)
        return view

    return declare


def declared(view: object) -> frozenset[Allowed] | None:
    """What a view declares, if it does."""
    found: frozenset[Allowed] | None = getattr(view, "access", None)
    return found


def check(request: HttpRequest, allowed: Collection[Allowed]) -> Actor | None:
    """Raise the problem that keeps this request out, or say who came in (None: anybody)."""
    asking = cast("Request", request)
    if PUBLIC in allowed:
        return asking.actor
    if OPERATOR in allowed:
        return _operator(asking)
    actor = actor_of(request)
    if SIGNED_IN in allowed or _standing(asking) in allowed:
        return actor
    needed = ", ".join(sorted(role.value for role in allowed if isinstance(role, Role)))
    yours = f"your role is {asking.member.role}" if asking.member else f"{_standing(asking).value} has no role"
    raise Problem("not-eligible", f"This needs one of the roles {needed}; {yours}.")


def _standing(request: Request) -> Allowed:
    """The member's role, or whose key it is."""
    if request.member:
        return Role(request.member.role)
    return AGENT_KEY if request.api_key and request.api_key.agent_id else WORKSPACE_KEY


def _operator(request: Request) -> Actor | None:
    """Nobody of any workspace: what such a view tells is over all of them."""
    token: str = settings.FLOWAPP_METRICS_TOKEN
    given = request.headers.get("Authorization", "")
    if token and hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
        return None
    if not token and settings.FLOWAPP_MODE == "dev":  # which listens on this machine's own address only
        return None
    raise Problem(
        "unauthenticated",
        "Send Authorization: Bearer and FLOWAPP_METRICS_TOKEN.",
        headers={"WWW-Authenticate": "Bearer"},
    )


class Declared(AuthBase):
    """A Ninja operation's `auth`: its declared access, before its input is even looked at."""

    openapi_type = "http"
    openapi_scheme = "bearer"
    openapi_name = "ApiKey"

    def __init__(self, allowed: Collection[Allowed]) -> None:
        self.allowed = allowed
        super().__init__()

    def __call__(self, request: HttpRequest) -> object:
        actor = check(request, self.allowed)
        if cast("Request", request).api_key is None and actor is not None and check_csrf(request):
            raise HttpError(403, "The CSRF token is missing or wrong: send X-CSRFToken, or use an API key.")
        return actor or True


def _guard_operation(operation: Any) -> None:
    """Ninja calls this for each operation made from a declared function."""
    allowed = declared(operation.view_func)
    guards = None if allowed is None or PUBLIC in allowed else [Declared(allowed)]
    operation.auth_param = guards
    operation.auth_callbacks = guards or []


class AccessMiddleware(EitherWay):
    """Counts every request, judges it by its view's declaration, and audits refusals."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self._acall(request)
        response: HttpResponseBase = self.get_response(request)
        if _refused(request, response):
            _audit(request)
        return response

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        response: HttpResponseBase = await self.get_response(request)
        if _refused(request, response):
            await sync_to_async(_audit)(request)
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: object, kwargs: object
    ) -> HttpResponseBase | None:
        try:
            rates.spend(cast("Request", request))
            if view.__module__.startswith(ELSEWHERE):
                return None
            check(request, declared(view) or _undeclared(view))
        except Problem as problem:
            return respond(request, problem)
        return None


def _undeclared(view: Callable[..., Any]) -> Collection[Allowed]:
    name = getattr(view, "__qualname__", repr(view))
    raise Problem("not-eligible", f"Nobody may call {view.__module__}.{name}: it declares no access.")


def _refused(request: HttpRequest, response: HttpResponseBase) -> bool:
    return response.status_code == 403 and cast("Request", request).actor is not None


def _audit(request: HttpRequest) -> None:
    record(by=actor_of(request), verb="access.refused", target=f"url:{request.method} {request.path}"[:320])
