"""CEL expressions: compiled once, refused early with the place of the mistake, evaluated with a budget.

CEL is Google's Common Expression Language; the C++ evaluator bounds its own iterations, so no expression can hang.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from cel_expr_python import cel
from pydantic_core import to_jsonable_python

from .errors import BadDefinition
from .syntax import Node, tree

type Variables = tuple[tuple[str, str], ...]  # (name, type): "dyn", "string"

VARIABLES: Variables = (("event", "dyn"), ("input", "dyn"))
MAX_KEYS = 64  # indexed values an event
MAX_DEPTH = 6
MAX_TEXT = 200  # characters of an indexed value
TOO_MANY = b"too many values"  # the key of an event with more than are indexed: it may match any wait
_NO_KEY = re.compile(r'Key not found in map : "(?P<key>.*)"')
_EQUALITY = re.compile(
    r"event\.data(?P<path>(?:\.\w+)+)\s*==\s*(?:input(?P<input>(?:\.\w+)+)|\"(?P<text>[^\"\\]*)\"|(?P<number>-?\d+))"
)


class ExpressionFailed(Exception):
    """An expression could not be evaluated on this data; `.reason` says why, without naming the expression."""

    def __init__(self, source: str, reason: object) -> None:
        self.reason = str(reason)
        super().__init__(f"{source!r}: {reason}")


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression."""

    source: str
    _compiled: Any
    _variables: Variables = VARIABLES

    def evaluate(self, **variables: Any) -> Any:
        """The value for these variables (plain data). Raises ExpressionFailed."""
        try:
            found = self._compiled.eval(data={name: variables.get(name) for name, _ in self._variables})
        except Exception as error:
            raise ExpressionFailed(self.source, error) from None
        if found.type() == cel.Type.ERROR:  # the library answers with it, as if it were a text
            raise ExpressionFailed(self.source, found.value())
        return found.value()

    @property
    def may_be_bool(self) -> bool:
        """Whether it can answer yes or no, as far as that is known before it is evaluated."""
        return str(self._compiled.return_type()) in ("BOOL", "DYN")

    def tree(self) -> Node:
        """Its parts, for what must know which data it reads."""
        return tree(self._compiled.serialize())

    def holds(self, **variables: Any) -> bool:
        """Whether it is true for these variables; data that lacks what it asks for does not match."""
        return self.refusal("", **variables) is None

    def refusal(self, name: str, **variables: Any) -> str | None:
        """Why the condition of this name does not hold for these variables; None when it does."""
        try:
            value = self.evaluate(**variables)
        except ExpressionFailed as failed:
            missing = _NO_KEY.search(failed.reason)
            reason = f"no such key {missing['key']}" if missing else failed.reason
            return f"{name} could not be evaluated ({reason}): {self.source}"
        if value is True:
            return None
        return f"{name} is {'false' if value is False else 'neither true nor false'}: {self.source}"


@lru_cache(maxsize=2048)
def compile(source: str, variables: Variables = VARIABLES) -> Expression:
    """The expression over these variables. Raises BadDefinition with the place of the mistake."""
    try:
        return Expression(source, _environment(variables).compile(source), variables)
    except Exception as error:
        raise BadDefinition(f"the expression {source!r} does not compile: {error}") from None


@lru_cache(maxsize=16)
def _environment(variables: Variables) -> Any:
    return cel.NewEnv(variables={name: getattr(cel.Type, type.upper()) for name, type in variables})


def plain(value: Any) -> Any:
    """Data as CEL sees it: decimals are numbers, moments are text, models are maps."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if hasattr(value, "model_dump"):
        return plain(value.model_dump())
    if hasattr(value, "__dataclass_fields__"):
        return {name: plain(getattr(value, name)) for name in value.__dataclass_fields__}
    return to_jsonable_python(value)


def index_key(source: str, input: Any) -> bytes | None:
    """The (path, value) that every matching event must carry, from one equality of a conjunction; None without one."""
    for part in source.split("&&"):
        found = _EQUALITY.fullmatch(part.strip())
        if found is None or "||" in source:
            continue
        value: Any = found["text"] if found["text"] is not None else None
        if found["number"] is not None:
            value = int(found["number"])
        if found["input"] is not None:
            value = _at(input, found["input"])
        if _indexable(value) and found["path"].count(".") <= MAX_DEPTH:
            return key(found["path"], value)
    return None


def _indexable(value: Any) -> bool:
    return isinstance(value, int | float) or (isinstance(value, str) and len(value) <= MAX_TEXT)


def keys(data: Any) -> list[bytes]:
    """The (path, value) pairs of an event's data by which waits find it; or that they are too many to index."""
    found: list[bytes] = []
    for path, value in _leaves(data, "", 0):
        if len(found) == MAX_KEYS:
            return [TOO_MANY]
        found.append(key(path, value))
    return found


def key(path: str, value: str | float) -> bytes:
    """Sixteen bytes for a path and its value; 1 and 1.0 are the same, 1 and "1" are not."""
    shown = repr(_float(value)) if isinstance(value, int | float) and not isinstance(value, bool) else repr(value)
    return hashlib.blake2b(f"{path}={shown}".encode(), digest_size=16).digest()


def _float(number: float) -> float:
    """The nearest; all that are beyond floats have one key, and a wait's condition tells them apart."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def _leaves(data: Any, path: str, depth: int) -> Iterator[tuple[str, str | float]]:
    if isinstance(data, Mapping) and depth < MAX_DEPTH:
        for name, item in data.items():
            yield from _leaves(item, f"{path}.{name}", depth + 1)
    elif _indexable(data):
        yield path, data


def _at(data: Any, path: str) -> Any:
    for name in path.strip(".").split("."):
        data = data.get(name) if isinstance(data, Mapping) else None
    return data
