"""Static files by WhiteNoise, made fit for ASGI: other requests pass without a detour through a thread."""

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile

from .middleware import EitherWay


class StaticFilesMiddleware(EitherWay, WhiteNoiseMiddleware):  # type: ignore[misc]
    """Answers for the files that Django's finders know; there is no collecting step."""

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        WhiteNoiseMiddleware.__init__(self, get_response)
        EitherWay.__init__(self, get_response)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self._acall(request)
        found = self._find(request)
        return _read(found, request) if found else self.get_response(request)

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        found = self._find(request)
        if found:
            return await sync_to_async(_read, thread_sensitive=False)(found, request)
        response: HttpResponseBase = await self.get_response(request)
        return response

    def _find(self, request: HttpRequest) -> StaticFile | None:
        found: StaticFile | None = (
            self.find_file(request.path_info) if self.autorefresh else self.files.get(request.path_info)
        )
        return found


def _read(found: StaticFile, request: HttpRequest) -> HttpResponse:
    """The whole file at once: a stream of it would be synchronous, which ASGI does not like."""
    answer = found.get_response(request.method, request.META)
    body = b""
    if answer.file is not None:
        with answer.file as file:
            body = file.read()
    response = HttpResponse(body, status=int(answer.status))
    del response["Content-Type"]
    for name, value in answer.headers:
        response[name] = value
    return response
