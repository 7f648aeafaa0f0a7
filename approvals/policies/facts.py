"""What a rule may look at: the facts of one prompt, the same when it is opened and when a rule is tried on it later."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from approvals.policies import summary
from flowapp.engine.expressions import Variables

VARIABLES: Final[Variables] = (
    ("workflow", "string"),
    ("prompt", "string"),
    ("kind", "string"),
    ("risk", "string"),
    ("confidence", "dyn"),
    ("amount", "dyn"),
    ("data", "dyn"),
    ("requester", "dyn"),
)
MEANINGS: Final[Mapping[str, str]] = {
    "workflow": "the workflow's name",
    "prompt": "the prompt's name in the workflow",
    "kind": "confirm, review, choice, form or edit",
    "risk": "low, medium or high",
    "confidence": "what the workflow gave, 0 to 1; null without",
    "amount": "the data's amount, total, price or cost as a number; null without",
    "data": "what is decided on, such as data.order.customer; decimals are numbers",
    "requester": "who started the run: requester.kind, .name, .email",
}
REQUESTER: Final = ("kind", "name", "email")
_EACH: Final = "*"  # in a path: every item of a list


def facts(
    *,
    workflow: str,
    prompt: str,
    type: str,
    risk: str,
    data: Any,
    options: Mapping[str, Any],
    requester: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """The variables of a rule, for one prompt. `data` is plain JSON, `options` the prompt's own."""
    who = requester or {"kind": "", "label": "", "id": ""}
    return {
        "workflow": workflow,
        "prompt": prompt,
        "kind": type,  # "type" is a word of CEL
        "risk": risk,
        "confidence": options.get("confidence"),
        "amount": summary.number(data),
        "data": _with_numbers(data, options.get("decimals", ())),
        "requester": {
            "kind": who["kind"],
            "name": who["label"],
            "email": who["id"] if who["kind"] == "person" else "",
        },
    }


def decimals(stored: Any, typed: Any) -> list[str]:
    """Where data that is stored as text was a decimal number: paths such as "lines.*.price"."""
    return sorted(set(_decimals(stored, typed, ())))


def _decimals(stored: Any, typed: Any, path: tuple[str, ...]) -> Iterator[str]:
    if isinstance(stored, str) and isinstance(typed, float):
        yield ".".join(path)
    elif isinstance(stored, dict) and isinstance(typed, dict):
        for name in stored.keys() & typed.keys():
            if "." not in name:
                yield from _decimals(stored[name], typed[name], (*path, name))
    elif isinstance(stored, list) and isinstance(typed, list) and len(stored) == len(typed):
        for one, other in zip(stored, typed, strict=True):
            yield from _decimals(one, other, (*path, _EACH))


def _with_numbers(data: Any, paths: Iterable[str]) -> Any:
    for path in paths:
        data = _number_at(data, path.split(".") if path else [])
    return data


def _number_at(data: Any, path: list[str]) -> Any:
    if not path:
        return float(data) if isinstance(data, str) else data
    name, rest = path[0], path[1:]
    if name == _EACH and isinstance(data, list):
        return [_number_at(item, rest) for item in data]
    if isinstance(data, dict) and name in data:
        return {**data, name: _number_at(data[name], rest)}
    return data
