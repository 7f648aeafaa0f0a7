"""The cap on request bodies, counted as they arrive: Django alone would first write all of it to disk."""

import json
import logging
from typing import Any

from django.core.exceptions import RequestAborted
from uvicorn.protocols.utils import ClientDisconnected

from .problems import CONTENT_TYPE, Problem

logger = logging.getLogger("flowapp.http")
_Scope = dict[str, Any]


class _TooLarge(Exception):
    """The body went over the cap while it was read."""


class BodyLimit:
    """ASGI middleware: a body over `most` bytes is answered 413, announced or not."""

    def __init__(self, app: Any, most: int) -> None:
        self.app = app
        self.most = most

    async def __call__(self, scope: _Scope, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if _announced(scope) > self.most:
            await self._refuse(send)
            return
        counted, gone = 0, False

        async def counting() -> Any:
            nonlocal counted, gone
            message = await receive()
            gone = gone or message["type"] == "http.disconnect"
            counted += len(message.get("body", b""))
            if counted > self.most:
                raise _TooLarge
            return message

        try:
            await self.app(scope, counting, send)
        except _TooLarge:
            await self._refuse(send)
        except Exception as error:
            if not (gone and _cut_off(error)):
                raise
            logger.info("a client left before its request was over: %s: %s", type(error).__name__, error)

    async def _refuse(self, send: Any) -> None:
        problem = Problem("too-large", f"The body is over the limit of {self.most} bytes: send less.")
        headers = [(b"content-type", CONTENT_TYPE.encode()), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": problem.status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(problem.document()).encode()})


def _announced(scope: _Scope) -> int:
    value = dict(scope["headers"]).get(b"content-length", b"0")
    # Of more digits than any size has, the first ones say enough.
    return int(value[:18]) if value.isdigit() else 0


def _cut_off(error: Exception) -> bool:
    """Whether this is the machinery, cut off in its midst by a client that left. A fault of ours is none of these."""
    if isinstance(error, RuntimeError):  # asgiref, which was about to call something in the thread of the request
        return "CurrentThreadExecutor already quit" in str(error)
    return isinstance(error, (ConnectionError, ClientDisconnected, RequestAborted))
