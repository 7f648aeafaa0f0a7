"""The `ctx.prompt` verb: a durable wait for people, and the typed decision it returns.

Workflow modules import it before Django is set up, so what needs the tables is imported when a prompt is opened.
"""

from __future__ import annotations

import builtins
import dataclasses
from asyncio import Future
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal, NotRequired, TypedDict, Unpack, overload
from uuid import UUID

from pydantic import BaseModel
from pydantic_core import to_json

from approvals.policies import asking, binding
from approvals.policies.asking import Ask, Assign, Outcomes
from approvals.states import ESCALATE, Attachment, Decision, PromptExpired, PromptType, Risk, decider
from flowapp.engine import chance, codec
from flowapp.engine.durations import Duration
from flowapp.engine.errors import BadDefinition, NeedsAttention
from flowapp.engine.verbs.context import EngineVerbs

if TYPE_CHECKING:
    from django.db.models import Model

    from flowapp.engine.verbs.calls import WaitTicket

_VOID: Final = (
    "prompt {!r} was decided on other content than would run now, so the decision does not count; "
    "find out what changed it, then fork the run from before the prompt"
)
_UNBOUND: Final = (
    "prompt {!r} was decided before answers were bound to their questions, so the decision does not count as it is; "
    "`flowapp audit bind` shows such answers and binds what the audit log vouches for: then retry the run. "
    "Or fork it from before the prompt"
)
__all__ = ["ESCALATE", "Decision", "PromptExpired", "PromptOptions", "PromptVerbs"]


class PromptStage(TypedDict):
    """One of the stages a prompt goes through, one after the other; a list of them goes side by side."""

    assign: Assign
    quorum: NotRequired[int]


class PromptOptions(TypedDict, total=False):
    """What every type of prompt accepts (CONTRACT.md section 5)."""

    title: str
    message: str
    outcomes: Outcomes
    assign: Assign
    quorum: int
    reject_ends: bool
    stages: Sequence[PromptStage | Sequence[PromptStage]]
    timeout: Duration
    escalate: Iterable[tuple[Duration, Assign]]
    on_timeout: str
    remind: Duration
    calendar: str
    four_eyes: bool
    require_reason: bool
    step_up: bool
    risk: Literal["low", "medium", "high"]
    evidence: Sequence[str | Mapping[str, str]]
    confidence: float
    reversible: bool
    different_from: Sequence[Decision[Any]]
    attachments: Iterable[Attachment | Mapping[str, Any]]


class PromptVerbs(EngineVerbs):
    """`ctx.prompt`, for the Context to inherit."""

    @overload
    def prompt(
        self,
        name: str,
        *,
        type: Literal["confirm", "review"] = ...,
        data: Any = None,
        **options: Unpack[PromptOptions],
    ) -> Future[Decision[None]]: ...
    @overload
    def prompt(
        self,
        name: str,
        *,
        type: Literal["choice"],
        choices: Sequence[str],
        multiple: bool = True,
        data: Any = None,
        **options: Unpack[PromptOptions],
    ) -> Future[Decision[list[str]]]: ...
    @overload
    def prompt[T](
        self,
        name: str,
        *,
        type: Literal["form"],
        form: builtins.type[T],
        data: Any = None,
        **options: Unpack[PromptOptions],
    ) -> Future[Decision[T]]: ...
    @overload
    def prompt(
        self,
        name: str,
        *,
        type: Literal["form"],
        form: Mapping[str, Any],
        data: Any = None,
        **options: Unpack[PromptOptions],
    ) -> Future[Decision[Any]]: ...
    @overload
    def prompt[T](
        self, name: str, *, type: Literal["edit"], data: T, **options: Unpack[PromptOptions]
    ) -> Future[Decision[T]]: ...

    def prompt(
        self,
        name: str,
        *,
        type: str = PromptType.CONFIRM,
        data: Any = None,
        form: Any = None,
        choices: Sequence[str] = (),
        multiple: bool = True,
        **options: Unpack[PromptOptions],
    ) -> Future[Decision[Any]]:
        """Put a question to people and wait, without holding anything, for the one decision it ends in.

        Raises BadDefinition when it is asked in a way that cannot work, PromptExpired when nobody decides in time.
        A question or answer that was changed behind the run's back does not count: it is asked anew. Nobody to ask, or
        such a change after the run went on from the answer, stops the run with `needs_attention`. On which terms it is
        decided (labels, effects, risk, quorum) is settled when it is opened: code that changes them is for later ones.
        """
        run = self._runtime.run
        step = f"{name}#{self._runtime.uses(name) + 1}"
        result = result_type(name, type, data, form)
        schema = schema_of(name, type, data, form, choices, multiple=multiple)
        ask = _ask(name, type, data, form, schema, options)

        def prepare(ticket: WaitTicket) -> Sequence[Model]:
            from approvals import actions

            return actions.rows(ticket, ask)

        def void(stored: bytes) -> bool:
            return not _bound(run.workspace_id, run.id, step, ask, codec.plain(stored))

        # Of what is recorded a fork took over some; what arrives was answered to this run.
        answered = chance.runs_of(run.id, run.origin)

        def decode(stored: bytes | None) -> Decision[Any]:
            given = codec.plain(stored)
            if not any(_bound(run.workspace_id, one, step, ask, given) for one in answered):
                raise NeedsAttention((_VOID if given.get("answer_digest") else _UNBOUND).format(ask.name))
            return _decision(ask, given, result)

        return self._runtime.wait(
            "prompt",
            name,
            identity=ask.content().decode(),
            detail={"assignees": list(ask.assign)},
            prepare=prepare,
            decode=decode,
            reopen=True,
            void=void,
        )


def _ask(name: str, type: str, data: Any, form: Any, schema: Any, options: PromptOptions) -> Ask:
    excluded = sorted({member_id for earlier in options.get("different_from", ()) for member_id in earlier.voters})
    return asking.ask(
        name,
        type=type,
        title=options.get("title", ""),
        message=options.get("message", ""),
        data=data,
        outcomes=options.get("outcomes"),
        schema=schema,
        assign=options.get("assign", ()),
        quorum=options.get("quorum", 1),
        stages=options.get("stages", ()),
        timeout=options.get("timeout"),
        escalate=options.get("escalate", ()),
        on_timeout=options.get("on_timeout", ""),
        remind=options.get("remind"),
        risk=options.get("risk", Risk.LOW),
        attachments=options.get("attachments", ()),
        options={
            "four_eyes": options.get("four_eyes"),
            "reject_ends": options.get("reject_ends"),
            "require_reason": options.get("require_reason"),
            "step_up": options.get("step_up"),
            "evidence": options.get("evidence"),
            "confidence": options.get("confidence"),
            "reversible": options.get("reversible"),
            "calendar": options.get("calendar"),
            "form_type": _type_name(name, type, data, form),
            "excluded": excluded or None,
        },
    )


def result_type(name: str, type: str, data: Any, form: Any) -> Any:
    """The type that `decision.data` comes back as."""
    if type == PromptType.FORM:
        if form is None:
            raise BadDefinition(f"prompt {name!r}: a form prompt needs form=, a Pydantic model or a JSON Schema")
        return Any if isinstance(form, Mapping) else form
    if type == PromptType.CHOICE:
        return list[str]
    if type == PromptType.EDIT and _is_model(builtins.type(data)):
        return builtins.type(data)
    return Any


def _is_model(type_: Any) -> bool:
    return isinstance(type_, builtins.type) and (issubclass(type_, BaseModel) or dataclasses.is_dataclass(type_))


def _type_name(name: str, type: str, data: Any, form: Any) -> str | None:
    """Where the type of the decision's data is defined, so that its validators judge an answer when it is given."""
    known = result_type(name, type, data, form)
    return f"{known.__module__}:{known.__qualname__}" if _is_model(known) else None


def schema_of(name: str, type: str, data: Any, form: Any, choices: Sequence[str], *, multiple: bool) -> Any:
    """The JSON Schema that `decision.data` must fit; None for a prompt that takes no data."""
    if type == PromptType.FORM:
        return asking.schema_of(form)
    if type == PromptType.CHOICE:
        return asking.choices_schema(name, choices, multiple=multiple)
    if type == PromptType.EDIT:
        known = result_type(name, type, data, form)
        return asking.shape_of(asking.plain(data)) if known is Any else asking.schema_of(known)
    return None


def _bound(workspace_id: UUID, run_id: UUID, step: str, ask: Ask, stored: dict[str, Any]) -> bool:
    """Whether this is the answer that was given, at this place, to exactly what the run asks.

    The terms are those that the prompt was opened with, whatever the code says of them by now.
    """
    from approvals import actions

    if stored.get("expired"):
        return True
    here = (workspace_id, run_id)
    digests = (stored["payload_digest"], stored["asked_digest"])
    given = (stored["payload_digest"], stored["outcome"], stored["data"])
    # A prompt that was opened when only its content was bound has the digest of that; see `closing.shown_digest`.
    forms = ((step, binding.question(ask.content(), stored.get("terms", ""))), (ask.name, ask.content()))
    return any(
        all(actions.bound(one, *here, *form, stored["policies"]) for one in digests) for form in forms
    ) and actions.bound_answer(stored.get("answer_digest") or "", *here, step, *given)


def _decision(ask: Ask, stored: dict[str, Any], result: Any) -> Decision[Any]:
    if stored.get("expired"):
        raise PromptExpired(f"nobody decided the prompt {ask.name!r} in time")
    data = stored["data"]
    return Decision(
        outcome=stored["outcome"],
        reasoning=stored["reasoning"],
        data=None if data is None else codec.adapter(result).validate_json(to_json(data)),
        by=decider(stored["actor"]),
        at=datetime.fromisoformat(stored["at"]),
        channel=stored["channel"],
        timed_out=stored["timed_out"],
        voters=tuple(stored["voters"]),
    )
