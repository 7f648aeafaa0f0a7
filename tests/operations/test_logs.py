"""The log of a run: what its body and its steps said, by any logger, once, with where it was said."""

import json
import logging
from contextlib import contextmanager

import pytest

from flowapp.engine import clock, runs, signals
from flowapp.engine.upkeep import logbook
from flowapp.engine.verbs import output
from flowapp.http.logs import Formatter
from flowapp.tenancy.actors import SYSTEM

from . import flows

ORDER = {"id": "A-1", "customer": "Nordwind", "total": "1"}


def logged(run_id):
    logbook.flush()
    return [(line.step, line.level, line.message) for line in output.line_page(run_id)[0]]


@pytest.fixture(autouse=True)
def empty_buffer():
    logbook._lines.clear()


def test_what_a_body_adds_to_a_line_is_kept(dispatcher):
    run = runs.start("ops-order", ORDER, by=SYSTEM)
    logbook.flush()
    began = output.line_page(run.id)[0][0]
    assert (began.message, began.fields) == ("began", {"order": "A-1"})


def test_the_body_and_its_steps_are_heard(dispatcher):
    run = runs.start("ops-order", ORDER, by=SYSTEM)
    assert logged(run.id) == [("", "INFO", "began"), ("pay", "INFO", "charging Nordwind")]
    assert output.line_page(run.id)[0][1].fields == {"order": "A-1"}


def test_what_steps_and_items_say_on_a_queue_is_their_runs(dispatcher, cast, signed_in, call, monkeypatch):
    announced = []
    monkeypatch.setattr(signals, "announce", lambda *about: announced.append(about))
    sent, spread = runs.start("ops-sends", None, by=SYSTEM), runs.start("ops-spreads", None, by=SYSTEM)
    dispatcher.drain(("default", "elsewhere"))
    assert [line[2] for line in logged(sent.id)] == ["began", "doubling 1", "doubling 2"]
    assert [(line.step, line.occurrence) for line in output.lines(sent.id)[0][1:]] == [("double", 1), ("double", 2)]
    assert sorted(line[2] for line in logged(spread.id)) == [f"doubling {n}" for n in range(3)]
    assert {(cast.acme.pk, "run", str(run.id)) for run in (sent, spread)} <= set(announced)
    assert "doubling 2" in signed_in(cast.dev).get(f"/runs/{sent.id}/").content.decode()
    items = call("GET", f"/runs/{sent.id}/log").json()["items"]
    assert [one["message"] for one in items] == ["began", "doubling 1", "doubling 2"]


def test_who_follows_a_log_that_several_write_is_told_what_is_settled(dispatcher):
    sent, plain = runs.start("ops-sends", None, by=SYSTEM), runs.start("ops-order", ORDER, by=SYSTEM)
    dispatcher.drain(("default", "elsewhere"))
    logbook.flush()
    assert len(output.line_page(plain.id, settled=True)[0]) == 2  # one worker has it, and writes in order
    assert output.line_page(sent.id, settled=True) == ([], "0")  # not yet, but there is more
    clock.shift(output.UNSETTLED)
    lines, following = output.line_page(sent.id, settled=True)
    assert (len(lines), following) == (3, None)
    assert len(output.line_page(sent.id, settled=True, limit=2)[0]) == 2


def test_it_is_said_that_lines_are_left_out(dispatcher, monkeypatch):
    monkeypatch.setattr(output, "CARRIED_SHOWN", 1)
    sent = runs.start("ops-sends", None, by=SYSTEM)
    dispatcher.drain(("default", "elsewhere"))
    told, *others = [line[2] for line in logged(sent.id)]
    assert "in more than 1 runs" in told
    assert others == ["began", "doubling 1"]
    (line, *_), following = output.line_page(sent.id, limit=1)
    assert (line.message, following) == (told, str(line.id))
    assert [one.message for one in output.line_page(sent.id, cursor=following)[0]] == ["doubling 1"]
    assert output.lines(sent.id)[0][0].message == told


def test_a_replayed_body_says_nothing_twice(cast):
    from flowapp.dispatch.immediate import ImmediateDispatcher

    with ImmediateDispatcher(always_suspend=True).installed():
        run = runs.start("ops-order", ORDER, by=SYSTEM)
    assert [message for _, _, message in logged(run.id)].count("began") == 1


def test_what_is_said_outside_runs_is_nobodys(cast):
    logging.getLogger("shop.payments").warning("idle")
    assert not logbook._lines


def test_each_run_has_room_for_so_many_lines(dispatcher, monkeypatch):
    monkeypatch.setattr(logbook, "LINES_A_RUN", 3)
    monkeypatch.setattr(logbook, "_FULL", "full")
    run = runs.start("ops-order", ORDER, by=SYSTEM)
    logbook.flush()
    for line in list(output.line_page(run.id)[0]) * 2:
        logbook._lines.append(logbook.Line(_place(run), line.at, "INFO", "x", "again", {}))
    assert [message for _, _, message in logged(run.id)] == ["began", "charging Nordwind", "full"]


def _place(run):
    from flowapp.engine.whereabouts import Whereabouts
    from flowapp.tenancy.scope import current

    return Whereabouts(current(), run.id, "ops-order")


def test_a_database_that_is_away_keeps_the_lines(dispatcher, monkeypatch):
    run = runs.start("ops-order", ORDER, by=SYSTEM)
    write = logbook._write
    monkeypatch.setattr(logbook, "_write", lambda lines: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        logbook.flush()
    monkeypatch.setattr(logbook, "_write", write)
    assert len(logged(run.id)) == 2


def test_what_no_database_stores_stops_no_other_line(dispatcher):
    run = runs.start("ops-order", ORDER, by=SYSTEM)
    place, now = _place(run), clock.now()
    odd: dict[str, object] = {
        "nul": "a\0b",
        "half": "\ud800",
        "nan": float("nan"),
        "thing": object(),
        "long": "x" * 100_000,
    }
    said: dict[str, object] = {"msg": "said", "name": "shop\0", "levelname": "INFO"}
    for more in (odd, {"fine": 1}):
        record = logging.makeLogRecord(said | more)
        logbook._lines.append(logbook._line(record, place))
    assert [message for _, _, message in logged(run.id)][-2:] == ["said", "said"]
    logbook._lines.append(logbook.Line(place, now, "INFO", "x", "never stored", {"nul": object()}))
    logbook.flush()
    assert not logbook._lines


def test_the_page_and_the_api_show_it(dispatcher, cast, signed_in, call):
    run = runs.start("ops-order", ORDER, by=SYSTEM)
    logbook.flush()
    client = signed_in(cast.dev)
    for address in (f"/runs/{run.id}/", f"/runs/{run.id}/log/"):
        page = client.get(address).content.decode()
        assert "charging Nordwind" in page
        assert "order=A-1" in page
    first = call("GET", f"/runs/{run.id}/log?limit=1").json()
    second = call("GET", f"/runs/{run.id}/log?cursor={first['next']}").json()
    assert [one["message"] for one in first["items"] + second["items"]] == ["began", "charging Nordwind"]
    assert signed_in(cast.gil).get(f"/runs/{run.id}/log/").status_code == 404
    assert client.get(f"/runs/{run.id}/log/?cursor=x").status_code == 404


@contextmanager
def told(logger, *, as_json):
    lines = []

    class Keep(logging.Handler):
        def emit(self, record):
            lines.append(self.format(record))

    handler = Keep()
    handler.setFormatter(Formatter(as_json=as_json))
    logger.addHandler(handler)
    try:
        yield lines
    finally:
        logger.removeHandler(handler)


def test_readable_log_lines_end_with_the_run_and_its_step(dispatcher):
    with told(flows.logger, as_json=False) as lines, told(logging.getLogger("flowapp.workflow"), as_json=False) as body:
        run = runs.start("ops-order", ORDER, by=SYSTEM)
        logging.getLogger(flows.logger.name).error("idle")
    short = str(run.id)[-8:]
    assert lines == [
        f"INFO {flows.logger.name}: charging Nordwind (run {short}, step pay)",
        f"ERROR {flows.logger.name}: idle",
    ]
    assert body == [f"INFO flowapp.workflow: began (run {short})"]


def test_what_the_engine_says_of_a_run_carries_its_id(dispatcher, monkeypatch):
    monkeypatch.setattr("flowapp.engine.driving.ending.end_of", lambda *_: 1 / 0)
    with told(logging.getLogger("flowapp.engine"), as_json=True) as lines:
        run = runs.start("ops-order", ORDER, by=SYSTEM)
    found = [
        (line["run_id"], line["workflow"]) for line in map(json.loads, lines) if "engine failed" in line["message"]
    ]
    assert found == [(str(run.id), "ops-order")]


def test_log_lines_carry_the_ids_as_json(dispatcher):
    with told(flows.logger, as_json=True) as lines:
        run = runs.start("ops-order", ORDER, by=SYSTEM)
    [line] = map(json.loads, lines)
    shown = {name: line[name] for name in ("run_id", "workflow", "step", "occurrence", "attempt", "order", "message")}
    assert shown == {
        "run_id": str(run.id),
        "workflow": "ops-order",
        "step": "pay",
        "occurrence": 1,
        "attempt": 1,
        "order": "A-1",
        "message": "charging Nordwind",
    }


def test_a_worker_writes_them_by_itself(embedded_worker, cast):
    from tests.cli.devserver import until

    run = runs.start("ops-order", ORDER, by=SYSTEM)
    until("the lines", lambda: len(output.line_page(run.id)[0]) == 2)
