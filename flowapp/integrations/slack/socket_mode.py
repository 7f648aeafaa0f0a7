"""Socket Mode: where Slack cannot reach this server, each worker process fetches what people press over a socket."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.conf import settings
from django.db import connections as databases
from slack_bolt.adapter.socket_mode.builtin import SocketModeHandler
from slack_sdk.socket_mode.request import SocketModeRequest

from flowapp.engine import sweep
from flowapp.integrations.slack.bolt import app_of_all_teams
from flowapp.integrations.slack.client import client

logger = logging.getLogger("flowapp.integrations")
_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 60.0  # seconds


class Handler(SocketModeHandler):
    """Gives the thread's database connection back after each envelope."""

    def handle(self, client: Any, req: SocketModeRequest) -> None:
        try:
            super().handle(client, req)
        finally:
            databases.close_all()


@sweep.companion
@contextmanager
def listening() -> Iterator[None]:
    """Keep a socket to Slack open as long as this process works, where an app token is set."""
    if not settings.FLOWAPP_SLACK_APP_TOKEN:
        yield
        return
    handler = Handler(app_of_all_teams(), settings.FLOWAPP_SLACK_APP_TOKEN, web_client=client())
    stopping = threading.Event()
    threading.Thread(target=_connect, args=(handler, stopping), name="flowapp-slack", daemon=True).start()
    try:
        yield
    finally:
        stopping.set()
        with suppress(Exception):
            handler.close()  # type: ignore[no-untyped-call]


def _connect(handler: Handler, stopping: threading.Event) -> None:
    """Open the socket, however long that takes; from then on the handler reconnects by itself."""
    pause = _FIRST_PAUSE
    while not stopping.is_set():
        try:
            handler.connect()  # type: ignore[no-untyped-call]
        except Exception as error:  # noqa: BLE001 - urllib, ssl and Slack each raise their own
            logger.warning("Slack's Socket Mode could not be reached, trying again: %s", error)
            stopping.wait(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
        else:
            return
