"""The commands that talk to a server: what they print, where, and the exit code."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from flowapp.cli import main
from tests.cli.devserver import DevServer, until

UNKNOWN = "00000000-0000-7000-8000-000000000000"


class Outcome:
    """What a command did."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def flowapp(shared: DevServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command in this process, in the server's folder."""
    monkeypatch.chdir(shared.folder)
    monkeypatch.setenv("FLOWAPP_HOME", str(shared.home))

    def run(*arguments: str) -> Outcome:
        try:
            code = main(arguments)
        except SystemExit as ended:
            code = int(str(ended.code))
        printed = capsys.readouterr()
        return Outcome(code, printed.out, printed.err)

    return run


def expense(amount: str) -> str:
    return json.dumps({"employee": "Ana Ruiz", "amount": amount, "purpose": "a test"})


def test_run_prints_the_id_and_nothing_else(flowapp: Any) -> None:
    done = flowapp("run", "expense-approval", "--input", expense("80.00"))
    assert (done.code, len(done.out.strip())) == (0, 36)
    assert f"look at it with: flowapp inspect {done.out.strip()}" in done.err


def test_run_with_wait_prints_the_output(flowapp: Any) -> None:
    done = flowapp("run", "expense-approval", "--input", expense("80.00"), "--wait")
    assert (done.code, json.loads(done.out)["receipt"]["amount"]) == (0, "80.00")
    assert "  check_policy completed\n  issue_receipt completed\n" in done.err


def test_run_with_wait_says_on_whom_it_waits(shared: DevServer, flowapp: Any) -> None:
    def approve() -> None:
        run = until("the run", lambda: shared.call("GET", "/runs?status=waiting&limit=1")["items"])[0]
        prompt = shared.prompt_of(run["id"])
        shared.call("POST", f"/prompts/{prompt['id']}/complete", shared.key_of("bo"), outcome="approve")

    started = flowapp("run", "expense-approval", "--input", expense("600.00")).out.strip()
    shared.prompt_of(started)
    timer = threading.Timer(1.0, approve)
    timer.start()
    done = flowapp("run", "expense-approval", "--input", expense("601.00"), "--wait")
    timer.join()
    assert (done.code, json.loads(done.out)["status"]) == (0, "approved")
    assert "  waiting for manager-approval by role:manager, due in 1 d 23 h\n" in done.err


@pytest.mark.parametrize("as_json", [True, False])
def test_a_run_that_fails_fails_the_command(flowapp: Any, as_json: bool) -> None:
    refund = json.dumps({"order": "LOST-1", "customer": "Kim", "amount": "5", "why": "lost"})
    done = flowapp("run", "refund", "--input", refund, "--wait", *(["--json"] if as_json else []))
    assert done.code == 1
    assert done.err.splitlines()[-1].endswith(
        "is failed in step find_payment: Fatal: the payment provider knows no order LOST-1"
    )
    assert (json.loads(done.out)["status"] if as_json else done.out) == ("failed" if as_json else "")


def test_input_comes_from_a_file(flowapp: Any, tmp_path: Path) -> None:
    (tmp_path / "train.json").write_text(expense("79.00"))
    done = flowapp("run", "expense-approval", "--input", f"@{tmp_path / 'train.json'}", "--wait", "--json")
    run = json.loads(done.out)
    assert (run["status"], run["input"]["amount"], run["output"]["status"]) == ("completed", "79.00", "approved")


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("run", "nothing", "--input", "{}"), 1, "flowapp: no workflow is named 'nothing'"),
        (("run", "expense-approval", "--input", '{"amount": "x"}'), 1, "amount: Input should be a valid decimal"),
        (("run", "expense-approval", "--input", "{"), 2, "flowapp: --input is not JSON: "),
        (("run", "expense-approval", "--input", "@nowhere.json"), 2, "nowhere.json cannot be read: No such file"),
        (("run",), 2, "flowapp run: the following arguments are required: WORKFLOW"),
        (("inspect", UNKNOWN), 1, "flowapp: "),
        (("inspect", "not/an id"), 1, "flowapp: 'not/an id' is no run's id, nor a part of one"),
        (("inspect", "ffffffff"), 1, "flowapp: no run's id begins or ends with ffffffff"),
        (("inspect", "0"), 1, "flowapp: the ids of several runs begin or end with 0: "),
        (("signal", UNKNOWN, "x"), 1, "flowapp: "),
        (("signal", UNKNOWN, "x", "{"), 2, "flowapp: what the signal carries is not JSON: "),
        (("runs", "--status", "sleeping"), 2, "flowapp runs: argument --status: invalid choice: 'sleeping'"),
        (("runs", "--since", "soon"), 2, "flowapp runs: argument --since: 'soon' is not a time"),
        (("runs", "--search", "secret:1"), 1, "flowapp: search: "),
        (("runs", "--limit", "some"), 2, "flowapp runs: argument --limit: "),
        (("events", "send"), 2, "flowapp events send: the following arguments are required: NAME"),
        (("nonsense",), 2, "flowapp: argument COMMAND: invalid choice"),
        ((), 2, "flowapp: the following arguments are required: COMMAND"),
    ],
)
def test_what_goes_wrong_is_one_line(flowapp: Any, arguments: tuple[str, ...], code: int, told: str) -> None:
    done = flowapp(*arguments)
    assert (done.code, done.out, done.err.count("\n")) == (code, "", 1), done.err
    assert told in done.err


def test_runs_lists_the_newest_first(flowapp: Any) -> None:
    newest = flowapp("run", "expense-approval", "--input", expense("80.00"), "--wait", "--json")
    done = flowapp("runs", "--limit", "3")
    heading, first, *others = done.out.splitlines()
    assert heading.split() == ["RUN", "WORKFLOW", "STATUS", "STARTED", "TOOK"]
    assert first.startswith(json.loads(newest.out)["id"])
    assert len(others) == 2


def test_the_server_tells_where_runs_go(shared: DevServer, flowapp: Any) -> None:
    run_id = flowapp("run", "expense-approval", "--input", expense("81.00"), "--wait", "--json").out
    short = json.loads(run_id)["id"][-8:]
    until("the line", lambda: f"✓ expense-approval {short} completed after" in shared.told())


def test_a_part_of_an_id_is_enough(shared: DevServer, flowapp: Any) -> None:
    customer = json.dumps({"name": "Blue Harbor", "email": "x@y.example"})
    run_id = flowapp("run", "onboard-customer", "--input", customer).out.strip()
    listed = flowapp("runs", "--limit", "1").out.splitlines()[1].split()[0]
    for part in (listed, run_id[-8:], run_id[-12:].upper(), run_id.replace("-", "")[:28], run_id[:35]):
        assert json.loads(flowapp("inspect", part, "--all", "--log", "--json").out)["id"] == run_id
    assert f"to run {run_id}" in flowapp("signal", run_id[-8:], "hello").err
    several = flowapp("inspect", run_id[:3])
    assert f"several runs begin or end with {run_id[:3]}: {run_id} (onboard-customer, waiting), " in several.err
    assert several.err.endswith(", and others\n")


def test_inspect_shows_the_log_and_children(flowapp: Any) -> None:
    run = json.loads(flowapp("run", "expense-approval", "--input", expense("82.00"), "--wait", "--json").out)
    done = flowapp("inspect", run["id"], "--all", "--log")
    assert (done.code, "└─ ✓ issue_receipt" in done.out) == (0, True)
    assert json.loads(flowapp("inspect", run["id"], "--log", "--json").out)["log"] == []


def test_runs_are_found_by_what_their_workflow_declares(flowapp: Any) -> None:
    run = json.loads(flowapp("run", "expense-approval", "--input", expense("83.45"), "--wait", "--json").out)
    found = json.loads(flowapp("runs", "--search", "amount:83.450", "--since", "2h", "--json").out)["items"]
    assert [one["id"] for one in found] == [run["id"]]


def test_runs_are_filtered(flowapp: Any) -> None:
    items = json.loads(flowapp("runs", "--workflow", "refund", "--status", "waiting", "--json").out)["items"]
    assert {(run["workflow"], run["status"]) for run in items} == {("refund", "waiting")}


def test_inspect_shows_steps_and_waits(shared: DevServer, flowapp: Any) -> None:
    run_id = flowapp("run", "expense-approval", "--input", expense("5000.00")).out.strip()
    shared.prompt_of(run_id)
    done = flowapp("inspect", run_id)
    for part in ("expense-approval, version 1", "waiting", "check_policy", "manager-approval by role:manager, due in"):
        assert part in done.out
    assert json.loads(flowapp("inspect", run_id, "--json").out)["id"] == run_id


def test_signal_is_taken(flowapp: Any) -> None:
    customer = json.dumps({"name": "Blue Harbor", "email": "x@y.example"})
    run_id = flowapp("run", "onboard-customer", "--input", customer).out.strip()
    done = flowapp("signal", run_id, "kickoff-booked", '{"at": "2030-01-15T10:00:00Z"}')
    assert (done.code, done.out) == (0, "")
    assert f"sent kickoff-booked to run {run_id}" in done.err
    until("the signal to be taken", lambda: "time to pass, in 2 d 23 h" in flowapp("inspect", run_id).out)


def test_a_run_that_ended_takes_no_signal(flowapp: Any) -> None:
    run = json.loads(flowapp("run", "expense-approval", "--input", expense("80.00"), "--wait", "--json").out)
    done = flowapp("signal", run["id"], "too-late")
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "completed" in done.err


def test_an_event_counts_once_with_an_id(flowapp: Any) -> None:
    done = flowapp("events", "send", "order/created", '{"total": 1}', "--id", "one")
    assert (done.code, done.out) == (0, "")
    assert done.err == "sent order/created; it started 0 runs\n"
    again = flowapp("events", "send", "order/created", '{"total": 1}', "--id", "one", "--json")
    assert json.loads(again.out)["duplicate"] is True


def test_the_server_may_be_named(shared: DevServer, flowapp: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWAPP_HOME", "/nowhere")
    monkeypatch.setenv("FLOWAPP_BASE_URL", f"http://127.0.0.1:{shared.port}/")
    told = flowapp("runs").err
    assert told.startswith("flowapp: there is no server: ")
    monkeypatch.setenv("FLOWAPP_API_KEY", shared.card["api_key"])
    assert flowapp("runs").code == 0


def test_a_persons_key_may_be_named_alone(shared: DevServer, flowapp: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWAPP_API_KEY", shared.key_of("bo"))
    run = json.loads(flowapp("run", "expense-approval", "--input", expense("80.00"), "--json").out)
    assert run["requester"]["email"] == "bo@acme.example"


def test_the_dev_key_goes_to_no_other_server(flowapp: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWAPP_BASE_URL", "https://flowapp.example.com")
    done = flowapp("runs")
    assert (done.code, "set FLOWAPP_API_KEY as well" in done.err) == (1, True)


def test_a_wrong_key_is_refused(flowapp: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWAPP_API_KEY", "ffk_live_nobodys")
    done = flowapp("runs")
    told = "flowapp: This API key is unknown, expired or revoked. Is FLOWAPP_API_KEY a key of this server?\n"
    assert (done.code, done.err) == (1, told)


KILLED = "flowapp dev is not running, it was ended the hard way: start it again, and what was running continues"
ENDED = 2**22 + 1  # no process has this id


@pytest.mark.parametrize(
    ("card", "told"),
    [
        ({"pid": ENDED}, KILLED),
        ({"pid": 1}, KILLED),
        ({"pid": None}, "dev.json cannot be understood: start `flowapp dev` again, which writes it anew"),
        ("{", "dev.json cannot be understood: start `flowapp dev` again, which writes it anew"),
        ("[]", "dev.json cannot be understood: start `flowapp dev` again, which writes it anew"),
        ("", "there is no server: start `flowapp dev` in this folder, or set FLOWAPP_BASE_URL and FLOWAPP_API_KEY"),
    ],
)
def test_what_a_dead_server_left_is_told(
    card: Any, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FLOWAPP_HOME", str(tmp_path))
    if isinstance(card, dict):
        card = json.dumps({"base_url": "http://localhost:1", "api_key": "ffk_live_old", **card})
    if card:
        (tmp_path / "dev.json").write_text(card)
    assert main(["runs"]) == 1
    said = capsys.readouterr().err
    assert said == f"flowapp: {tmp_path / told if told.startswith('dev.json') else told}\n"


def test_another_server_at_the_place_of_a_dead_one_is_told(
    shared: DevServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FLOWAPP_HOME", str(tmp_path))
    card = {"base_url": f"http://localhost:{shared.port}", "api_key": "ffk_live_old", "pid": ENDED}
    (tmp_path / "dev.json").write_text(json.dumps(card))
    assert main(["runs"]) == 1
    assert capsys.readouterr().err == (
        f"flowapp: flowapp dev is not running, and another server is at http://localhost:{shared.port}: "
        "start it again, with a --port of its own\n"
    )


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("FLOWAPP_BASE_URL", "http://[::1", "FLOWAPP_BASE_URL is not an address: 'http://[::1'"),
        ("FLOWAPP_BASE_URL", "http://localhost:port", "FLOWAPP_BASE_URL is not an address: 'http://localhost:port'"),
        ("FLOWAPP_BASE_URL", "http://", "FLOWAPP_BASE_URL is not an address: 'http://'"),
        ("FLOWAPP_BASE_URL", "localhost:8288", "FLOWAPP_BASE_URL must begin with http:// or https://"),
        ("FLOWAPP_API_KEY", "ffk_\nx", "FLOWAPP_API_KEY holds a character that is in no key"),
        ("FLOWAPP_API_KEY", "ffk_\u00e9", "FLOWAPP_API_KEY holds a character that is in no key"),
    ],
)
def test_a_wrong_address_or_key_is_told(
    variable: str, value: str, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FLOWAPP_BASE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("FLOWAPP_API_KEY", "ffk_live_nobodys")
    monkeypatch.setenv(variable, value)
    assert main(["runs"]) == 1
    assert capsys.readouterr().err == f"flowapp: {told}\n"


def test_nobody_answers(flowapp: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWAPP_BASE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("FLOWAPP_API_KEY", "ffk_live_nobodys")
    done = flowapp("runs")
    assert (done.code, done.err) == (
        1,
        "flowapp: http://127.0.0.1:1 does not answer ([Errno 111] Connection refused). Is FLOWAPP_BASE_URL right?\n",
    )


class _Elsewhere(BaseHTTPRequestHandler):
    """Sends everybody away at /v1/runs, and is no Flowapp otherwise."""

    def do_GET(self) -> None:
        moved = self.path == "/v1/runs?limit=20"
        self.send_response(301 if moved else 200)
        if moved:
            self.send_header("Location", "https://flowapp.example.com/v1/runs?limit=20")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A web server that is not Flowapp."""
    with HTTPServer(("127.0.0.1", 0), _Elsewhere) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("FLOWAPP_BASE_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("FLOWAPP_API_KEY", "ffk_live_nobodys")
        yield
        server.shutdown()


def test_a_key_follows_no_redirect(flowapp: Any, elsewhere: None, monkeypatch: pytest.MonkeyPatch) -> None:
    done = flowapp("runs")
    assert (done.code, done.err) == (
        1,
        "flowapp: the server is at https://flowapp.example.com: set FLOWAPP_BASE_URL to that\n",
    )


def test_what_is_no_flowapp_is_told(flowapp: Any, elsewhere: None) -> None:
    done = flowapp("inspect", UNKNOWN)
    assert (done.code, "is not a Flowapp server: its answer is not JSON" in done.err) == (1, True)


def test_a_closed_pipe_is_no_error(shared: DevServer) -> None:
    script = f"'{Path(sys.executable).with_name('flowapp')}' runs --json | head -1"
    done = subprocess.run(
        ["sh", "-c", script], cwd=shared.folder, env={"FLOWAPP_HOME": str(shared.home), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("{\n", "")


def test_talking_to_a_server_imports_little() -> None:
    heavy = "{'django', 'pydantic', 'httpx', 'celery', 'uvicorn', 'asyncio'}"
    script = f"import sys, flowapp.cli; flowapp.cli.main(['runs']); print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout == "set()\n"
