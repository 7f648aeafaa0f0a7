"""Who is asking: a bearer key or a session becomes `request.actor`, `.member`, `.workspace` and the scope."""

import re
from collections.abc import Awaitable
from contextlib import ExitStack, contextmanager
from typing import Any, cast

from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from flowapp.audit.origin import Origin, coming_from
from flowapp.tenancy import queries
from flowapp.tenancy.actors import Actor
from flowapp.tenancy.ids import uuid7
from flowapp.tenancy.models import Member
from flowapp.tenancy.scope import scoped

from .middleware import EitherWay
from .problems import Problem
from .requests import Request

WORKSPACE_IN_SESSION = "workspace"
_REQUEST_ID = re.compile(r"[\w.-]{8,100}", re.ASCII)


class CredentialsMiddleware(EitherWay):
    """Finds out who is asking, and puts their workspace in scope until the response is made. Refuses nobody."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        asking = cast("Request", request)
        _nobody(asking)
        if self.is_async:
            return self._acall(asking)
        identify(asking)
        with _around(asking):
            return cast("HttpResponseBase", self.get_response(request))

    async def _acall(self, request: Request) -> HttpResponseBase:
        if _carries_credentials(request):
            await sync_to_async(identify)(request)
        with _around(request):
            return cast("HttpResponseBase", await self.get_response(request))


def identify(request: Request) -> None:
    """Set who is asking. A bearer key that is not good leaves nobody, even if a session came along."""
    token = _bearer(request)
    if token is not None:
        _by_key(request, token)
    elif settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated:
        member = queries.membership(request.user, request.session.get(WORKSPACE_IN_SESSION))
        if member:
            _as_member(request, member, queries.actor_for(member))


def actor_of(request: HttpRequest) -> Actor:
    """Who is asking; a problem when that is nobody. What views pass on as `by=`."""
    actor = cast("Request", request).actor
    if actor is None:
        raise nobody(request)
    return actor


def nobody(request: HttpRequest) -> Problem:
    """The problem of a request without (good) credentials."""
    if _bearer(request) is not None:
        return Problem("unauthenticated", "This API key is unknown, expired or revoked.", headers=_CHALLENGE)
    if settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated:
        return Problem("not-eligible", "You are a member of no workspace yet: ask an owner or admin to add you.")
    return Problem("unauthenticated", "Sign in, or send an API key: Authorization: Bearer ffk_…", headers=_CHALLENGE)


_CHALLENGE = {"WWW-Authenticate": "Bearer"}


def _nobody(request: Request) -> None:
    request.actor = request.member = request.workspace = request.api_key = None
    given = request.headers.get("X-Request-ID", "")
    request.request_id = given if _REQUEST_ID.fullmatch(given) else str(uuid7())


def _by_key(request: Request, token: str) -> None:
    key = queries.key_for(token)
    if key is None:
        return
    request.api_key, request.workspace = key, key.workspace
    request.member, request.actor = key.member, queries.actor_for_key(key)


def _as_member(request: Request, member: Member, actor: Actor) -> None:
    request.member, request.workspace, request.actor = member, member.workspace, actor


@contextmanager
def _around(request: Request) -> Any:
    """What holds while the view runs: the scope, and where audit entries come from."""
    channel = "api" if request.api_key else "web"
    with ExitStack() as stack:
        stack.enter_context(scoped(request.workspace.pk if request.workspace else None))
        stack.enter_context(coming_from(Origin(channel, request.request_id)))
        yield


def _carries_credentials(request: HttpRequest) -> bool:
    return _bearer(request) is not None or settings.SESSION_COOKIE_NAME in request.COOKIES


def _bearer(request: HttpRequest) -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None
