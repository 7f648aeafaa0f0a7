"""A workflow whose runs write down, from whatever process, when they begin and end their work."""

import os
import time
from pathlib import Path

from flowapp import Context, FlowControl, step, workflow

LIMIT = 2


def write(line: str) -> None:
    """Append a line at once; several processes write to the same file."""
    file = os.open(Path(os.environ["FLOWAPP_HOME"], "work.log"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, f"{line}\n".encode())
    os.close(file)


@step
def work(key: str) -> None:
    write(f"in {key} {os.getpid()}")
    time.sleep(0.02)  # the work itself
    write(f"out {key} {os.getpid()}")


@workflow(name="limited-everywhere", control=FlowControl(concurrency=LIMIT, key="input"))
async def limited(ctx: Context, key: str) -> None:
    await work(key)
    await ctx.sleep("10ms")
    await ctx.step("more work", work.fn, key)
