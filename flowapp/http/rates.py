"""The limit on requests: each key, member or stranger's address may make so many a minute, counted in the cache.

Processes share the count where they share a cache. While the cache is away nobody is counted, so that it is never what
stops the work.
"""

import logging
import time

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from redis import RedisError

from flowapp.engine import clock

from .problems import Problem
from .requests import Request

log = logging.getLogger(__name__)

_MINUTE = 60
_STRANGERS_SHARE = 10  # of what a known caller may do, one in so many
_UNCOUNTED = ("/healthz",)
_LOOK_AGAIN = 10.0  # seconds, once the cache was found away
_away_until = 0.0


def spend(request: Request) -> None:
    """Count a request; the problem `rate-limited` when its caller has made too many in this minute."""
    if request.path in _UNCOUNTED:
        return
    caller, most = _caller(request)
    minute, second = divmod(int(clock.now().timestamp()), _MINUTE)
    if count(f"requests:{caller}:{minute}") > most:
        wait = _MINUTE - second
        raise Problem(
            "rate-limited",
            f"More than {most} requests in a minute: try again in {wait} s.",
            headers={"Retry-After": str(wait)},
        )


def count(key: str) -> int:
    """How often this was asked of this key within the last minutes; 0 while the cache is away."""
    global _away_until
    if time.monotonic() < _away_until:
        return 0
    try:
        cache.add(key, 0, timeout=2 * _MINUTE)
        return cache.incr(key)
    except ValueError:  # thrown out of a full cache between the two
        return 0
    except (RedisError, OSError) as error:
        log.warning("requests are not counted, the cache is away: %s", error)
        _away_until = time.monotonic() + _LOOK_AGAIN
        return 0


def _caller(request: Request) -> tuple[str, int]:
    """Who is counted, and how many requests a minute they may make."""
    most: int = settings.FLOWAPP_RATE_LIMIT
    if request.api_key is not None:
        return f"key:{request.api_key.pk}", most
    if request.member is not None:
        return f"member:{request.member.pk}", most
    return f"address:{_address(request)}", max(1, most // _STRANGERS_SHARE)


def _address(request: HttpRequest) -> str:
    """The client's address as the sign-in limits see it, behind FLOWAPP_PROXY_COUNT proxies."""
    try:
        return str(get_adapter().get_client_ip(request))
    except PermissionDenied:  # a server on a Unix socket knows none
        return ""
