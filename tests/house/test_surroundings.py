"""The ground that the other tests stand on: no network, real servers, async tests inside their transaction."""

import socket

import httpx
import psycopg
import pytest
import redis
from django.contrib.contenttypes.models import ContentType

from tests.loopback import BeyondLoopback, is_local

ELSEWHERE = "192.0.2.1"  # an address for documentation, nobody's


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.0.1", "::1", "0.0.0.0", b"localhost", "", None])
def test_this_machine_is_local(host: str | bytes | None) -> None:
    assert is_local(host)


@pytest.mark.parametrize("host", ["example.org", ELSEWHERE, "10.0.0.1", "169.254.169.254", "fe80::1", b"example.org"])
def test_other_machines_are_not(host: str | bytes) -> None:
    assert not is_local(host)


def test_a_socket_beyond_this_machine_is_refused() -> None:
    with pytest.raises(BeyondLoopback):
        socket.create_connection((ELSEWHERE, 80), timeout=1)


async def test_an_async_client_beyond_this_machine_is_refused() -> None:
    async with httpx.AsyncClient() as client:
        with pytest.raises(BeyondLoopback):
            await client.get("http://example.org/")


@pytest.mark.django_db
async def test_an_async_test_sees_its_own_transaction() -> None:
    await ContentType.objects.acreate(app_label="made_up", model="thing")
    assert await ContentType.objects.filter(app_label="made_up").acount() == 1


@pytest.mark.django_db
def test_and_leaves_nothing_behind() -> None:
    assert not ContentType.objects.filter(app_label="made_up").exists()


def test_postgresql_is_real_and_durable(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        row = connection.execute("SELECT current_setting('server_version_num')::int").fetchone()
        assert row is not None
        assert row[0] >= 150000


def test_redis_is_real_and_empty(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        assert client.ping()
