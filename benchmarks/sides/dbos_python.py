"""DBOS: async workflows with async steps, a closed loop of so many in flight, as in its own benchmark."""

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

from dbos import DBOS, DBOSConfig

from benchmarks.protocol import Answer, serve


@DBOS.step()
async def number(value: int) -> int:
    return value


@DBOS.workflow()
async def flow(steps: int) -> int:
    total = 0
    for value in range(steps):
        total += await number(value)
    return total


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

    async def answer(asked: dict[str, Any]) -> dict[str, Any]:
        began = time.monotonic()
        left = iter(range(asked["runs"]))

        async def one_after_another() -> None:
            for _ in left:
                # A queue costs the same: its row is dequeued in one more statement. Starting directly has no poll.
                handle = await DBOS.start_workflow_async(flow, options["steps"])
                await handle.get_result()

        await asyncio.gather(*(one_after_another() for _ in range(options["at_once"])))
        return {"began": began, "ended": time.monotonic()}

    yield answer
    DBOS.destroy()


if __name__ == "__main__":
    serve(side)
