"""A rule before it is kept: whether it parses, answers yes or no, and names only what there is, each with its place."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from approvals.policies.facts import REQUESTER, VARIABLES
from flowapp.engine import expressions, paths
from flowapp.engine.errors import BadDefinition
from flowapp.engine.paths import EACH, Names, Read

LONGEST: Final = 4000  # characters
_PLACE = re.compile(r"<input>:(\d+):(\d+): (.+)")
_UNKNOWN = re.compile(r"undeclared reference to '([^']+)'")


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with an expression, and where: line and column from 1."""

    line: int
    column: int
    msg: str

    def __str__(self) -> str:
        return f"Line {self.line}, column {self.column}: {self.msg}"


def mistakes(source: str, samples: Sequence[Any]) -> list[Mistake]:
    """All that is wrong with a rule's expression. `samples` are payloads of the prompts it is about, newest first.

    A field that none of them has is refused, unless the rule asks for it with has(): typing errors must not pass.
    """
    if not source.strip():
        return [Mistake(1, 1, "write when this rule is true, such as amount < 100")]
    if len(source) > LONGEST or "\0" in source:
        return [Mistake(1, 1, f"at most {LONGEST:,} characters, and no null character")]
    try:
        compiled = expressions.compile(source, VARIABLES)
    except BadDefinition as error:
        return _places(str(error))
    if not compiled.may_be_bool:
        return [Mistake(1, 1, "this is a value, not a yes or no; compare it with something")]
    return list(_unknown_fields(source, samples))


def reads_data(source: str) -> bool:
    """Whether a rule that compiles looks into what is decided on."""
    return any(read.names[0] == "data" for read in paths.reads(source, VARIABLES))


def unknown(what: str, name: str, known: Collection[str]) -> str:
    """What to say of a name that is none of those known; empty for one that is."""
    if name in known:
        return ""
    return f"{what} {name}{_meant(name, list(known))}; there is {', '.join(sorted(known)[:12])}"


def _places(message: str) -> list[Mistake]:
    found = [Mistake(int(line), int(column), _said(text)) for line, column, text in _PLACE.findall(message)]
    return found or [Mistake(1, 1, message)]


def _said(text: str) -> str:
    undeclared = _UNKNOWN.search(text)
    if undeclared is None:
        return text.removesuffix(" [INVALID_ARGUMENT]")
    names = [name for name, _ in VARIABLES]
    return f"there is no {undeclared[1]}{_meant(undeclared[1], names)}; there is {', '.join(names)}"


def _unknown_fields(source: str, samples: Sequence[Any]) -> Iterator[Mistake]:
    read = paths.reads(source, VARIABLES)
    asked = {one.names for one in read if one.asked}
    said = set()
    for one in read:
        problem = "" if one.asked else _problem(one, samples, asked)
        if problem and problem not in said:
            said.add(problem)
            before = source[: one.at]
            yield Mistake(before.count("\n") + 1, one.at - before.rfind("\n"), problem)


def _problem(read: Read, samples: Sequence[Any], asked: Collection[Names]) -> str:
    root, *names = read.names
    if root == "requester":
        wrong = names and (names[0] not in REQUESTER or len(names) > 1)
        return f"requester has no {paths.shown(tuple(names))}; it has {', '.join(REQUESTER)}" if wrong else ""
    if root != "data":
        return ""
    missing = [_missing(sample, names) for sample in samples]
    if not missing or None in missing:
        return ""
    depth, known = max((one for one in missing if one), key=lambda one: one[0])
    path = read.names[: depth + 2]
    if path in asked:
        return ""
    listed = f"; there is {', '.join(known[:12])}" if known else ""
    return (
        f"none of the last {len(samples)} prompts has {paths.shown(path)}{_meant(str(path[-1]), known)}{listed}. "
        f"If it may be missing, ask first: has({paths.shown(path)}) && …"
    )


def _missing(sample: Any, names: Sequence[str | int]) -> tuple[int, list[str]] | None:
    """How far a path leads into a payload, and what there is instead; None when it leads all the way, or may."""
    here = [sample]
    for depth, name in enumerate(names):
        if not here or None in here:
            return None
        if name == EACH:
            if not all(isinstance(one, list) for one in here):
                return None  # the keys of a map, or the parts of something else: the expression's own affair
            here = [item for one in here for item in one]
        else:
            there = [one[name] for one in here if isinstance(one, Mapping) and name in one]
            if not there:
                return depth, _names_in(here)
            here = there
    return None


def _names_in(values: Iterable[Any]) -> list[str]:
    return sorted({name for one in values if isinstance(one, Mapping) for name in one})


def _meant(name: str, known: Sequence[str]) -> str:
    close = get_close_matches(name, known, n=1)
    return f" (did you mean {close[0]}?)" if close else ""
