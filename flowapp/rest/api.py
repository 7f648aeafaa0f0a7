"""The API as Ninja serves it: the resources, how errors are answered, and what describes itself."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.request import RawPostDataException
from django.urls import URLPattern, URLResolver
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation

from flowapp.http.answers import for_ninja
from flowapp.http.problems import Problem

from . import (
    absences,
    agents,
    audit,
    bulk,
    calendars,
    docs,
    endpoints,
    events,
    inbox,
    notifications,
    openapi,
    outbox,
    policies,
    prompts,
    reports,
    retention,
    run_inside,
    runs,
    slack_connection,
    stream,
    webhooks,
    workers,
    workflows,
)
from .bodies import ExactRenderer, StrictParser

ROOT = "/v1/"


class Api(NinjaAPI):
    """Ninja, with our own description of the API and our own pages for it."""

    def get_openapi_operation_id(self, operation: Operation) -> str:
        return operation.view_func.__name__

    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: dict[str, Any] | None = None
    ) -> OpenAPISchema:
        """The description, at the same address wherever it is made."""
        return openapi.finish(super().get_openapi_schema(path_prefix=ROOT))

    @property
    def urls(self) -> tuple[list[URLResolver | URLPattern], str, str]:
        """The operations and the pages that describe them; Ninja's own root leads nowhere."""
        patterns, app, namespace = super().urls
        return docs.patterns(self.get_openapi_schema) + [one for one in patterns if not _is_root(one)], app, namespace


def _is_root(pattern: URLPattern | URLResolver) -> bool:
    return isinstance(pattern, URLPattern) and pattern.name == "api-root"


api = Api(
    title="Flowapp",
    version="1",
    description="Durable workflows with people in the loop.",
    openapi_url=None,
    urls_namespace="v1",
    parser=StrictParser(),
    renderer=ExactRenderer(),
)
for_ninja(api)
_ROOMS = (
    workflows,
    bulk,
    run_inside,
    runs,
    retention,
    stream,
    prompts,
    inbox,
    policies,
    calendars,
    absences,
    agents,
    notifications,
    slack_connection,
    reports,
    events,
    audit,
    workers,
    webhooks,
    endpoints,
    outbox,
)
for _room in _ROOMS:
    api.add_router("", _room.router)


@api.exception_handler(HttpError)
def _unreadable(request: HttpRequest, error: HttpError) -> HttpResponse:
    """What our parser said: Ninja wraps it."""
    raise error.__cause__ if isinstance(error.__cause__, Problem) else error


@api.exception_handler(RawPostDataException)
def _a_form(request: HttpRequest, error: RawPostDataException) -> HttpResponse:
    raise Problem("invalid", "The body is not JSON: it came as a form.", 400) from None


@api.exception_handler(ValidationError)
def _not_valid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """An id in the address that cannot be one is an address that leads nowhere."""
    if any(one["loc"][0] == "path" for one in error.errors):
        raise Problem("not-found", "There is nothing with this id.")
    raise error
