"""Which room answers where."""

from importlib import import_module
from importlib.util import find_spec

from django.urls import URLPattern, URLResolver, include, path

handler404 = "flowapp.http.problems.not_found"
handler500 = "flowapp.http.problems.broken"


def _exists(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("flowapp.http.urls")),
    path("accounts/", include("allauth.urls")),
]
if _exists("flowapp.rest.api"):
    urlpatterns.append(path("v1/", import_module("flowapp.rest.api").api.urls))
if _exists("approvals.urls"):
    urlpatterns.append(path("inbox/", include("approvals.urls")))
if _exists("flowapp.web.urls"):
    urlpatterns.append(path("", include("flowapp.web.urls")))
