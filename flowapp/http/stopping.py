"""A server that stops waits for open requests; event streams never end by themselves, so they are ended first."""

import signal
import threading
from types import FrameType

from .broadcast import broadcaster

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_ours: set[object] = set()


def end_streams_on_stop() -> None:
    """Step in before the server's own signal handlers; once is enough, from a stream that it serves.

    Not while the application loads: uvicorn sets its handlers after that.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for number in _SIGNALS:
        server = signal.getsignal(number)
        if callable(server) and server is not signal.default_int_handler and server not in _ours:
            signal.signal(number, _before(server))


def _before(server: "signal._HANDLER") -> "signal._HANDLER":
    def stop(number: int, frame: FrameType | None) -> None:
        broadcaster().close()
        if callable(server):
            server(number, frame)

    _ours.add(stop)
    return stop
