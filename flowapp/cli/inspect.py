"""`flowapp inspect`: one run in full."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from .output import add_json_option, moment, print_json, print_table, since
from .server import server
from .waiting import sentence

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def register(commands: _SubParsersAction[ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("inspect", help="show a run: steps, waits, output", allow_abbrev=False)
    parser.add_argument("run", metavar="RUN", help="the run's id")
    add_json_option(parser)
    parser.set_defaults(command=show)


def show(arguments: Namespace) -> int:
    """Print it."""
    run = server().get("runs", arguments.run)
    if arguments.as_json:
        print_json(run)
    else:
        _print(run)
    return 0


def _print(run: dict[str, Any]) -> None:
    facts = [
        ("workflow", f"{run['workflow']}, version {run['version']}"),
        ("status", run["status"].replace("_", " ")),
        ("started", moment(run.get("started_at"))),
        ("took" if run.get("ended_at") else "so far", since(run.get("started_at"), run.get("ended_at"))),
        ("input", _one_line(run["input"])),
    ]
    if error := run.get("error"):
        place = f" in step {error['step']}" if error.get("step") else ""
        facts.append(("error", f"{error['type']}{place}: {error['message']}"))
    if run["status"] == "completed":
        facts.append(("output", _one_line(run["output"])))
    print(f"run {run['id']}")
    print_table((), facts, indent="  ")
    if run["steps"]:
        print("\nsteps")
        print_table((), [_step(step) for step in run["steps"]], indent="  ")
    if run["waiting_on"]:
        print("\nwaiting for")
        for wait in run["waiting_on"]:
            print(f"  {sentence(wait)}")


def _step(step: dict[str, Any]) -> tuple[str, ...]:
    tries = f"{step['attempts']} attempts" if step["attempts"] > 1 else ""
    return step["name"], step["status"], since(step["started_at"], step["ended_at"]), tries


def _one_line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
