"""`flowapp dev`: everything in one process, with the demo workspace, restarted when the code changes."""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser, Namespace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import _SubParsersAction

PORT = 8288


def register(commands: _SubParsersAction[ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("dev", help="serve everything here, with the demo workspace", allow_abbrev=False)
    parser.add_argument("--port", type=int, default=PORT, help=f"the port to serve on ({PORT})")
    parser.add_argument("--quiet", action="store_true", help="do not tell where runs go")
    parser.add_argument("--restarted", action="store_true", help=SUPPRESS)
    parser.set_defaults(command=_run)


def _run(arguments: Namespace) -> int:
    from .process import run

    run(arguments.port, restarted=arguments.restarted, quiet=arguments.quiet)
