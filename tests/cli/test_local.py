"""The commands that need no server: init, doctor, audit verify."""

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.devserver import DevServer, flowapp

STRONG = "q7Vd2mXw9LkR4tYb8NcZ1hJf6PsGa3Ue"


def test_init_makes_a_project_whose_workflow_is_found(tmp_path: Path) -> None:
    done = flowapp("init", "hello", folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, "made hello: now run flowapp dev there\n")
    made = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert made == ["hello/.gitignore", "hello/README.md", "hello/workflows/__init__.py", "hello/workflows/greeting.py"]
    told = flowapp(
        "doctor", folder=tmp_path / "hello", FLOWAPP_SECRET_KEY=STRONG, FLOWAPP_ENCRYPTION_KEYS=STRONG
    ).stdout
    assert "1 workflows: greet" in told


def test_init_touches_nothing_that_exists(tmp_path: Path) -> None:
    (tmp_path / "workflows").mkdir()
    (tmp_path / "workflows/__init__.py").write_text("mine")
    done = flowapp("init", ".", folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr == "flowapp: workflows/__init__.py exists already: choose a new folder\n"
    assert [path.name for path in tmp_path.iterdir()] == ["workflows"]


def test_doctor_says_what_is_missing(tmp_path: Path) -> None:
    done = flowapp("doctor", folder=tmp_path)
    assert done.returncode == 1
    assert "FAIL  environment  FLOWAPP_SECRET_KEY is not set." in done.stdout


def test_doctor_finds_a_dev_home_in_order(shared: DevServer) -> None:
    done = shared.run("doctor", "--json")
    told = json.loads(done.stdout)
    states = {finding["what"]: finding["state"] for finding in told["findings"]}
    assert (done.returncode, states["environment"], states["code"], states["database"]) == (0, "ok", "ok", "ok")
    assert told["environment"]["FLOWAPP_SECRET_KEY"] == "…"
    assert "expense-approval" in done.stdout


def test_doctor_names_what_does_not_answer(tmp_path: Path) -> None:
    done = flowapp(
        "doctor",
        folder=tmp_path,
        FLOWAPP_SECRET_KEY=STRONG,
        FLOWAPP_ENCRYPTION_KEYS=STRONG,
        FLOWAPP_DATABASE_URL="postgresql://x@127.0.0.1:1/x",
        FLOWAPP_BROKER_URL="redis://127.0.0.1:1/0",
    )
    failed = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("FAIL")]
    assert (done.returncode, failed) == (1, ["database", "broker", "redis"]), done.stdout


def test_doctor_finds_a_workflow_that_cannot_be_imported(tmp_path: Path) -> None:
    (tmp_path / "workflows").mkdir()
    (tmp_path / "workflows/__init__.py").write_text("import nothing_of_that_name\n")
    done = flowapp("doctor", folder=tmp_path, FLOWAPP_SECRET_KEY=STRONG, FLOWAPP_ENCRYPTION_KEYS=STRONG)
    assert done.returncode == 1
    assert "ModuleNotFoundError: No module named 'nothing_of_that_name'" in done.stdout


def test_audit_verify_finds_the_log_intact(shared: DevServer) -> None:
    done = shared.run("audit", "verify")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("acme: intact, ")
    bound = shared.run("audit", "bind", "--workspace", "acme")
    assert (bound.returncode, bound.stdout) == (0, "no answer is without a binding\n")
    (verdict,) = json.loads(shared.run("audit", "verify", "--workspace", "acme", "--json").stdout)
    assert (verdict["workspace"], verdict["ok"], verdict["faults"]) == ("acme", True, [])


def test_audit_verify_finds_a_change(own: DevServer) -> None:
    own.start()
    own.stop()
    seal = "from flowapp.audit import sealer; sealer.seal_all()"
    script = (
        f"import os; os.environ['DJANGO_SETTINGS_MODULE'] = 'flowapp.settings'; import django; django.setup(); {seal}"
    )
    subprocess.run([sys.executable, "-c", script], cwd=own.folder, check=True, env={"FLOWAPP_HOME": str(own.home)})
    with sqlite3.connect(own.home / "flowapp.sqlite3") as database:
        database.execute("DROP TRIGGER audit_no_update")
        database.execute("UPDATE audit_auditentry SET reason = 'something else' WHERE seq = 2")
    database.close()
    done = own.run("audit", "verify")
    assert done.returncode == 1
    assert done.stdout.startswith("acme: BROKEN, ")
    assert "  entry 2: " in done.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--workspace", "nobodys"), "flowapp: there is no workspace 'nobodys'\n"),
    ],
)
def test_audit_verify_needs_a_workspace(shared: DevServer, arguments: tuple[str, ...], told: str) -> None:
    done = shared.run("audit", "verify", *arguments)
    assert (done.returncode, done.stderr) == (1, told)


def test_audit_verify_needs_a_database(tmp_path: Path) -> None:
    done = flowapp("audit", "verify", folder=tmp_path, FLOWAPP_SECRET_KEY=STRONG, FLOWAPP_ENCRYPTION_KEYS=STRONG)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("flowapp: the database cannot be opened: ")
