"""The daily report at nine: five services, three retries each, then an alert to Slack."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from flowapp.dispatch.immediate import ImmediateDispatcher
from flowapp.engine import clock
from flowapp.engine.models import Run, Schedule
from flowapp.engine.triggering import schedules

pytestmark = pytest.mark.django_db


class World(ThreadingHTTPServer):
    """The five services and Slack, on loopback."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.asked: Counter[str] = Counter()
        self.silent: set[str] = set()
        self.told: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Answers(BaseHTTPRequestHandler):
    server: World

    def do_GET(self) -> None:
        service = self.path.split("/")[1]
        self.server.asked[service] += 1
        self._answer(503 if service in self.server.silent else 200, {"total": f"{len(service)}.50"})

    def do_POST(self) -> None:
        self.server.told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"])
        self._answer(200, {})

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with World() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("REPORT_API", server.address)
        monkeypatch.setenv("SLACK_WEBHOOK", f"{server.address}/slack")
        yield server
        server.shutdown()
        thread.join()


async def test_all_answer_and_nobody_is_alerted(examples: ModuleType, world: World) -> None:
    run = await examples.daily_report.daily_report.test(None)
    assert (run.status, run.output.silent, len(run.output.figures)) == ("completed", [], 5)
    assert str(run.output.figures[0].total) == "5.50"
    assert world.told == []


async def test_who_stays_silent_is_asked_four_times_then_slack_is_told(examples: ModuleType, world: World) -> None:
    world.silent = {"tickets", "outages"}
    run = await examples.daily_report.daily_report.test(None)
    assert (run.status, run.output.silent) == ("completed", ["tickets", "outages"])
    assert world.asked == {"sales": 1, "refunds": 1, "sign-ups": 1, "tickets": 4, "outages": 4}
    assert world.told == ["The daily report lacks tickets, outages: no answer after three retries."]


def test_it_comes_at_nine(examples: ModuleType) -> None:
    (cron,) = examples.daily_report.daily_report.triggers
    berlin = ZoneInfo("Europe/Berlin")
    before_the_clocks_change = datetime(2026, 3, 28, 12, tzinfo=berlin)
    assert cron.next(before_the_clocks_change).astimezone(berlin) == datetime(2026, 3, 29, 9, tzinfo=berlin)


@pytest.mark.django_db(transaction=True)
def test_the_sweep_starts_it_at_nine(examples: ModuleType, world: World, dispatcher: ImmediateDispatcher) -> None:
    schedules.install()
    slot = Schedule.objects.get(workflow="daily-report").next_at
    assert slot.astimezone(ZoneInfo("Europe/Berlin")).hour == 9
    clock.shift(slot - clock.now() - timedelta(minutes=1))
    dispatcher.sweep()
    assert not Run.objects.filter(workflow="daily-report").exists()
    clock.shift("2m")
    dispatcher.sweep()
    run = Run.objects.get(workflow="daily-report")
    assert (run.status, world.asked.total()) == ("completed", 5)
