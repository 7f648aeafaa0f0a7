"""Reads a workflow's source for durations and expressions that can never work, so that they are refused at import.

Only what the body itself writes out is looked at: the arguments of calls on its context, and of `Retry(…)`. What is
computed, and what a helper does with a context that it was given, is checked when reached.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from typing import Any

from . import durations, paths
from .errors import BadDefinition
from .retry import Retry

_DURATIONS = frozenset({"timeout", "remind"})  # arguments by name, of any verb
_EXPRESSIONS = frozenset({"match"})
_POLICY = tuple(field.name for field in fields(Retry))


def check(fn: Callable[..., Any], context: str, input_type: Any) -> None:
    """Look through the body of `fn`, whose context parameter is named. Raises BadDefinition with the line."""
    tree = _parsed(fn)
    if tree is None:
        return
    first_line = fn.__code__.co_firstlineno
    for call in _calls(tree, context):
        for node, refuse in _literals(call, input_type):
            try:
                refuse(node.value)
            except (ValueError, BadDefinition) as error:
                line = first_line + node.lineno - 1
                raise BadDefinition(f"line {line}: {context}.{_verb(call)}: {error}") from None
    for call in _policies(tree, fn.__globals__):
        try:
            Retry(**_written_out(call))
        except (BadDefinition, TypeError) as error:
            raise BadDefinition(f"line {first_line + call.lineno - 1}: {error}") from None


def _parsed(fn: Callable[..., Any]) -> ast.AST | None:
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(fn)))
    except (OSError, TypeError, SyntaxError):
        return None  # no source is at hand, as in a notebook or a frozen application


def _calls(tree: ast.AST, context: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _is(node.func.value, context):
            yield node


def _policies(tree: ast.AST, known: Mapping[str, Any]) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _value(node.func, known) is Retry:
            yield node


def _value(node: ast.expr, known: Mapping[str, Any]) -> Any:
    """What a name of the module, dotted or not, stands for there."""
    if isinstance(node, ast.Attribute):
        return getattr(_value(node.value, known), node.attr, None)
    return known.get(node.id) if isinstance(node, ast.Name) else None


def _written_out(policy: ast.Call) -> dict[str, Any]:
    """Those arguments of a `Retry(…)` that are texts and numbers, by name."""
    given = [*zip(_POLICY, policy.args, strict=False), *((keyword.arg, keyword.value) for keyword in policy.keywords)]
    found = {name: _constant(node) for name, node in given if name in _POLICY}
    return {name: value for name, value in found.items() if isinstance(value, str | int | float)}


def _constant(node: ast.expr) -> Any:
    """A value that is written out, such as -2; None for anything that is computed."""
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None


def _is(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _verb(call: ast.Call) -> str:
    assert isinstance(call.func, ast.Attribute)
    return call.func.attr


def _literals(call: ast.Call, input_type: Any) -> Iterator[tuple[ast.Constant, Callable[[Any], object]]]:
    def expression(source: Any) -> None:
        paths.check(source, {"input": input_type})

    if _verb(call) == "sleep" and call.args:
        yield from ((node, durations.parse) for node in _texts(call.args[0]))
    for keyword in call.keywords:
        if keyword.arg in _DURATIONS or (keyword.arg, _verb(call)) == ("duration", "sleep"):
            yield from ((node, durations.parse) for node in _texts(keyword.value))
        elif keyword.arg in _EXPRESSIONS:
            yield from ((node, expression) for node in _texts(keyword.value))
        elif keyword.arg == "escalate" and isinstance(keyword.value, ast.List | ast.Tuple):
            levels = [level.elts[0] for level in keyword.value.elts if isinstance(level, ast.Tuple) and level.elts]
            yield from ((node, durations.parse) for level in levels for node in _texts(level))


def _texts(node: ast.expr) -> Iterator[ast.Constant]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node
