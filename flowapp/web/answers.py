"""How a view answers: the whole page, or for htmx the fragment that the request is to replace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers


def page(request: HttpRequest, template: str, context: Mapping[str, Any], *, status: int = 200) -> HttpResponse:
    """Render a page template; htmx gets the partial named like its target, so `#rows` gets `page.html#rows`."""
    target = request.headers.get("HX-Target", "") if request.headers.get("HX-Request") == "true" else ""
    response = render(request, f"{template}#{target}" if target else template, context, status=status)
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response
