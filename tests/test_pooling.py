"""A pooled connection is asked whether it works only once in a while, and a server that hung up shows at once."""

import psycopg
import pytest

from flowapp import pooling


def test_a_working_connection_is_asked_once_in_a_while(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        monkeypatch.setattr(connection, "execute", asked.append)
        for _ in range(3):
            pooling.check(connection)
        assert len(asked) == 1
        monkeypatch.setattr(pooling, "ASK_EVERY", 0.0)
        pooling.check(connection)
        assert len(asked) == 2


def test_a_connection_that_the_server_ended_is_dead_at_once(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as other, psycopg.connect(postgres_url, autocommit=True) as one:
        pooling.check(one)
        ended = other.execute("SELECT pg_terminate_backend(%s, 5000)", [one.info.backend_pid]).fetchone()
        assert ended == (True,)
        with pytest.raises(psycopg.OperationalError):
            pooling.check(one)
