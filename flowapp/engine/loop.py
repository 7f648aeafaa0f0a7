"""The small deterministic event loop that one run's workflow body runs on.

It has no selector and no clock of its own: it runs what is ready until nothing is, and its host (the run) feeds the
outcomes of steps and waits back one at a time in a recorded order. That makes `asyncio.gather`, tasks, locks and
queues replay identically. It is pumped from a callback of the process's loop, never from inside a task.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import sys
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from .errors import NotInBody, RunDropped

logger = logging.getLogger("flowapp.engine")


class LoopHost(Protocol):
    """What the loop asks of its run."""

    def workflow_time(self) -> float: ...
    def durable_timer(self, delay: float, fire: Callable[[], None]) -> Callable[[], None]: ...


class RunLoop(asyncio.AbstractEventLoop):
    """An event loop without I/O whose timers are durable."""

    def __init__(self, host: LoopHost) -> None:
        self._host = host
        self._ready: deque[asyncio.Handle] = deque()
        self._tasks: set[asyncio.Task[Any]] = set()

    def run_ready(self) -> None:
        """Run callbacks until none is ready."""
        ready = self._ready
        if not ready:
            return
        outer = events._get_running_loop()
        hooks = sys.get_asyncgen_hooks()
        events._set_running_loop(self)
        # An async generator of the body must not be finalised on the process's loop.
        sys.set_asyncgen_hooks(firstiter=None, finalizer=None)
        try:
            while ready:
                handle = ready.popleft()
                if not handle.cancelled():
                    try:
                        handle._run()
                    except SystemExit:
                        continue  # the task keeps it as its outcome; it must not end this process
        finally:
            sys.set_asyncgen_hooks(*hooks)
            events._set_running_loop(outer)

    def drop(self) -> None:
        """Forget every task of the run. Python unwinds their frames, so user `finally` blocks run here."""
        self._ready.clear()
        outer = events._get_running_loop()
        events._set_running_loop(self)
        try:
            for task in list(self._tasks):
                task._log_destroy_pending = False  # type: ignore[attr-defined]
                coroutine = task.get_coro()
                if coroutine is not None and not task.done():
                    with contextlib.suppress(Exception, RunDropped, SystemExit):
                        task.get_context().run(coroutine.close)
        finally:
            events._set_running_loop(outer)
        self._tasks.clear()
        self._ready.clear()

    def call_soon[*Ts](
        self, callback: Callable[[*Ts], object], *args: *Ts, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_later[*Ts](
        self, delay: float, callback: Callable[[*Ts], object], *args: *Ts, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        handle = _DurableTimer(self.time() + delay, callback, list(args), self, context)
        handle.withdraw = self._host.durable_timer(max(0.0, delay), lambda: self._ready.append(handle))
        return handle

    def call_at[*Ts](
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_later(when - self.time(), callback, *args, context=context)

    def time(self) -> float:
        return self._host.workflow_time()

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task[T](self, coro: Coroutine[Any, Any, T], **options: Any) -> asyncio.Task[T]:
        task = asyncio.Task(coro, loop=self, **options)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        logger.warning("in a workflow body: %s", context.get("message"), exc_info=context.get("exception"))

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """asyncio's own hook; the durable timer withdraws itself."""


class _DurableTimer(asyncio.TimerHandle):
    """A timer that is a row, not a moment of this process."""

    withdraw: Callable[[], None]

    def cancel(self) -> None:
        if not self.cancelled():
            self.withdraw()
        super().cancel()


def _refuse(name: str) -> Callable[..., Any]:
    def refused(self: RunLoop, *args: Any, **kwargs: Any) -> Any:
        raise NotInBody(f"{name} was called in a workflow's body, which does no I/O of its own: do this in a step")

    return refused


_REFUSED = (
    "run_in_executor getaddrinfo getnameinfo create_connection create_server create_unix_connection "
    "create_unix_server create_datagram_endpoint connect_read_pipe connect_write_pipe connect_accepted_socket "
    "start_tls sendfile sock_sendfile sock_recv sock_recv_into sock_recvfrom sock_recvfrom_into sock_sendall "
    "sock_sendto sock_connect sock_accept subprocess_exec subprocess_shell add_reader remove_reader add_writer "
    "remove_writer add_signal_handler remove_signal_handler call_soon_threadsafe run_forever run_until_complete"
)
for _name in _REFUSED.split():
    setattr(RunLoop, _name, _refuse(_name))
RunLoop.__abstractmethods__ = frozenset()  # type: ignore[attr-defined]
