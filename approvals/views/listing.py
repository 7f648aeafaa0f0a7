"""The list beside the prompt: scopes with their counts, the filters a member keeps, the order they chose, the rows."""

from __future__ import annotations

from typing import Any, Final, cast
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse

from approvals import queries
from flowapp.http.problems import Problem
from flowapp.http.requests import Request
from flowapp.tenancy.models import Member

PER_PAGE: Final = 50
LONGEST_QUERY: Final = 200
_SORT: Final = "inbox-sort"  # in the session: a chosen order stays


def context(request: HttpRequest) -> dict[str, Any]:
    """The context of the list fragment."""
    member = member_of(request)
    targets = queries.targets_of(member.pk)
    scope, query, sort = view_of(request)
    try:
        page = queries.inbox(
            targets, scope=scope, query=query, sort=sort, cursor=request.GET.get("cursor"), limit=PER_PAGE
        )
    except ValueError as error:
        raise Problem("not-found", str(error)) from None
    _keep(request, sort)
    here = as_query(scope, query, sort)
    counts = queries.counts(targets)
    return {
        "scopes": _scopes(counts, scope),
        "mine_waiting": counts["mine"],
        "rows": page.items,
        "page": page,
        "query": query,
        "sort": sort,
        "sorts": queries.SORTS,
        "saved": _saved(member, here),
        "here": here,
        "new_count": 0,
    }


def view_of(request: HttpRequest) -> tuple[str, str, str]:
    """Scope, search and order: as the address says, the order else as it was chosen last."""
    chosen = request.GET.get("sort")
    sort = request.session.get(_SORT, "") if chosen is None else chosen
    return request.GET.get("scope") or "mine", request.GET.get("q", "")[:LONGEST_QUERY].strip(), sort


def as_query(scope: str, query: str, sort: str) -> str:
    """A view as a query string: each view has one spelling."""
    return urlencode({"scope": scope, **({"q": query} if query else {}), "sort": sort})


def member_of(request: HttpRequest) -> Member:
    """Whose inbox it is."""
    member = cast("Request", request).member
    assert member is not None  # @access lets members in, and nobody else
    return member


def _keep(request: HttpRequest, sort: str) -> None:
    if request.session.get(_SORT, "") != sort:
        request.session[_SORT] = sort


def _scopes(counts: dict[str, int], active: str) -> list[dict[str, Any]]:
    return [
        {
            "key": key,
            "label": label,
            "count": _count(counts.get(key)),
            "active": key == active,
            "url": f"{reverse('inbox')}?{urlencode({'scope': key})}",
        }
        for key, label in queries.SCOPES.items()
    ]


def _saved(member: Member, here: str) -> list[dict[str, Any]]:
    return [
        {
            "id": kept.pk,
            "name": kept.name,
            "url": f"{reverse('inbox')}?{kept.query}",
            "active": kept.query == here,
        }
        for kept in queries.saved_filters(member.pk)
    ]


def _count(number: int | None) -> int | str | None:
    return f"{queries.COUNT_UP_TO}+" if number is not None and number > queries.COUNT_UP_TO else number
