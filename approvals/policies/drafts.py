"""A rule before it is kept: whether it parses, answers yes or no, and names only what there is, each with its place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from approvals.policies.facts import REQUESTER, VARIABLES
from flowapp.engine import expressions
from flowapp.engine.errors import BadDefinition

LONGEST: Final = 4000  # characters
_PLACE = re.compile(r"<input>:(\d+):(\d+): (.+)")
_UNKNOWN = re.compile(r"undeclared reference to '([^']+)'")
_TEXT = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'")
_READ = re.compile(r"(?<![\w.])(data|requester)((?:\s*\.\s*[A-Za-z_]\w*)+)(\s*\()?")
_ASKED = re.compile(r"\bhas\s*\(\s*([\w.\s]+?)\s*\)")


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


def _places(message: str) -> list[Mistake]:
    found = [Mistake(int(line), int(column), _said(text)) for line, column, text in _PLACE.findall(message)]
    return found or [Mistake(1, 1, message)]


def _said(text: str) -> str:
    unknown = _UNKNOWN.search(text)
    if unknown is None:
        return text.removesuffix(" [INVALID_ARGUMENT]")
    names = [name for name, _ in VARIABLES]
    return f"there is no {unknown[1]}{_meant(unknown[1], names)}; there is {', '.join(names)}"


def _unknown_fields(source: str, samples: Sequence[Any]) -> Iterator[Mistake]:
    # Texts are blanked, not removed, so that places stay what they are.
    code = _TEXT.sub(lambda text: " " * len(text[0]), source)
    asked = {re.sub(r"\s", "", found[1]) for found in _ASKED.finditer(code)}
    for found in _READ.finditer(code):
        names = re.sub(r"\s", "", found[2]).strip(".").split(".")
        names = names[:-1] if found[3] else names
        paths = {".".join([found[1], *names[:count]]) for count in range(1, len(names) + 1)}
        if not paths & asked and (problem := _problem(found[1], names, samples)):
            before = code[: found.start()]
            yield Mistake(before.count("\n") + 1, found.start() - before.rfind("\n"), problem)


def _problem(root: str, names: list[str], samples: Sequence[Any]) -> str:
    if root == "requester":
        wrong = names and (names[0] not in REQUESTER or len(names) > 1)
        return f"requester has no {'.'.join(names)}; it has {', '.join(REQUESTER)}" if wrong else ""
    missing = [_missing(sample, names) for sample in samples]
    if not missing or None in missing:
        return ""
    depth, known = max((one for one in missing if one), key=lambda one: one[0])
    at, name = ".".join(["data", *names[:depth]]), names[depth]
    listed = f"; there is {', '.join(known[:12])}" if known else ""
    return (
        f"none of the last {len(samples)} prompts has {at}.{name}{_meant(name, known)}{listed}. "
        f"If it may be missing, ask first: has({at}.{name}) && …"
    )


def _missing(sample: Any, names: list[str]) -> tuple[int, list[str]] | None:
    """How far a path leads into a payload, and what there is instead; None when it leads all the way, or may."""
    for depth, name in enumerate(names):
        if sample is None:
            return None
        if not isinstance(sample, dict) or name not in sample:
            return depth, sorted(sample) if isinstance(sample, dict) else []
        sample = sample[name]
    return None


def _meant(name: str, known: Sequence[str]) -> str:
    close = get_close_matches(name, known, n=1)
    return f" (did you mean {close[0]}?)" if close else ""
