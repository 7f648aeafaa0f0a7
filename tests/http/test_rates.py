"""The limit on requests: for each key, member and address by itself, told with 429 and when to come back."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from flowapp.engine import clock
from flowapp.http import rates
from tests.factories import Cast

from .conftest import SignIn

pytestmark = pytest.mark.urls("tests.http.site")
Bearer = Callable[..., dict[str, str]]
REDIS = {"BACKEND": "django.core.cache.backends.redis.RedisCache"}


@pytest.fixture(autouse=True)
def few(settings: Any) -> Iterator[None]:
    """Three requests a minute, two for strangers; and a minute that has just begun."""
    settings.FLOWAPP_RATE_LIMIT = 3
    cache.clear()
    clock.reset()
    clock.shift(f"{60 - clock.now().second}s")
    yield
    clock.reset()


def test_one_too_many_is_told_when_to_come_back(cast: Cast, bearer: Bearer) -> None:
    key = bearer(cast.acme)
    assert [Client().get("/inside", headers=key).status_code for _ in range(4)] == [200, 200, 200, 429]
    answer = Client().get("/inside", headers=key)
    assert (answer["Content-Type"], answer.json()["type"]) == ("application/problem+json", "rate-limited")
    assert 50 <= int(answer["Retry-After"]) <= 60


def test_the_next_minute_begins_anew(cast: Cast, bearer: Bearer) -> None:
    key = bearer(cast.acme)
    answers = [Client().get("/inside", headers=key) for _ in range(4)]
    clock.shift(f"{answers[-1]['Retry-After']}s")
    assert Client().get("/inside", headers=key).status_code == 200


def test_operations_are_counted_too(cast: Cast, bearer: Bearer) -> None:
    key = bearer(cast.acme)
    answers = [Client().post("/v1/site/inside", {"amount": 1}, "application/json", headers=key) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]


def test_each_caller_counts_alone(cast: Cast, bearer: Bearer, signed_in: SignIn) -> None:
    busy, bos_key = bearer(cast.acme), bearer(cast.acme, cast.bo)
    browser = signed_in(cast.bo)
    for _ in range(4):
        Client().get("/inside", headers=busy)
    assert Client().get("/inside", headers=bearer(cast.acme)).status_code == 200
    assert Client().get("/inside", headers=bos_key).status_code == 200
    assert [browser.get("/inside").status_code for _ in range(4)] == [200, 200, 200, 429]
    assert "too many requests" in browser.get("/inside").content.decode().lower()


def test_strangers_count_by_address(db: None, settings: Any) -> None:
    settings.FLOWAPP_RATE_LIMIT = 30  # a tenth of it is theirs
    bad_key = {"Authorization": "Bearer ffk_live_wrong_key"}
    assert [Client().get("/inside", headers=bad_key).status_code for _ in range(4)] == [401, 401, 401, 429]
    assert Client().get("/public").status_code == 429
    assert Client(REMOTE_ADDR="192.0.2.7").get("/public").status_code == 200


def test_health_checks_are_not_counted(db: None) -> None:
    assert {Client().get("/healthz").status_code for _ in range(5)} == {200}


def test_without_the_cache_nobody_is_counted(
    cast: Cast, bearer: Bearer, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CACHES = {"default": {**REDIS, "LOCATION": "redis://127.0.0.1:1"}}
    monkeypatch.setattr(rates, "_away_until", 0.0)
    key = bearer(cast.acme)
    assert {Client().get("/inside", headers=key).status_code for _ in range(5)} == {200}


def test_the_counts_are_shared_over_redis(cast: Cast, settings: Any, redis_url: str) -> None:
    settings.CACHES = {"default": {**REDIS, "LOCATION": redis_url}}
    assert [rates.count("somebody") for _ in range(3)] == [1, 2, 3]
