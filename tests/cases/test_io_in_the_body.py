"""Other I/O in a workflow's body is refused by name, with what to do instead; in a step it is fine."""

import asyncio
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowapp import Context, workflow
from flowapp.tenancy.models import Workspace
from tests.cases.engines import Engine, ended


def _connect() -> None:
    with socket.socket() as plain:
        plain.connect(("127.0.0.1", 9))


HOW: dict[str, Callable[[], Any]] = {
    "create_connection": lambda: asyncio.open_connection("127.0.0.1", 9),
    "getaddrinfo": lambda: asyncio.get_running_loop().getaddrinfo("localhost", 9),
    "run_in_executor": lambda: asyncio.to_thread(print, "x"),
    "subprocess_exec": lambda: asyncio.create_subprocess_exec("true"),
    "time.sleep": lambda: time.sleep(0.001),
    "socket.connect": _connect,
    "subprocess.Popen": lambda: subprocess.run(["true"], check=True),
    "open": lambda: Path(__file__).read_text(),
    "the database": lambda: len(Workspace.objects.all()),
}


@workflow(name="io-in-the-body")
async def careless(ctx: Context, how: str) -> None:
    done = HOW[how]()
    if done is not None:
        await done


@pytest.mark.parametrize("how", HOW)
def test_it_is_refused_by_name(engine: Engine, how: str):
    run = careless.start(how)
    engine.settle()
    assert ended(run) == ("failed", "NotInBody")
    assert how in run.error["message"]
    assert "do this in a step" in run.error["message"]


def _everything() -> int:
    time.sleep(0)
    return len(Path(__file__).read_text()) * Workspace.objects.count()


@workflow(name="io-in-a-step")
async def careful(ctx: Context) -> int:
    import colorsys  # noqa: F401 - a module read from disk is no I/O of the body's own

    ctx.log.info("logged")
    return await ctx.step("read", _everything)


def test_in_a_step_it_is_fine(engine: Engine):
    run = careful.start()
    engine.settle()
    assert ended(run)[0] == "completed"
