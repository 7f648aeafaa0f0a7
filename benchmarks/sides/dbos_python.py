"""DBOS: async workflows with async steps; a queue is filled, then drained, or workflows are started directly.

It is also asked when each step of a run began, and how long a message takes to the step that waited for it.
"""

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

import psycopg
from dbos import DBOS, DBOSConfig, Queue

from benchmarks.protocol import Answer, serve

_QUEUE = "benchmark"
_QUEUE_POLL_SECONDS = 0.05  # the fastest of those tried; its default is a second
_POLL_SECONDS = 0.02
_QUIET_SECONDS = 0.05  # for a workflow to get to its wait
_LONGEST_SECONDS = 30


@DBOS.step()
async def number(value: int) -> int:
    return value


@DBOS.workflow()
async def flow(steps: int) -> int:
    total = 0
    for value in range(steps):
        total += await number(value)
    return total


@DBOS.step()
async def moment() -> float:
    return time.monotonic()


@DBOS.workflow()
async def timed(steps: int) -> list[float]:
    return [await moment() for _ in range(steps)]


@DBOS.workflow()
async def signalled() -> float:
    await DBOS.recv_async("go", timeout_seconds=_LONGEST_SECONDS)
    return await moment()


@contextlib.asynccontextmanager
async def side(options: dict[str, Any]) -> AsyncIterator[Answer]:
    config: DBOSConfig = {
        "name": "benchmark",
        "system_database_url": options["url"],
        "executor_id": str(uuid.uuid4()),
        "log_level": "ERROR",
        "console_log_level": "ERROR",
        # The fastest of those tried: pools of 5 to 80, 2 to 512 threads. Its default of 20 is within a tenth.
        "sys_db_pool_size": 10,
        "max_executor_threads": 8,
    }
    DBOS(config=config)
    DBOS.launch()
    queue = await DBOS.register_queue_async(_QUEUE, worker_concurrency=0, polling_interval_sec=_QUEUE_POLL_SECONDS)
    watch = await psycopg.AsyncConnection.connect(options["url"], autocommit=True)

    async def answer(asked: dict[str, Any]) -> dict[str, Any]:
        if "fill" in asked:
            for _ in range(asked["fill"]):
                await DBOS.enqueue_workflow_async(_QUEUE, flow, options["steps"])
            return {}
        if "drain" in asked:
            return await _drained(queue, options["at_once"], watch)
        if "moments" in asked:
            return {"moments": await (await DBOS.start_workflow_async(timed, asked["moments"])).get_result()}
        if "signals" in asked:
            return {"milliseconds": [await _signal() for _ in range(asked["signals"])]}
        return await _started_directly(asked["runs"], options)

    yield answer
    await watch.close()
    DBOS.destroy()


async def _signal() -> float:
    """Milliseconds from a message's commit to what the next step says about its start."""
    waiting = await DBOS.start_workflow_async(signalled)
    await asyncio.sleep(_QUIET_SECONDS)
    await DBOS.send_async(waiting.get_workflow_id(), "now", "go")
    sent = time.monotonic()
    return (await waiting.get_result() - sent) * 1000


async def _drained(queue: Queue, at_once: int, watch: psycopg.AsyncConnection[Any]) -> dict[str, Any]:
    """From letting the workers take from the queue (its limit was none at all) until nothing is left of it."""
    began = time.monotonic()
    await queue.set_worker_concurrency_async(at_once)
    unfinished = "SELECT 1 FROM dbos.workflow_status WHERE status IN ('ENQUEUED', 'PENDING') LIMIT 1"
    while await (await watch.execute(unfinished)).fetchone():  # noqa: ASYNC110 - nothing to wait for but the database
        await asyncio.sleep(_POLL_SECONDS)
    ended = time.monotonic()
    await queue.set_worker_concurrency_async(0)
    return {"began": began, "ended": ended}


async def _started_directly(runs: int, options: dict[str, Any]) -> dict[str, Any]:
    """A closed loop of so many in flight, as in its own benchmark: no queue, no poll."""
    began = time.monotonic()
    left = iter(range(runs))

    async def one_after_another() -> None:
        for _ in left:
            handle = await DBOS.start_workflow_async(flow, options["steps"])
            await handle.get_result()

    await asyncio.gather(*(one_after_another() for _ in range(options["at_once"])))
    return {"began": began, "ended": time.monotonic()}


if __name__ == "__main__":
    serve(side)
