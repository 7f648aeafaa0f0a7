"""`flowapp runs`: the newest runs."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from .output import add_json_option, moment, print_json, print_table, since
from .server import server

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def register(commands: _SubParsersAction[ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("runs", help="list the newest runs", allow_abbrev=False)
    parser.add_argument("--status", help="only those in this status")
    parser.add_argument("--workflow", help="only those of this workflow")
    parser.add_argument("--limit", type=int, default=20, help="how many (20)")
    add_json_option(parser)
    parser.set_defaults(command=show)


def show(arguments: Namespace) -> int:
    """Print them, newest first."""
    page = server().get("runs", status=arguments.status, workflow=arguments.workflow, limit=arguments.limit)
    if arguments.as_json:
        print_json(page)
    elif page["items"]:
        print_table(("RUN", "WORKFLOW", "STATUS", "STARTED", "TOOK"), [_row(run) for run in page["items"]])
    else:
        print("no runs yet: flowapp run WORKFLOW --input JSON starts one")
    return 0


def _row(run: dict[str, Any]) -> tuple[str, ...]:
    took = since(run["started_at"], run["ended_at"]) if run.get("ended_at") else ""
    return run["id"], run["workflow"], run["status"].replace("_", " "), moment(run["created_at"]), took
