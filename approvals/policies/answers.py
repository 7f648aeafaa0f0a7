"""Whether an answer fits its question: the outcome, the reason, and the data against its JSON Schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from approvals.policies.complaints import complaints
from approvals.states import NEGATIVE, InvalidDecision, PromptType
from flowapp.engine import incoming

LONGEST_REASON = 10_000  # characters
REASONS = ("More information is needed", "The amount is wrong", "Against our policy", "No longer needed")
SAY_WHY = "Say why, so that the requester knows what to change."


@dataclass(frozen=True, slots=True)
class Question:
    """What an answer must fit."""

    type: str
    outcomes: Sequence[Mapping[str, Any]]
    schema: Any
    payload: Any
    require_reason: bool = False


def fit(question: Question, *, outcome: str, reasoning: str, data: Any) -> Any:
    """The answer's data in its normal form. Raises InvalidDecision naming everything to correct."""
    errors = list(_outcome_errors(question, outcome))
    answer = normal(question, data)
    if not errors:
        errors += _data_errors(question, outcome, answer)
    errors += _reason_errors(question, outcome, reasoning)
    if errors:
        raise InvalidDecision(errors)
    return answer


def schema_problem(schema: Any) -> str | None:
    """What is wrong with a JSON Schema, or None."""
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return f"{error.json_path}: {error.message}"
    resolver = Registry[Any]().resolver_with_root(DRAFT202012.create_resource(schema))
    for ref in _references(schema):
        try:
            resolver.lookup(ref)
        except Unresolvable:
            return f"$ref {ref!r}: it leads nowhere within the schema"
    return None


def _references(schema: Any) -> Iterator[str]:
    children = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    if isinstance(schema, dict) and isinstance(schema.get("$ref"), str):
        yield schema["$ref"]
    for child in children:
        yield from _references(child)


def _outcome_errors(question: Question, outcome: str) -> Iterator[dict[str, str]]:
    known = [known["value"] for known in question.outcomes]
    if outcome not in known:
        yield {"field": "outcome", "msg": f"{outcome!r} is not an outcome of this prompt; choose {' or '.join(known)}"}


def _reason_errors(question: Question, outcome: str, reasoning: str) -> Iterator[dict[str, str]]:
    asked = any(known["value"] == outcome and known["needs_reason"] for known in question.outcomes)
    if (asked or question.require_reason) and not reasoning.strip():
        yield {"field": "reasoning", "msg": "say why: this decision needs a reason"}
    if len(reasoning) > LONGEST_REASON:
        yield {"field": "reasoning", "msg": f"at most {LONGEST_REASON:,} characters"}
    if flaw := incoming.flaw_of(reasoning):
        yield {"field": "reasoning", "msg": flaw}


def normal(question: Question, data: Any) -> Any:
    """The data as it is kept: one choice is a list of one, and an edit that changes nothing is the payload."""
    if question.type == PromptType.CHOICE and data is not None and not isinstance(data, list):
        return [data]
    if question.type == PromptType.EDIT and data is None:
        return question.payload
    return data


def _data_errors(question: Question, outcome: str, data: Any) -> Iterator[dict[str, str]]:
    if question.schema is None:
        if data is not None:
            yield {"field": "data", "msg": f"a {question.type} prompt takes no data"}
    elif data is None:
        if outcome not in NEGATIVE:
            yield {"field": "data", "msg": "this prompt needs data: fill in what it asks for"}
    else:
        # A schema cannot be asked about a number that is infinite.
        unfit = [(tuple(map(str, place)), why) for place, why in incoming.flaws(data)]
        for path, message in unfit or complaints(question.schema, data):
            yield {"field": ".".join(["data", *path]), "msg": message}
