"""Raw psycopg: one row shaped like a checkpoint, inserted and committed before the next one."""

import contextlib
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

import psycopg

from benchmarks.protocol import Answer, serve

_TABLE = """
    CREATE TABLE IF NOT EXISTS raw_checkpoint (
        id uuid PRIMARY KEY, run_id uuid NOT NULL, step_key text NOT NULL, value bytea NOT NULL,
        ended_at timestamptz NOT NULL DEFAULT now(), UNIQUE (run_id, step_key)
    )
"""
_INSERT = "INSERT INTO raw_checkpoint (id, run_id, step_key, value) VALUES (%s, %s, %s, %s)"


@contextlib.asynccontextmanager
async def side(options: dict[str, Any]) -> AsyncIterator[Answer]:
    with psycopg.connect(options["url"], autocommit=True) as connection:
        connection.execute(_TABLE)
        connection.autocommit = options["autocommit"]

        async def answer(asked: dict[str, Any]) -> dict[str, Any]:
            run = uuid.uuid4()
            began = time.monotonic()
            for number in range(asked["rows"]):
                connection.execute(_INSERT, (uuid.uuid4(), run, f"number:{number}", b"0"))
                if not options["autocommit"]:
                    connection.commit()
            return {"began": began, "ended": time.monotonic()}

        yield answer


if __name__ == "__main__":
    serve(side)
