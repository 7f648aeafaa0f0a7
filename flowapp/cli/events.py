"""`flowapp events send`: publish an event to the workspace."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from .output import add_json_option, note, print_json
from .run import read_json
from .server import server

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def register(commands: _SubParsersAction[ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("events", help="publish an event", allow_abbrev=False)
    verbs = parser.add_subparsers(metavar="COMMAND", required=True)
    publish = verbs.add_parser("send", help="publish an event to the workspace", allow_abbrev=False)
    publish.add_argument("name", metavar="NAME", help="the event's name")
    publish.add_argument("data", metavar="JSON", nargs="?", default="null", help="what it carries, or @FILE")
    publish.add_argument("--id", help="with an id, the event counts once however often it is sent")
    add_json_option(publish)
    publish.set_defaults(command=send)


def send(arguments: Namespace) -> int:
    """Publish it; prints the ids of the runs it started."""
    body = {"name": arguments.name, "data": read_json(arguments.data, "what the event carries"), "id": arguments.id}
    answer = server().post("events", body=body)
    if arguments.as_json:
        print_json(answer)
        return 0
    for run in answer["runs"]:
        print(run["id"])
    count = len(answer["runs"])
    again = " before, so nothing happened now" if answer["duplicate"] else ""
    note(f"sent {arguments.name}{again}; it started {count} run{'' if count == 1 else 's'}")
    for one in answer["matched"]:
        if one["run_id"] not in {run["id"] for run in answer["runs"]}:
            note(f"  taken by run {one['run_id']}, which waited for it")
    for one in answer["skipped"]:
        if one["workflow"]:
            note(f"  not {one['workflow']}: {one['reason']}")
    return 0
