"""Every address says who may call it: each URL of ours and each operation of the REST API declares its access."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from flowapp.http.access import ELSEWHERE, PUBLIC, declared

# Views of packages, which judge access themselves. Each prefix needs its reason here.
ELSEWHERES = {
    "allauth.": "sign-in and account pages are for everybody, or check the session themselves",
    "ninja.operation": "declared operation by operation, walked below",
}
# Ours, for everybody: each with its reason.
PUBLIC_VIEWS = {
    "/healthz": "load balancers have no credentials, and learn one word",
    "/readyz": "as /healthz; it tells how late the work is, and nothing of anybody's",
    "/theme": "a cookie with light or dark",
    "/decide/<str:token>/": "a mail's link is signed, for one person and one prompt, and only shows until it is posted",
    "/slack/events": "Slack signs its calls",
    "/hooks/<slug:slug>": "a sender's signature is what lets it in",
    "/v1/openapi.json": "the API's description holds no data",
    "/v1/docs": "the API's description holds no data",
}


def walk(patterns: list[URLPattern | URLResolver], prefix: str = "/") -> Iterator[tuple[str, URLPattern]]:
    for pattern in patterns:
        address = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from walk(pattern.url_patterns, address)
        else:
            yield address, pattern


ADDRESSES = list(walk(get_resolver().url_patterns))
OURS = [(address, one) for address, one in ADDRESSES if not one.callback.__module__.startswith(ELSEWHERE)]
NINJA = [(address, one) for address, one in ADDRESSES if one.callback.__module__ == "ninja.operation"]


def operations(view: Callable[..., Any]) -> list[Any]:
    """The operations behind one of Ninja's views."""
    found: list[Any] = inspect.getclosurevars(view).nonlocals["self"].operations
    return found


def test_the_packages_allowed_to_judge_for_themselves_are_known() -> None:
    assert set(ELSEWHERE) == set(ELSEWHERES)


@pytest.mark.parametrize(("address", "pattern"), OURS, ids=[address for address, _ in OURS])
def test_each_view_declares_its_access(address: str, pattern: URLPattern) -> None:
    allowed = declared(pattern.callback)
    assert allowed, f"{address}: put @access(…) on {pattern.lookup_str}"
    if PUBLIC in allowed:
        assert address in PUBLIC_VIEWS, f"{address} is open to everybody: say why in PUBLIC_VIEWS"


@pytest.mark.parametrize(("address", "pattern"), NINJA, ids=[address for address, _ in NINJA])
def test_each_operation_declares_its_access(address: str, pattern: URLPattern) -> None:
    for operation in operations(pattern.callback):
        allowed = declared(operation.view_func)
        assert allowed, f"{'/'.join(operation.methods)} {address}: put @access(…) under the router's decorator"
        assert PUBLIC not in allowed, f"{address}: the API is for members and keys"
        assert operation.auth_callbacks, f"{address}: declared, and not guarded"


def sample(address: str, pattern: URLPattern) -> str:
    """An address with something in each of its places."""
    path = address
    for name, converter in pattern.pattern.converters.items():
        value = "00000000-0000-7000-8000-000000000000" if "UUID" in type(converter).__name__ else "1"
        for kind in ("uuid", "str", "int", "slug", "path"):
            path = path.replace(f"<{kind}:{name}>", value)
        path = path.replace(f"<{name}>", value)
    return path


@pytest.mark.parametrize(("address", "pattern"), OURS + NINJA, ids=[address for address, _ in OURS + NINJA])
def test_strangers_are_kept_out(address: str, pattern: URLPattern, db: None) -> None:
    """Not only declared but enforced, whatever the method: before methods, inputs and rows are looked at."""
    if PUBLIC in (declared(pattern.callback) or ()):
        pytest.skip("open to everybody")
    methods = (
        {one for op in operations(pattern.callback) for one in op.methods} if (address, pattern) in NINJA else set()
    )
    for method in methods or {"GET", "POST"}:
        answer = Client().generic(method, sample(address, pattern), headers={"Accept": "application/json"})
        assert answer.status_code == 401, f"{method} {address} answered {answer.status_code}"
