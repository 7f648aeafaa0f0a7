"""/v1/runs/{id}/stream: a run as it happens, as server-sent events.

First a `run` (the document of GET /v1/runs/{id}), then a `log` for each line it logged, a `step` for each step as it
changes and a `state` (the run without its steps) as that changes; it ends when the run has, and its last lines had
time to be written. An event's id is a place: which recorded outcome and which line were told last. A client that
comes back with `Last-Event-ID` gets every outcome and line after that place; when a retry has rewritten the run's
history meanwhile, it gets a `run` again. The stream holds no database connection and no thread
while it waits.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from time import time
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.db import connection
from django.http import HttpResponse, StreamingHttpResponse
from ninja import Router

from flowapp.engine import clock, queries
from flowapp.engine.queries import Page, StepRow
from flowapp.engine.states import TERMINAL, RunStatus
from flowapp.engine.verbs import output
from flowapp.http.access import SIGNED_IN, access
from flowapp.http.broadcast import Subscription, broadcaster
from flowapp.http.credentials import identify
from flowapp.http.requests import Request
from flowapp.http.stopping import end_streams_on_stop
from flowapp.tenancy.scope import current, scoped

from .bodies import as_bytes
from .run_inside import LogLine
from .runs import RunState, run_document, run_state, step

router = Router(tags=["runs"])
_BATCH = 200
_LOOK_AGAIN = 2.0  # seconds; outcomes that come in fast are not announced one by one
_KEEPALIVE = 15.0
_LINGER = timedelta(seconds=2)  # after a run's end; log lines are written a moment after they were said
_BUSY = (RunStatus.QUEUED, RunStatus.RUNNING)

_EVENTS: dict[str, Any] = {
    "responses": {200: {"description": "Events", "content": {"text/event-stream": {"schema": {"type": "string"}}}}},
    "parameters": [{"in": "header", "name": "Last-Event-ID", "schema": {"type": "string"}, "required": False}],
}


@router.get("/runs/{run_id}/stream", openapi_extra=_EVENTS)
@access(SIGNED_IN)
async def stream_run(request: Request, run_id: UUID) -> HttpResponse | StreamingHttpResponse:
    """A run as it happens: `run`, then `log`, `step` and `state`. `Last-Event-ID` resumes; 204 when all was told."""
    since = time()
    follower = Follower(request, run_id, Place.parse(request.headers.get("Last-Event-ID", "")))
    first = await follower.look()
    if follower.done and not first:
        return HttpResponse(status=204)
    return StreamingHttpResponse(
        events(follower, first, since),
        content_type="text/event-stream",
        headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
    )


async def events(follower: "Follower", news: list[bytes], since: float) -> AsyncIterator[bytes]:
    """What one client is told, as text, until the run has ended or the server stops."""
    end_streams_on_stop()
    subscription = Subscription(follower.workspace_id, [f"run:{follower.run_id}"])
    broadcaster().add(subscription, since)
    try:
        yield b"retry: 1000\n\n"
        while True:
            yield b"".join(news) or b": still here\n\n"
            if follower.done or not await _something(subscription, follower.patience):
                return
            news = await follower.look()
    finally:
        broadcaster().remove(subscription)


async def _something(subscription: Subscription, seconds: float) -> bool:
    """Wait for a hint, or long enough to look without one; False when the server stops."""
    try:
        async with asyncio.timeout(seconds):
            return await subscription.next() is not None
    except TimeoutError:
        return True


@dataclass(frozen=True)
class Place:
    """How far a client was told: the last recorded outcome, when that came to be, the run's status, the last line."""

    seq: int = 0
    at: str = ""
    status: str = ""
    line: int = 0

    @classmethod
    def parse(cls, text: str) -> "Place":
        """The place in an event's id; the beginning for whatever else comes."""
        seq, at, status, line = (text.split(".", 3) + [""] * 4)[:4]
        return cls(int(seq), at, status, _whole(line, 19) or 0) if _whole(seq, 10) is not None else cls()

    def after(self, row: StepRow) -> "Place":
        """This place once a recorded outcome was told."""
        return replace(self, seq=row.seq or 0, at=f"{row.ended_at:%Y%m%d%H%M%S%f}")

    def __str__(self) -> str:
        return f"{self.seq}.{self.at}.{self.status}.{self.line}"


def _whole(text: str, under: int) -> int | None:
    """A whole number of fewer digits, or None."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < under else None


class Follower:
    """What one client knows of a run. `look` says what is new since."""

    def __init__(self, request: Request, run_id: UUID, place: Place) -> None:
        self.request = request
        self.workspace_id = current()
        self.run_id = run_id
        self.done = False
        self.patience = _KEEPALIVE
        self._place = place
        self._told: dict[tuple[str, int], bytes] = {}
        self._state = b""

    async def look(self) -> list[bytes]:
        """The events that tell what changed, in order."""
        # Not in the request's own thread, which would then live, with its connection, as long as the stream.
        return await sync_to_async(self._look, thread_sensitive=False)()

    def _look(self) -> list[bytes]:
        try:
            with scoped(self.workspace_id):
                return list(self._news()) if self._welcome() else []
        finally:
            connection.close()

    def _welcome(self) -> bool:
        """Whether the key, if one was used, is still good: a revoked one is told nothing more."""
        if self.request.api_key is not None:
            self.request.actor = None
            identify(self.request)
            self.done = self.request.actor is None
        return not self.done

    def _news(self) -> Iterator[bytes]:
        # The state is read before the steps, and told after them: an end comes after all outcomes that led to it.
        state = run_state(queries.run_detail(self.run_id))
        page = self._page()
        if page is None:
            yield self._snapshot()
            page = self._page() or Page([], None)
        lines, following = output.line_page(self.run_id, cursor=str(self._place.line), limit=_BATCH, settled=True)
        for line in lines:
            self._place = replace(self._place, line=line.id)
            yield self._event("log", as_bytes(LogLine.model_validate(line)))
        told = [self._event("step", content) for content in self._changed(page.items)]
        yield from told
        if page.next is None:
            yield from self._state_if_new(state, told=bool(told))
        unsettled = following is not None and len(lines) < _BATCH
        self._pause(state, more=bool(page.next or (following and not unsettled)), unsettled=unsettled)

    def _pause(self, state: RunState, *, more: bool, unsettled: bool) -> None:
        """Say whether all was told, and how long to wait before the next look unless a hint comes."""
        lingers = state.ended_at + _LINGER - clock.now() if state.ended_at and state.status in TERMINAL else None
        self.done = not (more or unsettled) and lingers is not None and lingers <= timedelta(0)
        soon = unsettled or lingers or state.status in _BUSY
        self.patience = 0 if more else _LOOK_AGAIN if soon else _KEEPALIVE

    def _page(self) -> queries.Page[StepRow] | None:
        """The outcomes after the place, and what is open; None when the place is not in the run's history."""
        if not self._place.status:
            return None
        before = max(self._place.seq - 1, 0)
        page = queries.step_page(self.run_id, cursor=str(before), limit=_BATCH)
        if not self._place.seq:
            return page
        last = page.items[0] if page.items else None
        known = last is not None and last.seq and self._place == self._place.after(last)
        return Page(page.items[1:], page.next) if known else None

    def _snapshot(self) -> bytes:
        detail = queries.run_detail(self.run_id)
        document = run_document(detail)
        self._place = Place(status=document.status, line=self._place.line)
        for row in detail.steps:
            self._place = self._place.after(row) if row.seq else self._place
        self._told = {(one.name, one.occurrence): as_bytes(one) for one in document.steps}
        self._state = as_bytes(RunState(**dict(document)))
        return self._event("run", as_bytes(document))

    def _changed(self, rows: list[StepRow]) -> Iterator[bytes]:
        for row in rows:
            key, content = (row.name, row.occurrence), as_bytes(step(row))
            if row.seq:
                self._place = self._place.after(row)
                self._told.pop(key, None)
            elif self._told.get(key) == content:
                continue
            else:
                self._told[key] = content
            yield content

    def _state_if_new(self, state: RunState, *, told: bool) -> Iterator[bytes]:
        content = as_bytes(state)
        # Who comes back after the end, and missed nothing, is not told of it again.
        knows_end = not self._state and not told and state.status in TERMINAL and state.status == self._place.status
        if content != self._state and not knows_end:
            self._state = content
            self._place = replace(self._place, status=state.status)
            yield self._event("state", content)

    def _event(self, name: str, content: bytes) -> bytes:
        return f"event: {name}\nid: {self._place}\ndata: ".encode() + content + b"\n\n"
