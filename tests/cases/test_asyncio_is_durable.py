"""asyncio.sleep and asyncio.timeout in a workflow are durable: they are rows, not moments of a process."""

import asyncio

from flowapp import Context, workflow
from tests.cases.engines import Engine, ended


@workflow(name="asyncio-sleep")
async def sleeping(ctx: Context) -> list[str]:
    await asyncio.sleep(3600)
    try:
        async with asyncio.timeout(3600):
            await ctx.wait_for_signal("never")
    except TimeoutError:
        pass
    lock, queue = asyncio.Lock(), asyncio.Queue[str]()

    async def put(name: str) -> None:
        async with lock:
            await asyncio.sleep(60)
            await queue.put(name)

    async with asyncio.TaskGroup() as group:
        for name in "abc":
            group.create_task(put(name))
    return [await queue.get() for _ in range(3)]


def test_they_outlive_the_process(engine: Engine):
    run = sleeping.start()
    engine.settle()
    for _ in range(5):
        assert run.status == "waiting"
        engine.shift("61m")
    assert ended(run) == ("completed", ["a", "b", "c"])
