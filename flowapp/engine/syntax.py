"""The tree of a compiled CEL expression, read from what its library writes of it (cel.expr.CheckedExpr, protobuf).

Only what tells which data an expression reads: names, fields, calls, lists and comprehensions, each with its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

type Message = dict[int, list[bytes | int]]  # by field number, each time it was written


@dataclass(frozen=True, slots=True)
class Node:
    """A part of an expression. `at` is where it stands, in characters from 0."""

    at: int


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A variable."""

    name: str


@dataclass(frozen=True, slots=True)
class Field(Node):
    """`of.name`; with `asks` it is has(of.name)."""

    of: Node
    name: str
    asks: bool


@dataclass(frozen=True, slots=True)
class Constant(Node):
    """A literal: a text or an integer as such, any other as None."""

    value: str | int | None


@dataclass(frozen=True, slots=True)
class Call(Node):
    """A function or operator; a method's target is the first of `args`. `_[_]` is an index."""

    function: str
    args: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Items(Node):
    """A list or map that the expression writes out, with what stands in it."""

    items: tuple[Node, ...]
    is_list: bool


@dataclass(frozen=True, slots=True)
class Each(Node):
    """A comprehension (all, exists, map, filter): `variable` is each item of `over`, `result` gathers `step`s."""

    variable: str
    over: Node
    result: str
    start: Node
    step: Node
    others: tuple[Node, ...] = field(default=())


def tree(written: bytes) -> Node:
    """The tree of an expression as the library serialises it: a CheckedExpr wrapped in an Any."""
    checked = _message(_bytes(_message(written), 2))
    positions = [_message(entry) for entry in _all_bytes(_message(_bytes(checked, 5)), 4)]
    return _node(_bytes(checked, 4), {_int(entry, 1): _int(entry, 2) for entry in positions})


def _node(written: bytes, places: Mapping[int, int]) -> Node:
    whole = _message(written)
    at = places.get(_int(whole, 2), 0)
    kind = next((number for number in whole if number != 2), 0)
    if kind not in whole:
        return Constant(at, None)
    part = _message(_bytes(whole, kind))

    def inner(*numbers: int) -> tuple[Node, ...]:
        return tuple(_node(one, places) for number in numbers for one in _all_bytes(part, number))

    match kind:
        case 4:
            return Name(at, _text(part, 1))
        case 5:
            [of] = inner(1)
            return Field(at, of, _text(part, 2), bool(_int(part, 3)))
        case 6:
            return Call(at, _text(part, 2), inner(1, 3))
        case 7:
            return Items(at, inner(1), is_list=True)
        case 8:
            entries = [_message(entry) for entry in _all_bytes(part, 2)]
            items = (one for entry in entries for number in (3, 4) for one in _all_bytes(entry, number))
            return Items(at, tuple(_node(one, places) for one in items), is_list=False)
        case 9:
            [over], [start], [step] = inner(2), inner(4), inner(6)
            return Each(at, _text(part, 1), over, _text(part, 3), start, step, inner(5, 7))
        case _:
            return Constant(at, _constant(part))


def _constant(part: Message) -> str | int | None:
    if 6 in part:
        return _text(part, 6)
    return _int(part, 3) if 3 in part else None


def _message(written: bytes) -> Message:
    """The fields of a protobuf message."""
    found: Message = {}
    rest = memoryview(written)
    while rest:
        tag, rest = _varint(rest)
        value: bytes | int
        match tag & 7:
            case 0:
                value, rest = _varint(rest)
            case 2:
                size, rest = _varint(rest)
                value, rest = bytes(rest[:size]), rest[size:]
            case width:  # a double, of eight bytes, or a float
                size = 8 if width == 1 else 4
                value, rest = bytes(rest[:size]), rest[size:]
        found.setdefault(tag >> 3, []).append(value)
    return found


def _varint(rest: memoryview) -> tuple[int, memoryview]:
    value = 0
    for count, byte in enumerate(rest):
        value |= (byte & 127) << 7 * count
        if byte < 128:
            return value, rest[count + 1 :]
    raise ValueError("the expression's tree ends in the middle")


def _all_bytes(message: Message, number: int) -> Iterator[bytes]:
    return (value for value in message.get(number, ()) if isinstance(value, bytes))


def _bytes(message: Message, number: int) -> bytes:
    return next(_all_bytes(message, number), b"")


def _text(message: Message, number: int) -> str:
    return _bytes(message, number).decode()


def _int(message: Message, number: int) -> int:
    return next((value for value in message.get(number, ()) if isinstance(value, int)), 0)
