"""Raw sqlite3: one row shaped like a checkpoint, inserted and committed before the next one."""

import contextlib
import sqlite3
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from benchmarks.protocol import Answer, serve

_TABLE = """
    CREATE TABLE raw_checkpoint (
        id TEXT PRIMARY KEY, run_id TEXT NOT NULL, step_key TEXT NOT NULL, value BLOB NOT NULL,
        ended_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, UNIQUE (run_id, step_key)
    )
"""
_INSERT = "INSERT INTO raw_checkpoint (id, run_id, step_key, value) VALUES (?, ?, ?, ?)"


@contextlib.asynccontextmanager
async def side(options: dict[str, Any]) -> AsyncIterator[Answer]:
    with tempfile.TemporaryDirectory(prefix="flowapp-benchmark-") as folder:
        connection = sqlite3.connect(Path(folder, "raw.sqlite3"))
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(_TABLE)

        async def answer(asked: dict[str, Any]) -> dict[str, Any]:
            run = uuid.uuid4().hex
            began = time.monotonic()
            for number in range(asked["rows"]):
                connection.execute(_INSERT, (uuid.uuid4().hex, run, f"number:{number}", b"0"))
                connection.commit()
            return {"began": began, "ended": time.monotonic()}

        yield answer
        connection.close()


if __name__ == "__main__":
    serve(side)
