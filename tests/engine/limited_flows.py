"""Workflows whose runs and starters write down, from whatever process, what they do."""

import os
import time
from pathlib import Path

from flowapp import Batch, Context, Event, FlowControl, RateLimited, StartSkipped, step, workflow
from flowapp.engine.triggering import events
from flowapp.tenancy.actors import SYSTEM

LIMIT = 2
BATCH = 4


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


async def waits(ctx: Context, n: str) -> None:
    await ctx.wait_for_signal("go")


rated = workflow(name="rated-everywhere", control=FlowControl(rate="5/h"))(waits)
throttled = workflow(name="throttled-everywhere", control=FlowControl(throttle="1h"))(waits)
debounced = workflow(name="debounced-everywhere", control=FlowControl(debounce="1h"))(waits)
skipped = workflow(name="skipped-everywhere", control=FlowControl(singleton="skip"))(waits)
replaced = workflow(name="replaced-everywhere", control=FlowControl(singleton="cancel"))(waits)


@step
def take(items: list[str]) -> None:
    assert len(items) <= BATCH
    for item in items:
        write(f"item {item}")


@workflow(name="gathered-everywhere", triggers=[Event("everywhere/x")], batch=Batch(BATCH, "1s"))
async def gathered(ctx: Context, items: list[str]) -> None:
    await take(items)


def start_all(times: int) -> None:
    """Start each of them so often, and write down what was committed."""
    for number in range(times):
        n = f"{os.getpid()}:{number}"
        for one in (rated, throttled, debounced, skipped, replaced):
            try:
                one.start(n)
            except (RateLimited, StartSkipped):
                continue
            write(f"started {one.name} {n}")
        events.publish("everywhere/x", n, by=SYSTEM)
        write(f"started gathered-everywhere {n}")
