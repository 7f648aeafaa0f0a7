"""Cookies that no page of ours has set are left out: a quoted value may hold any character, also null."""

import re
from collections.abc import Awaitable

from django.http import HttpRequest, HttpResponseBase

from .middleware import EitherWay

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class CookiesMiddleware(EitherWay):
    """Takes cookies with control characters away before anybody looks a session up by one."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        for name in [name for name, value in request.COOKIES.items() if _CONTROL.search(value)]:
            del request.COOKIES[name]
        answer: HttpResponseBase | Awaitable[HttpResponseBase] = self.get_response(request)
        return answer
