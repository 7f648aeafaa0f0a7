"""Absurd: async tasks with async steps; a queue is filled, then workers of this process drain it, or both at once."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import psycopg
from absurd_sdk import AsyncAbsurd, AsyncTaskContext
from absurdctl import BUNDLED_SCHEMA_SQL
from psycopg import sql

from benchmarks.protocol import Answer, serve

_POLL_SECONDS = 0.005


@contextlib.asynccontextmanager
async def side(options: dict[str, Any]) -> AsyncIterator[Answer]:
    queue = f"{options['queue']}{options['index']}"
    await _install(options["url"], queue)
    ends: asyncio.Queue[None] = asyncio.Queue()
    workers = [_worker(options["url"], queue, ends) for _ in range(options["workers"])]
    watch = await psycopg.AsyncConnection.connect(options["url"], autocommit=True)
    client = _worker(options["url"], queue, ends)

    async def answer(asked: dict[str, Any]) -> dict[str, Any]:
        runs = asked.get("fill") or asked.get("runs") or 0
        if "fill" in asked:
            await _fill(client, runs, options["steps"])
            return {}
        began = time.monotonic()
        each = options["at_once"] // len(workers)
        working = [asyncio.create_task(worker.start_worker(concurrency=each)) for worker in workers]
        await _fill(client, runs, options["steps"])
        for _ in range(asked.get("drain") or runs):
            await ends.get()
        await _all_committed(watch, queue)
        ended = time.monotonic()
        for worker in workers:
            worker.stop_worker()
        await asyncio.gather(*working)
        return {"began": began, "ended": ended}

    yield answer
    await watch.close()
    for worker in [*workers, client]:
        await worker.close()


async def _fill(client: AsyncAbsurd, runs: int, steps: int) -> None:
    for _ in range(runs):
        await client.spawn("flow", {"steps": steps})


async def _install(url: str, queue: str) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        found = await (await connection.execute("SELECT to_regnamespace('absurd') IS NOT NULL")).fetchone()
        if found != (True,):
            # What `absurdctl init` does, without needing psql.
            await connection.execute(BUNDLED_SCHEMA_SQL)
        await connection.execute("SELECT absurd.create_queue(%s)", (queue,))


def _worker(url: str, queue: str, ends: asyncio.Queue[None]) -> AsyncAbsurd:
    worker = AsyncAbsurd(url, queue_name=queue)

    @worker.register_task("flow")
    async def flow(params: dict[str, Any], ctx: AsyncTaskContext) -> int:
        total = 0
        for value in range(params["steps"]):

            async def number(value: int = value) -> int:
                return value

            total += await ctx.step("number", number)
        ends.put_nowait(None)
        return total

    return worker


async def _all_committed(watch: psycopg.AsyncConnection[Any], queue: str) -> None:
    """The last tasks have returned; wait until that is in the database too."""
    unfinished = sql.SQL("SELECT 1 FROM absurd.{} WHERE state <> 'completed' LIMIT 1").format(
        sql.Identifier(f"t_{queue}")
    )
    while await (await watch.execute(unfinished)).fetchone():  # noqa: ASYNC110 - nothing to wait for but the database
        await asyncio.sleep(_POLL_SECONDS)


if __name__ == "__main__":
    serve(side)
