"""The way in, and the small requests of the frame: counts and the theme."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from flowapp.http.access import PUBLIC, SIGNED_IN, access
from flowapp.web import shell

_YEAR = 365 * 24 * 60 * 60


@access(SIGNED_IN)
@require_GET
def home(request: HttpRequest) -> HttpResponseBase:
    """Everybody lands where decisions wait."""
    return redirect("inbox")


@access(SIGNED_IN)
@require_GET
def nav_counts(request: HttpRequest) -> HttpResponse:
    """The navigation's counts, to be put in place out of band."""
    return render(request, "_components/nav_counts.html", {"inbox": shell.inbox_count(request)})


@access(PUBLIC)
@require_POST
def theme(request: HttpRequest) -> HttpResponseBase:
    """Remember light, dark or the system's theme in a cookie, and go back."""
    onward = request.POST.get("next", "")
    ours = url_has_allowed_host_and_scheme(
        onward, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    # Anything else than a path or address would be taken for the name of a view.
    response = HttpResponseRedirect(onward if ours and onward.startswith(("/", "http")) else "/")
    chosen = request.POST.get("theme", "")
    if chosen in shell.THEMES:
        response.set_cookie("theme", chosen, max_age=_YEAR, samesite="Lax", httponly=True, secure=request.is_secure())
    else:
        response.delete_cookie("theme", samesite="Lax")
    return response
