"""`flowapp dev` as a process: what it writes, how it stops, what outlives it, and that it follows the code."""

import signal
import socket
import stat
import time
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import httpx
import psycopg
import pytest

from tests.cli.devserver import FLOWAPP, DevServer, environ, flowapp, until

EXPENSE = '{"employee": "Ana Ruiz", "amount": "%s", "purpose": "a test"}'
GREETING = '''"""Says one thing."""

from flowapp import Context, workflow


@workflow(name="say")
async def say(ctx: Context) -> str:
    return "%s"
'''


def test_dev_json_is_what_the_contract_says(shared: DevServer) -> None:
    card = shared.card
    assert list(card) == ["pid", "base_url", "api_key", "workspace", "users"]
    assert shared.process
    assert (card["pid"], card["base_url"], card["workspace"]) == (
        shared.process.pid,
        f"http://localhost:{shared.port}",
        "acme",
    )
    assert {tuple(user) for user in card["users"]} == {("email", "password", "role", "groups", "api_key")}
    assert stat.S_IMODE((shared.home / "dev.json").stat().st_mode) == 0o600
    told = until("the same to be printed", lambda: shared.told() if "viewer" in shared.told() else "")
    for secret in (card["api_key"], *(user["api_key"] for user in card["users"]), card["users"][0]["password"]):
        assert secret in told


def test_an_expense_from_start_to_receipt_and_over_a_restart(own: DevServer) -> None:
    own.start()
    done = own.run("run", "expense-approval", "--input", EXPENSE % "80.00", "--wait")
    assert (done.returncode, '"approved"' in done.stdout) == (0, True), done.stderr
    waiting = own.run("run", "expense-approval", "--input", EXPENSE % "600.00").stdout.strip()
    prompt = own.prompt_of(waiting)
    assert prompt["name"] == "manager-approval"
    before = own.card
    assert own.stop() == 0
    assert not (own.home / "dev.json").exists()

    own.start()
    assert {**own.card, "pid": before["pid"]} == before
    assert own.call("GET", f"/runs/{waiting}")["status"] == "waiting"
    own.call("POST", f"/prompts/{prompt['id']}/complete", own.key_of("bo"), outcome="approve", reasoning="fine")
    run = until("the run to complete", lambda: _completed(own, waiting))
    assert run["output"]["receipt"]["approved_by"] == ["bo@acme.example"]


def _completed(server: DevServer, run_id: str) -> dict[str, Any]:
    run = server.call("GET", f"/runs/{run_id}")
    return run if run["status"] == "completed" else {}


def test_killed_and_started_again_nothing_is_lost(own: DevServer) -> None:
    own.start()
    waiting = own.run("run", "expense-approval", "--input", EXPENSE % "600.00").stdout.strip()
    prompt = own.prompt_of(waiting)
    assert own.stop(signal.SIGKILL) == -signal.SIGKILL
    assert (own.home / "dev.json").exists()
    told = own.run("runs")
    assert (told.returncode, told.stderr.count("\n")) == (1, 1)
    assert told.stderr.startswith("flowapp: flowapp dev is not running, it was ended the hard way: start it again")
    with own.log.open("w"):
        pass
    (own.home / "dev.json").unlink()
    own.start()
    own.call("POST", f"/prompts/{prompt['id']}/complete", own.key_of("bo"), outcome="deny", reasoning="no")
    run = until("the run to complete", lambda: _completed(own, waiting))
    assert run["output"] == {"status": "denied", "reason": "no", "receipt": None}


def test_who_waits_for_a_run_outlasts_the_server(own: DevServer) -> None:
    own.start()
    command = [FLOWAPP, "run", "expense-approval", "--input", EXPENSE % "600.00", "--wait"]
    with Popen(command, cwd=own.folder, env=environ(), stdout=PIPE, stderr=PIPE, text=True) as following:
        assert following.stderr
        run = following.stderr.readline().removeprefix("run ").strip()
        prompt = own.prompt_of(run)
        own.stop(signal.SIGKILL)
        until("the news", lambda: "the server is away" in following.stderr.readline())
        (own.home / "dev.json").unlink()
        own.start()
        own.call("POST", f"/prompts/{prompt['id']}/complete", own.key_of("bo"), outcome="approve")
        output, _ = following.communicate(timeout=30)
    assert (following.returncode, '"approved"' in output) == (0, True)


def test_the_demo_people_can_sign_in(shared: DevServer) -> None:
    base = f"http://127.0.0.1:{shared.port}"
    user = shared.card["users"][1]
    with httpx.Client(base_url=base, trust_env=False, follow_redirects=True) as browser:
        page = browser.get("/accounts/login/")
        token = page.text.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
        form = {"login": user["email"], "password": user["password"], "csrfmiddlewaretoken": token}
        landed = browser.post("/accounts/login/", data=form)
    assert (landed.status_code, landed.url.path) == (200, "/inbox/")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_at_once_with_a_stream_open(own: DevServer, how: signal.Signals) -> None:
    own.start()
    headers = {"Authorization": f"Bearer {own.card['api_key']}"}
    url = f"http://127.0.0.1:{own.port}/live?topics=run"
    with httpx.stream("GET", url, headers=headers, trust_env=False) as stream:
        lines = stream.iter_lines()
        next(lines)
        began = time.monotonic()
        assert own.stop(how) == 0
        assert time.monotonic() - began < 3
        assert "".join(lines) == ""


def test_a_taken_port_is_one_clear_line(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = flowapp("dev", "--port", str(port), folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr == (
        f"flowapp: port {port} cannot be used (Address already in use): stop what uses it, or choose one with --port\n"
    )


def test_two_in_one_home_are_one_too_many(shared: DevServer) -> None:
    assert shared.process
    done = flowapp("dev", "--port", str(shared.port), folder=shared.folder)
    who = f"process {shared.process.pid} at {shared.card['base_url']}"
    told = f"another flowapp dev uses {shared.home} ({who}): stop it, or set FLOWAPP_HOME to another folder"
    assert (done.returncode, done.stderr) == (1, f"flowapp: {told}\n")
    assert (shared.home / "dev.json").exists()


def test_a_wrong_environment_is_one_clear_line(tmp_path: Path) -> None:
    done = flowapp("dev", folder=tmp_path, FLOWAPP_DATABASE_URL="mysql://x", FLOWAPP_DEV_API_KEY="short")
    assert done.returncode == 1
    assert done.stderr == (
        "flowapp: FLOWAPP_DATABASE_URL must begin with postgresql:// or postgres:// or sqlite://; "
        "FLOWAPP_DEV_API_KEY must be ffk_ and 20 characters or more in all\n"
    )


def test_a_database_that_is_down_is_one_clear_line(tmp_path: Path) -> None:
    done = flowapp("dev", "--port", "0", folder=tmp_path, FLOWAPP_DATABASE_URL="postgresql://x@127.0.0.1:1/x")
    assert done.returncode == 1
    assert done.stderr.startswith("flowapp: the database does not answer: ")
    assert done.stderr.count("\n") == 1


def test_a_database_that_is_none_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / ".flowapp").mkdir()
    (tmp_path / ".flowapp/flowapp.sqlite3").write_text("this is no database, nor will it ever be one\n" * 100)
    for command in (["dev", "--port", "0"], ["audit", "verify"]):
        done = flowapp(*command, folder=tmp_path, FLOWAPP_MODE="dev")
        assert done.returncode == 1
        assert done.stderr == "flowapp: the database cannot be opened: file is not a database\n"


@pytest.mark.parametrize("command", [["dev", "--port", "0"], ["runs"], ["doctor"], ["audit", "verify"]])
def test_a_home_that_is_none_is_one_clear_line(tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "file").write_text("")
    done = flowapp(*command, folder=tmp_path, FLOWAPP_HOME=str(tmp_path / "file"), FLOWAPP_MODE="dev")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == (0 if command == ["doctor"] else 1), done.stderr


def test_it_follows_the_code_and_survives_a_mistake(own: DevServer) -> None:
    package, module = own.folder / "workflows/__init__.py", own.folder / "workflows/saying.py"
    module.write_text(GREETING % "one")
    package.write_text('"""The test\'s own workflows."""\n\nfrom . import saying  # noqa: F401\n')
    own.start()
    pid = own.card["pid"]
    assert own.run("run", "say", "--wait").stdout == '"one"\n'

    module.write_text(GREETING % "two" + "\nthis is no Python\n")
    until("the mistake to be shown", lambda: "SyntaxError" in own.told())
    until("what happens next to be told", lambda: "tries again when a file changes" in own.told())
    assert own.alive
    assert not (own.home / "dev.json").exists()

    module.write_text(GREETING % "two")
    until("dev.json", (own.home / "dev.json").exists)
    assert own.card["pid"] == pid
    assert own.run("run", "say", "--wait").stdout == '"two"\n'
    assert _children(pid) == ""
    assert own.stop() == 0


def _children(pid: int) -> str:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text()


def test_a_command_waits_for_a_restart(own: DevServer) -> None:
    module = own.folder / "workflows/__init__.py"
    module.write_text(GREETING % "one")
    own.start()
    module.write_text(GREETING % "two")
    until("the restart", lambda: "changed: restarting" in own.told())
    done = own.run("run", "say", "--wait")
    assert (done.returncode, done.stdout) == (0, '"two"\n'), done.stderr


def test_the_embedded_worker_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    server = DevServer(tmp_path, FLOWAPP_DATABASE_URL=postgres_url)
    try:
        server.start()
        done = server.run("run", "expense-approval", "--input", EXPENSE % "80.00", "--wait")
        assert done.returncode == 0, done.stderr
        assert server.stop() == 0
    finally:
        server.kill()
    with psycopg.connect(postgres_url) as connection:
        row = connection.execute("SELECT count(*) FROM engine_run WHERE status = 'completed'").fetchone()
        assert row is not None
        assert row[0] == 10
