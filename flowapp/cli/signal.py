"""`flowapp signal`: send a run a named message."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from .naming import whole
from .output import add_json_option, note, print_json
from .run import read_json
from .server import server

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def register(commands: _SubParsersAction[ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("signal", help="send a run a named message", allow_abbrev=False)
    parser.add_argument("run", metavar="RUN", help="the run's id, or how it begins or ends")
    parser.add_argument("name", metavar="NAME", help="the signal's name")
    parser.add_argument("data", metavar="JSON", nargs="?", default="null", help="what it carries, or @FILE")
    add_json_option(parser)
    parser.set_defaults(command=send)


def send(arguments: Namespace) -> int:
    """Send it; the run keeps it until it is taken."""
    body = {"name": arguments.name, "data": read_json(arguments.data, "what the signal carries")}
    flowapp = server()
    run_id = whole(flowapp, arguments.run)
    run = flowapp.post("runs", run_id, "signal", body=body)
    if arguments.as_json:
        print_json(run)
    else:
        note(f"sent {arguments.name} to run {run_id}, which is {run['status'].replace('_', ' ')}")
    return 0
