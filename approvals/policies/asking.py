"""What `ctx.prompt` was given, checked and in its normal form. Raises BadDefinition naming the place."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import from_json

from approvals.policies import answers, binding, exact, facts, shortcuts
from approvals.policies.files import File, files
from approvals.states import ESCALATE, NEGATIVE, OUTCOMES, REJECTIONS, Attachment, PromptType, Risk, Stage
from flowapp.engine import codec, durations, expressions
from flowapp.engine.durations import Duration
from flowapp.engine.errors import BadDefinition

type Assign = str | Iterable[str]
type Outcomes = Sequence[str] | Mapping[str, str | Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Ask:
    """A question ready to be opened. `data` is plain JSON; `chain` holds what `escalate` names."""

    name: str
    type: PromptType
    title: str
    message: str
    data: Any
    outcomes: tuple[dict[str, Any], ...]
    schema: Any
    stages: tuple[Stage, ...]
    chain: tuple[tuple[timedelta, Sequence[str]], ...]
    timeout: timedelta | None
    on_timeout: str
    risk: Risk
    options: Mapping[str, Any]
    files: Sequence[File] = ()

    @property
    def assign(self) -> Sequence[str]:
        """Who is asked first."""
        return self.stages[0].assign

    def content(self) -> bytes:
        """What people decide on, by which a replay knows the question again."""
        return binding.content(
            type=self.type,
            title=self.title,
            message=self.message,
            data=self.data,
            outcomes=[outcome["value"] for outcome in self.outcomes],
            schema=self.schema,
            files=[file.about() for file in self.files],
        )

    def question(self) -> bytes:
        """The content with the terms it is to be decided on; a prompt keeps to those that it was opened with."""
        terms = binding.terms(
            outcomes=self.outcomes,
            risk=self.risk,
            options=self.options,
            stages=self.stages,
            on_timeout=self.on_timeout,
        )
        return binding.question(self.content(), terms)


def ask(
    name: str,
    *,
    type: str,
    title: str,
    message: str,
    data: Any,
    outcomes: Outcomes | None,
    schema: Any,
    assign: Assign,
    quorum: int,
    stages: Sequence[Mapping[str, Any] | Sequence[Any]],
    timeout: Duration | None,
    escalate: Iterable[tuple[Duration, Assign]],
    on_timeout: str,
    remind: Duration | None,
    risk: str,
    options: Mapping[str, Any],
    attachments: Iterable[Attachment | Mapping[str, Any]] = (),
) -> Ask:
    """The question in its normal form."""
    if not 0 < len(name) <= 200:
        raise BadDefinition(f"a prompt needs a name of 1 to 200 characters, not {name!r}")
    if "\0" in title + message:
        raise BadDefinition(f"prompt {name!r}: its title or message holds a null character, which is no text")
    every = None if remind is None else _duration(name, "remind", remind)
    if every == timedelta(0):
        raise BadDefinition(f"prompt {name!r}: remind={remind!r} would never stop; give the time between reminders")
    kind = _one_of(PromptType, type, f"prompt {name!r}: type")
    listed = _outcomes(name, outcomes if outcomes is not None else OUTCOMES[kind])
    chain = tuple((_duration(name, "escalate", after), _entries(to)) for after, to in escalate)
    limit = None if timeout is None else _duration(name, "timeout", timeout)
    _check_times(name, limit, chain, on_timeout, [outcome["value"] for outcome in listed])
    if schema is not None and (problem := answers.schema_problem(schema)):
        raise BadDefinition(f"prompt {name!r}: its JSON Schema is not valid at {problem}")
    attached = files(name, attachments)
    stored = plain(data)
    numbers = facts.decimals(stored, expressions.plain(data))
    return Ask(
        name=name,
        type=kind,
        title=title or name.replace("-", " ").replace("_", " ").capitalize(),
        message=message,
        data=stored,
        outcomes=listed,
        schema=schema,
        stages=_stages(name, kind, assign, quorum, stages),
        chain=chain,
        timeout=limit,
        on_timeout=str(on_timeout),
        risk=_one_of(Risk, risk, f"prompt {name!r}: risk"),
        options={
            key: plain(value)
            for key, value in {
                **options,
                "remind": every and every.total_seconds(),
                "attachments": [file.about() for file in attached] or None,
                "decimals": numbers or None,
            }.items()
            if value is not None
        },
        files=attached,
    )


def plain(value: Any) -> Any:
    """The value as plain JSON data. Raises NotSerializable naming the path of what is not."""
    return from_json(codec.to_bytes(value))


def schema_of(type: Any) -> dict[str, Any]:
    """The JSON Schema of a model, dataclass or other annotation; a schema is its own."""
    if isinstance(type, Mapping):
        return exact.ordered(type)
    adapter: TypeAdapter[Any] = type if isinstance(type, TypeAdapter) else codec.adapter(type)
    return exact.ordered(adapter.json_schema(schema_generator=exact.ExactSchema))


def shape_of(data: Any) -> dict[str, Any]:
    """The little that plain data tells about what may replace it: an object stays an object, a text a text."""
    names = {dict: "object", list: "array", str: "string", bool: "boolean", int: "number", float: "number"}
    known = names.get(builtins.type(data))
    order = {exact.ORDER: list(data)} if isinstance(data, dict) else {}
    return {"type": known, **order} if known else {}


def choices_schema(name: str, choices: Sequence[str], *, multiple: bool) -> dict[str, Any]:
    """The schema of one or several of these choices."""
    if not choices:
        raise BadDefinition(f"prompt {name!r}: a choice prompt needs choices=[…]")
    schema = {"type": "array", "items": {"enum": list(choices)}, "minItems": 1, "uniqueItems": True}
    return schema if multiple else schema | {"maxItems": 1}


def _entries(assign: Assign) -> list[str]:
    return [assign] if isinstance(assign, str) else list(assign)


def _stages(
    name: str, kind: PromptType, assign: Assign, quorum: int, stages: Sequence[Mapping[str, Any] | Sequence[Any]]
) -> tuple[Stage, ...]:
    if not stages:
        return (Stage(_entries(assign), _quorum(name, quorum)),)
    if _entries(assign):
        raise BadDefinition(f"prompt {name!r}: with stages, each stage names its own assign; leave out the prompt's")
    found = tuple(_stage(name, stage, quorum) for stage in stages)
    if kind == PromptType.EDIT and (len(found) > 1 or len(found[0].beside) > 1):
        raise BadDefinition(f"prompt {name!r}: an edit has one stage; put what was edited into a second prompt")
    return found


def _stage(name: str, stage: Mapping[str, Any] | Sequence[Any], quorum: int) -> Stage:
    """A stage; a list is one of several lines side by side."""
    if not isinstance(stage, Mapping):
        lines = tuple(_line(name, line, quorum) for line in stage)
        if not lines:
            raise BadDefinition(f"prompt {name!r}: a stage of nothing; name at least one assign in it")
        return Stage(list(dict.fromkeys(entry for line in lines for entry in line.assign)), 1, lines)
    return _line(name, stage, quorum)


def _line(name: str, stage: Any, quorum: int) -> Stage:
    if not isinstance(stage, Mapping):
        raise BadDefinition(f"prompt {name!r}: a stage is {{'assign': …}}, or a list of those side by side")
    if unknown := stage.keys() - {"assign", "quorum"}:
        raise BadDefinition(f"prompt {name!r}: a stage has assign and quorum, no {', '.join(sorted(unknown))}")
    return Stage(_entries(stage.get("assign", ())), _quorum(name, stage.get("quorum", quorum)))


def _quorum(name: str, quorum: Any) -> int:
    if not isinstance(quorum, int) or isinstance(quorum, bool) or not 0 < quorum <= 1000:
        raise BadDefinition(f"prompt {name!r}: quorum={quorum!r} is not a number of people, from 1 on")
    return quorum


def _outcomes(name: str, outcomes: Outcomes) -> tuple[dict[str, Any], ...]:
    given = outcomes if isinstance(outcomes, Mapping) else dict.fromkeys(outcomes, "")
    if not given or len(given) != len(outcomes):
        raise BadDefinition(f"prompt {name!r}: outcomes must name at least one outcome, each once")
    main = next((value for value in given if value not in NEGATIVE), None)
    return tuple(_outcome(name, value, about, main=value == main) for value, about in given.items())


def _outcome(name: str, value: str, about: str | Mapping[str, Any], *, main: bool) -> dict[str, Any]:
    if not 0 < len(value) <= 64 or value.startswith("$"):
        raise BadDefinition(f"prompt {name!r}: outcome {value!r} is not a text of 1 to 64 characters")
    more = {"label": about} if isinstance(about, str) else dict(about)
    if unknown := more.keys() - {"label", "effect", "tone", "needs_reason"}:
        raise BadDefinition(f"prompt {name!r}: outcome {value!r} has no {', '.join(sorted(unknown))}")
    return {
        "value": value,
        "label": more.get("label") or shortcuts.plain(value),
        "effect": more.get("effect", ""),
        "tone": more.get("tone") or ("primary" if main else "danger" if value in REJECTIONS else ""),
        "needs_reason": bool(more.get("needs_reason")),
    }


def _check_times(
    name: str, timeout: timedelta | None, chain: Sequence[Any], on_timeout: str, outcomes: Sequence[str]
) -> None:
    if on_timeout and timeout is None:
        raise BadDefinition(f"prompt {name!r}: on_timeout={on_timeout!r} needs a timeout")
    if on_timeout and on_timeout != ESCALATE and on_timeout not in outcomes:
        raise BadDefinition(f"prompt {name!r}: on_timeout={on_timeout!r} is none of its outcomes {', '.join(outcomes)}")
    if any(later[0] <= earlier[0] for earlier, later in pairwise(chain)):
        raise BadDefinition(f"prompt {name!r}: escalate counts from the opening, so each duration must be longer")


def _duration(name: str, option: str, value: Duration) -> timedelta:
    try:
        return durations.parse(value)
    except ValueError as error:
        raise BadDefinition(f"prompt {name!r}: {option}: {error}") from None


def _one_of[E: (PromptType, Risk)](known: type[E], value: str, what: str) -> E:
    try:
        return known(value)
    except ValueError:
        raise BadDefinition(f"{what} {value!r} is none of {', '.join(known)}") from None
