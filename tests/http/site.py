"""A small site for these tests: views and Ninja operations with every kind of access."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path
from django.views.decorators.csrf import ensure_csrf_cookie
from ninja import NinjaAPI, Schema
from pydantic import Field

from flowapp.audit import record
from flowapp.http.access import PUBLIC, SIGNED_IN, WORKSPACE_KEY, access
from flowapp.http.answers import for_ninja
from flowapp.http.credentials import actor_of
from flowapp.http.problems import invalid
from flowapp.tenancy.models import Role
from flowapp.tenancy.scope import current_or_none

handler404 = "flowapp.http.problems.not_found"
handler500 = "flowapp.http.problems.broken"


def facts(request: Any) -> dict[str, Any]:
    return {
        "actor": request.actor and request.actor.as_json(),
        "member": request.member and request.member.user.name,
        "workspace": request.workspace and request.workspace.slug,
        "scope": current_or_none() and str(current_or_none()),
    }


@access(PUBLIC)
def public(request: HttpRequest) -> HttpResponse:
    return JsonResponse(facts(request))


@access(PUBLIC)
async def public_async(request: HttpRequest) -> HttpResponse:
    return JsonResponse(facts(request))


@access(SIGNED_IN)
def inside(request: HttpRequest) -> HttpResponse:
    record(by=actor_of(request), verb="came.in", target="site:1")
    return JsonResponse(facts(request))


@access(SIGNED_IN)
async def inside_async(request: HttpRequest) -> HttpResponse:
    return JsonResponse(facts(request))


@access(Role.OWNER, Role.ADMIN)
def owners(request: HttpRequest) -> HttpResponse:
    return HttpResponse("welcome")


@access(Role.OWNER, WORKSPACE_KEY)
def owners_and_key(request: HttpRequest) -> HttpResponse:
    return HttpResponse("welcome")


def undeclared(request: HttpRequest) -> HttpResponse:
    return HttpResponse("never")


@access(PUBLIC)
def failing(request: HttpRequest, how: str) -> HttpResponse:
    raise {
        "missing": Http404("no such order"),
        "denied": PermissionDenied("not yours"),
        "invalid": invalid([{"loc": ["amount"], "msg": "must be above 0"}]),
        "bug": ZeroDivisionError("the secret detail"),
    }[how]


@access(PUBLIC)
@ensure_csrf_cookie
def form(request: HttpRequest) -> HttpResponse:
    return HttpResponse("a form")


@access(PUBLIC)
def length(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(len(request.body)))


api = NinjaAPI(urls_namespace="site", docs_url=None, openapi_url=None)
for_ninja(api)


class Order(Schema):
    """What the operations take."""

    amount: int = Field(gt=0)


@api.post("/open")
@access(PUBLIC)
def operation_open(request: HttpRequest, order: Order) -> dict[str, Any]:
    return facts(request)


@api.post("/inside")
@access(SIGNED_IN)
def operation_inside(request: HttpRequest, order: Order) -> dict[str, Any]:
    return facts(request)


@api.post("/owners")
@access(Role.OWNER)
async def operation_owners(request: HttpRequest, order: Order) -> dict[str, Any]:
    return facts(request)


urlpatterns = [
    path("public", public),
    path("public-async", public_async),
    path("inside", inside),
    path("inside-async", inside_async),
    path("owners", owners),
    path("owners-and-key", owners_and_key),
    path("undeclared", undeclared),
    path("failing/<str:how>", failing),
    path("v1/failing/<str:how>", failing),
    path("length", length),
    path("form", form),
    path("v1/site/", api.urls),
    path("", include("flowapp.http.urls")),
    path("accounts/", include("allauth.urls")),
]
