"""The `flowapp` command: one file per subcommand. Those that speak HTTP import no Django, so they start at once."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from typing import NoReturn

from . import audit, dev, doctor, events, init, inspect, run, runs, signal, worker
from .errors import CommandFailed

_COMMANDS = (init, dev, worker, run, runs, inspect, signal, events, audit, doctor)


class _Parser(ArgumentParser):
    """Says what is wrong in one line; exit code 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the exit code: 0 done, 1 failed, 2 wrong usage."""
    arguments = build_parser().parse_args(argv)
    command: Callable[..., int] = arguments.command
    try:
        code = command(arguments)
        sys.stdout.flush()
    except CommandFailed as failed:
        print(f"flowapp: {failed}", file=sys.stderr)
        return failed.exit_code
    except KeyboardInterrupt:
        return 1
    except BrokenPipeError:
        # Whoever read our output has seen enough; the interpreter must not try to flush the rest.
        sys.stdout = None
        return 0
    return code


def build_parser() -> ArgumentParser:
    """Every command with its options."""
    parser = _Parser(prog="flowapp", description="Durable workflows with people in the loop.", allow_abbrev=False)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for module in _COMMANDS:
        module.register(commands)
    return parser
