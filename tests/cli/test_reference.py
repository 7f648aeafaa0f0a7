"""The reference page of the commands tells of every command and option there is, and of no other."""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

from flowapp.cli import build_parser

PAGE = Path(__file__).parents[2] / "docs/reference/cli.md"


def commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not below:
        yield parser
    for action in below:
        for one in action.choices.values():
            yield from commands(one)


def options(parser: argparse.ArgumentParser) -> set[str]:
    shown = [action for action in parser._actions if action.help != argparse.SUPPRESS]
    return {name for action in shown for name in action.option_strings if name.startswith("--")} - {"--help"}


def test_the_page_tells_of_every_command_and_option() -> None:
    headings = re.findall(r"^## `(flowapp .+)`$", PAGE.read_text(), flags=re.MULTILINE)
    documented = {re.match(r"[a-z ]+[a-z]", line)[0]: set(re.findall(r"--[a-z]+", line)) for line in headings}
    assert documented == {parser.prog: options(parser) for parser in commands(build_parser())}
