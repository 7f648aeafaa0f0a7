"""How the inbox answers: its whole page, or for htmx the fragment that the request is to replace."""

from __future__ import annotations

from typing import Any, Final, cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django_htmx.middleware import HtmxDetails

PAGE: Final = "approvals/inbox.html"
FRAGMENTS: Final = ("list", "detail")


class HtmxRequest(HttpRequest):
    """What django-htmx's middleware adds."""

    htmx: HtmxDetails


def asked_for(request: HttpRequest) -> str:
    """The part of the page that htmx asks for; empty for the whole page."""
    found = htmx(request)
    return str(found.target) if found and found.target in FRAGMENTS else ""


def htmx(request: HttpRequest) -> HtmxDetails:
    """What htmx says of the request; false when it did not make it."""
    return cast("HtmxRequest", request).htmx


def answer(request: HttpRequest, context: dict[str, Any], status: int = 200) -> HttpResponse:
    """The page, or its fragment."""
    fragment = asked_for(request)
    response = render(request, f"{PAGE}#{fragment}" if fragment else PAGE, context, status=status)
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response
