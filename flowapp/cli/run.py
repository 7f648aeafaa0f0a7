"""`flowapp run`: start a run of a workflow, and with --wait follow it to its end."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import CommandFailed, NoAnswer, WrongUsage
from .output import add_json_option, note, print_json
from .server import Server, server
from .waiting import sentence

if TYPE_CHECKING:
    from argparse import _SubParsersAction

_ENDED = ("completed", "failed", "cancelled", "needs_attention")
_LOOK_EVERY = 0.2  # seconds
_LATER = 1.0  # seconds
_SOON = 60.0  # seconds
_PATIENCE = 60.0  # seconds; a server that was killed may be started again


def register(commands: _SubParsersAction[ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("run", help="start a run", allow_abbrev=False)
    parser.add_argument("workflow", metavar="WORKFLOW")
    parser.add_argument("--input", metavar="JSON|@FILE", default="null", help="the workflow's input")
    parser.add_argument(
        "--wait", action="store_true", help="follow the run, print its output; exit 1 unless it completes"
    )
    add_json_option(parser)
    parser.set_defaults(command=start)


def start(arguments: Namespace) -> int:
    """Start the run."""
    value = read_json(arguments.input, "--input")
    flowapp = server()
    run = flowapp.post("workflows", arguments.workflow, "run", body={"input": value})
    if arguments.wait:
        return _follow(flowapp, run["id"], as_json=arguments.as_json)
    if arguments.as_json:
        print_json(run)
    else:
        print(run["id"])
        note(f"{arguments.workflow} is {run['status']}; look at it with: flowapp inspect {run['id']}")
    return 0


def read_json(text: str, what: str) -> Any:
    """JSON from an argument, or from the file that it names after an @."""
    try:
        source = Path(text[1:]).read_text("utf-8") if text.startswith("@") else text
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUsage(f"{what}: {text[1:]} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    try:
        return json.loads(source)
    except json.JSONDecodeError as error:
        raise WrongUsage(f"{what} is not JSON: {error}") from None


def _follow(flowapp: Server, run_id: str, *, as_json: bool) -> int:
    note(f"run {run_id}")
    try:
        run = _until_ended(flowapp, run_id)
    except KeyboardInterrupt:
        raise CommandFailed(f"stopped waiting; the run goes on: flowapp inspect {run_id}") from None
    if as_json:
        print_json(run)
    elif run["status"] == "completed":
        print_json(run["output"])
    if run["status"] == "completed":
        return 0
    raise CommandFailed(_how_it_ended(run))


def _until_ended(flowapp: Server, run_id: str) -> dict[str, Any]:
    """The run once it has ended; what it does meanwhile is told as it happens."""
    told: set[str] = set()
    began = time.monotonic()
    while True:
        run = _look(flowapp, run_id)
        for key, line in _happened(run):
            if key not in told:
                note(f"  {line}")
                told.add(key)
        if run["status"] in _ENDED:
            return run
        time.sleep(_LOOK_EVERY if time.monotonic() - began < _SOON else _LATER)


def _look(flowapp: Server, run_id: str) -> dict[str, Any]:
    """The run as it is now; while the server is away, as it is once the server is back."""
    gone_since: float | None = None
    while True:
        try:
            run: dict[str, Any] = flowapp.get("runs", run_id)
            return run
        except NoAnswer:
            if gone_since is None:
                note("  the server is away; waiting for it")
                gone_since = time.monotonic()
            if time.monotonic() - gone_since > _PATIENCE:
                raise
        time.sleep(_LATER)


def _happened(run: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What there is to tell of a run, each thing with a key by which it is told once."""
    for place, step in enumerate(step for step in run["steps"] if step["status"] in ("completed", "failed")):
        yield f"step {place}", f"{step['name']} {step['status']}"
    for wait in run["waiting_on"]:
        yield f"wait {wait['name']} {wait['since']}", f"waiting for {sentence(wait)}"


def _how_it_ended(run: dict[str, Any]) -> str:
    ending = "needs attention" if run["status"] == "needs_attention" else f"is {run['status']}"
    error = run.get("error")
    if not error:
        return f"run {run['id']} {ending}"
    place = f" in step {error['step']}" if error.get("step") else ""
    return f"run {run['id']} {ending}{place}: {error['type']}: {' '.join(error['message'].split())}"
