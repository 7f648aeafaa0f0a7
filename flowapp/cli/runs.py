"""`flowapp runs`: the runs that fit, newest first."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from . import colour
from .output import add_json_option, moment, note, print_json, print_table, since
from .server import server

if TYPE_CHECKING:
    from argparse import _SubParsersAction

STATUSES: Final = (
    "queued",
    "running",
    "waiting",
    "paused",
    "completed",
    "failed",
    "cancelled",
    "needs_attention",
)
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}
_WIDEST: Final = 60  # characters of an error


def register(commands: _SubParsersAction[ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("runs", help="list runs, newest first", allow_abbrev=False)
    parser.add_argument(
        "--status",
        action="append",
        choices=STATUSES,
        metavar="STATUS",
        help=f"only in this status: {', '.join(STATUSES)}",
    )
    parser.add_argument("--workflow", metavar="NAME", help="only of this workflow")
    parser.add_argument("--error", metavar="TYPE", help="only ended by an error of this type")
    parser.add_argument(
        "--search", action="append", metavar="FIELD:VALUE", help="only with this value of a search field"
    )
    parser.add_argument("--since", type=_moment, metavar="WHEN", help="only started since: 2h, 3d, or a time")
    parser.add_argument("--until", type=_moment, metavar="WHEN", help="only started before")
    parser.add_argument("--limit", type=_limit, default=20, help="how many (20, 200 at most)")
    parser.add_argument("--cursor", help="go on where an earlier list ended")
    add_json_option(parser)
    parser.set_defaults(command=show)


def show(arguments: Namespace) -> int:
    """Print them, newest first."""
    names = ("status", "workflow", "error", "search", "since", "until", "limit", "cursor")
    page = server().get("runs", **{name: getattr(arguments, name) for name in names})
    if arguments.as_json:
        print_json(page)
    elif page["items"]:
        on = colour.wanted()
        print_table(("RUN", "WORKFLOW", "STATUS", "STARTED", "TOOK", ""), [_row(run, on=on) for run in page["items"]])
        if page["next"]:
            note(f"more: --cursor {page['next']}")
    elif any(getattr(arguments, name) for name in names if name != "limit"):
        print("no run fits these filters")
    else:
        print("no runs yet: flowapp run WORKFLOW --input JSON starts one")
    return 0


def _row(run: dict[str, Any], *, on: bool) -> tuple[str, ...]:
    took = since(run["started_at"], run["ended_at"]) if run.get("ended_at") else ""
    error = run.get("error")
    why = " ".join(f"{error['type']}: {error['message']}".split()) if error else ""
    return (
        run["id"],
        run["workflow"],
        colour.status(run["status"], on=on),
        moment(run["created_at"]),
        took,
        colour.paint(why if len(why) <= _WIDEST else why[: _WIDEST - 1] + "…", "faint", on=on),
    )


def _moment(text: str) -> str:
    """`2h`, `3d`, `90m` ago, or a time as ISO 8601 has it."""
    if text[:-1].isdecimal() and text[-1:] in _UNITS and len(text) < 8:
        return (datetime.now(UTC) - timedelta(**{_UNITS[text[-1]]: int(text[:-1])})).isoformat()
    try:
        return datetime.fromisoformat(text).astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        raise ArgumentTypeError(f"{text!r} is not a time: write 2h, 3d, or 2026-11-21T14:05") from None


def _limit(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 200:
        raise ArgumentTypeError(f"{text!r} is not a whole number from 1 to 200")
    return int(text)
