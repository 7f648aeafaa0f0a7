"""A side's end of the talk with the harness: one JSON object a line, asked on stdin, answered on stdout."""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

type Answer = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


def serve(open_side: Callable[[dict[str, Any]], AbstractAsyncContextManager[Answer]]) -> None:
    """Open the side with the options of the command line, then answer until stdin ends."""
    # Libraries may print: what they print must not get between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(answer: dict[str, Any]) -> None:
        print(json.dumps(answer), file=answers, flush=True)

    asyncio.run(_serve(open_side, json.loads(sys.argv[1]), say))


async def _serve(
    open_side: Callable[[dict[str, Any]], AbstractAsyncContextManager[Answer]],
    options: dict[str, Any],
    say: Callable[[dict[str, Any]], None],
) -> None:
    async with open_side(options) as answer:
        say({"ready": True})
        while line := await asyncio.to_thread(sys.stdin.readline):
            say(await answer(json.loads(line)))
