"""`flowapp init`: a small project to begin with."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import CommandFailed

if TYPE_CHECKING:
    from argparse import _SubParsersAction

_README = """\
# {name}

A Flowapp project: `workflows/` holds its workflows.

    flowapp dev                                            # serves http://localhost:8288
    flowapp run greet --input '{{"name": "Ada"}}' --wait     # in another terminal

The run waits for a manager: sign in as one of those that `flowapp dev` prints, and look into the inbox.
`flowapp dev` restarts when you change a file.
"""

_IGNORE = """\
.flowapp/
.venv/
__pycache__/
"""

_PACKAGE = '''\
"""The workflows of this project: what is imported here is registered."""

from . import greeting
'''

_WORKFLOW = '''\
"""A first workflow: it asks somebody, then greets."""

from pydantic import BaseModel

from flowapp import Context, Retry, step, workflow


class Guest(BaseModel):
    """Who is to be greeted."""

    name: str


@step(retry=Retry(max_attempts=3))
async def compose(guest: Guest) -> str:
    """A step runs once: its result is kept, whatever happens to this process afterwards."""
    return f"Hello, {guest.name}!"


@workflow(name="greet")
async def greet(ctx: Context, guest: Guest) -> str:
    """Greet a guest, once a manager has agreed."""
    greeting = await compose(guest)
    decision = await ctx.prompt(
        "may-greet",
        type="confirm",
        title=f"Say \\u201c{greeting}\\u201d?",
        data=guest,
        assign="role:manager",
        timeout="2d",
        on_timeout="no",
    )
    return greeting if decision.outcome == "yes" else "(silence)"
'''


def register(commands: _SubParsersAction[ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("init", help="make a small project", allow_abbrev=False)
    parser.add_argument("folder", metavar="DIR", type=Path)
    parser.set_defaults(command=make)


def make(arguments: Namespace) -> int:
    """Write the project's files; an existing one is never touched."""
    folder: Path = arguments.folder
    files = {
        "README.md": _README.format(name=folder.resolve().name),
        ".gitignore": _IGNORE,
        "workflows/__init__.py": _PACKAGE,
        "workflows/greeting.py": _WORKFLOW,
    }
    known = [name for name in files if (folder / name).exists()]
    if known:
        raise CommandFailed(f"{folder / known[0]} exists already: choose a new folder")
    try:
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
    except OSError as error:
        raise CommandFailed(f"{error.filename} cannot be written: {error.strerror}") from None
    print(f"made {folder}: now run flowapp dev there")
    return 0
