"""The paths an expression reads (`input.order.id`, `data["lines"][0].price`), and checking them against a type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import PydanticUserError

from . import expressions
from .codec import adapter
from .errors import BadDefinition
from .expressions import VARIABLES, Variables
from .syntax import Call, Constant, Each, Field, Items, Name, Node

EACH: Final = 0  # in a path: an item of a list, whichever

type Names = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Read:
    """What an expression reads: the variable, then names and EACH. `at` is where it begins, `asked`: within has()."""

    names: Names
    at: int
    asked: bool = False


@dataclass(frozen=True, slots=True)
class _ListOf:
    """A list that the expression makes of such items."""

    item: _Value


type _Value = Read | _ListOf | None  # None: nobody can say before it is evaluated
type _Known = Mapping[str, _Value]  # the variables of comprehensions


def reads(source: str, variables: Variables = VARIABLES) -> list[Read]:
    """Every path that an expression reads, whole, in the order written. Raises BadDefinition when it does not compile.

    `a.b.c` is one path. What is read of an item of a list, by its number or as the variable of all, exists, map or
    filter, has EACH in its place.
    """
    found: list[Read] = []
    _visit(expressions.compile(source, variables).tree(), {}, found)
    return sorted(dict.fromkeys(found), key=lambda read: read.at)


def check(source: str, types: Mapping[str, Any]) -> None:
    """Look up every path that starts at one of these roots ("input", "event.data") in the type that stands there.

    Raises BadDefinition naming the path and what is there instead. What a type leaves open is not refused.
    """
    for read in reads(source):
        for root, type_ in types.items():
            begin = tuple(root.split("."))
            if read.names[: len(begin)] == begin:
                _look_up(source, root, read.names[len(begin) :], type_)


def shown(names: Names) -> str:
    """A path as one would write it: `data.lines[…].price`."""
    parts = ("[…]" if name == EACH else f".{name}" for name in names)
    return "".join(parts).removeprefix(".")


def _visit(node: Node, known: _Known, found: list[Read]) -> _Value:
    """What a part stands for; what it reads on the way goes into `found`, only what ends a path."""
    value = _value(node, known, found)
    if isinstance(value, Read):
        found.append(value)
    return value


def _value(node: Node, known: _Known, found: list[Read]) -> _Value:
    match node:
        case Name():
            return _variable(node, known)
        case Field(of=of, name=name, asks=True):
            holder = _visit(of, known, found)
            return Read((*holder.names, name), holder.at, asked=True) if isinstance(holder, Read) else None
        case Field(of=of, name=name):
            return _below(_value(of, known, found), name)
        case Call(function="_[_]", args=(of, Constant(value=str() | int() as name))):
            return _below(_value(of, known, found), name)
        case Call(args=args) | Items(items=args):
            inner = [_visit(one, known, found) for one in args]
            return _ListOf(inner[0]) if isinstance(node, Items) and node.is_list and inner else None
        case Each():
            return _each(node, known, found)
    return None


def _variable(node: Name, known: _Known) -> _Value:
    if node.name not in known:
        return Read((node.name,), node.at)
    value = known[node.name]
    return Read(value.names, node.at) if isinstance(value, Read) else value


def _below(value: _Value, name: str | int) -> _Value:
    if isinstance(value, _ListOf):
        return value.item if isinstance(name, int) else None
    if value is None:
        return None
    return Read((*value.names, EACH if isinstance(name, int) else name), value.at)


def _each(node: Each, known: _Known, found: list[Read]) -> _Value:
    item = _below(_visit(node.over, known, found), EACH)
    inside = {**known, node.variable: item, node.result: None}
    for one in (node.start, *node.others):
        _visit(one, inside, found)
    return _gathered(node, inside, found)


def _gathered(node: Each, inside: _Known, found: list[Read]) -> _Value:
    """What map and filter make: a list of what each step adds to it."""
    step = node.step
    if isinstance(step, Call) and step.function == "_?_:_":
        _visit(step.args[0], inside, found)
        step = step.args[1]
    if isinstance(node.start, Items) and isinstance(step, Call) and step.function == "_+_":
        return _visit(step.args[1], inside, found)
    _visit(step, inside, found)
    return None


def _look_up(source: str, root: str, names: Names, type_: Any) -> None:
    found = [_missing(source, root, names, schema) for schema in _schemas(type_)]
    if found and all(found):
        raise BadDefinition(found[0])


def _schemas(type_: Any) -> Iterator[dict[str, Any]]:
    """Of the values as they come in, and by the names that the code uses for them."""
    try:
        for by_alias in (True, False):
            yield adapter(type_).json_schema(by_alias=by_alias)
    except (PydanticUserError, NameError):
        return  # a type that is not whole yet, or has no schema


def _missing(source: str, root: str, names: Names, schema: dict[str, Any]) -> str:
    here = schema
    at: Names = (root,)
    for name in names:
        here = _resolved(here, schema)
        if name == EACH:
            inner = here.get("items") if here.get("type") == "array" else None
        elif _is_closed(here):
            inner = here["properties"].get(name)
            if inner is None:
                known = ", ".join(here["properties"])
                return f"the expression {source!r} reads {shown((*at, name))}; {shown(at)} has {known}"
        else:
            return ""
        if not isinstance(inner, dict):
            return ""
        here, at = inner, (*at, name)
    return ""


def _resolved(here: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in here:
        here = schema["$defs"][here["$ref"].rpartition("/")[2]]
    return here


def _is_closed(here: dict[str, Any]) -> bool:
    """Whether it lists all it may have: an object of known fields, not a union or a mapping."""
    return here.get("type") == "object" and bool(here.get("properties")) and not here.get("additionalProperties")
