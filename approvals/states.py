"""What a prompt can be and become: types, statuses, outcomes, and what a decision looks like to a workflow. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from flowapp.engine.errors import FlowappError


class PromptType(StrEnum):
    """What a prompt asks for (CONTRACT.md section 5)."""

    CONFIRM = "confirm"
    REVIEW = "review"
    CHOICE = "choice"
    FORM = "form"
    EDIT = "edit"


class PromptStatus(StrEnum):
    """Where a prompt stands. Expired is never reported as denied."""

    PENDING = "pending"
    DECIDED = "decided"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class Risk(StrEnum):
    """How much a wrong decision can do; it orders the inbox and asks for a second factor."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Timeout(StrEnum):
    """What a timeout does other than to give an outcome. The dollar keeps it apart from every outcome."""

    ESCALATE = "$escalate"


ESCALATE: Final = Timeout.ESCALATE

OUTCOMES: Final[Mapping[PromptType, tuple[str, ...]]] = {
    PromptType.CONFIRM: ("yes", "no"),
    PromptType.REVIEW: ("approve", "deny"),
    PromptType.CHOICE: ("submit",),
    PromptType.FORM: ("submit",),
    PromptType.EDIT: ("approve", "deny"),
}
REJECTIONS: Final = frozenset({"deny", "reject", "decline"})  # those that say why, in red
NEGATIVE: Final = REJECTIONS | {"no"}  # what turns a question down, by its name alone: a tone is only a colour
LABELS: Final[Mapping[str, str]] = {
    "yes": "Yes",
    "no": "No",
    "approve": "Approve",
    "deny": "Deny…",
    "submit": "Submit",
}
BECOMES: Final[Mapping[PromptStatus, frozenset[PromptStatus]]] = {
    PromptStatus.PENDING: frozenset({PromptStatus.DECIDED, PromptStatus.EXPIRED, PromptStatus.CANCELLED}),
    PromptStatus.DECIDED: frozenset(),
    PromptStatus.EXPIRED: frozenset(),
    PromptStatus.CANCELLED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a prompt: whom it asks, and how many distinct people must give the same answer.

    With `lines` it is several side by side, each with its own people and quorum, and all of them have to pass.
    """

    assign: Sequence[str]
    quorum: int = 1
    lines: tuple[Stage, ...] = ()

    @property
    def beside(self) -> tuple[Stage, ...]:
        """What is asked at the same time, numbered from 1: itself, or its lines."""
        return self.lines or (self,)

    @property
    def several(self) -> bool:
        """Whether one answer may not be enough."""
        return self.quorum > 1 or len(self.lines) > 1

    def asking(self, entries: Sequence[Sequence[str]]) -> Stage:
        """The stage, asking these, line by line."""
        if not self.lines:
            return replace(self, assign=entries[0])
        beside = tuple(replace(line, assign=asked) for line, asked in zip(self.lines, entries, strict=True))
        return Stage(list(dict.fromkeys(entry for line in beside for entry in line.assign)), self.quorum, beside)

    def as_json(self) -> dict[str, Any]:
        """The stage as a prompt's options keep it."""
        lines = {"lines": [line.as_json() for line in self.lines]} if self.lines else {}
        return {"assign": list(self.assign), "quorum": self.quorum, **lines}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Stage:
        """The stage that `as_json` wrote."""
        return cls(kept["assign"], kept["quorum"], tuple(cls.from_json(line) for line in kept.get("lines", ())))


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that a prompt shows to those who decide: bytes or text, and what they are."""

    name: str
    content: bytes | str
    content_type: str = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class AttachmentInfo:
    """What lists say of a file: `digest` is the SHA-256 of its content, in hex."""

    id: UUID
    name: str
    content_type: str
    size: int
    digest: str


@dataclass(frozen=True, slots=True)
class Decider:
    """Who decided, as workflows and API callers see them."""

    kind: str
    name: str
    email: str = ""
    member_id: str = ""
    on_behalf_of: str = ""

    def __str__(self) -> str:
        return self.email or self.name

    @property
    def label(self) -> str:
        """The name, as pages ask for it."""
        return self.name

    def as_json(self) -> dict[str, str]:
        """The decider as callers of the API read them."""
        return {"kind": self.kind, "name": self.name, "email": self.email, "on_behalf_of": self.on_behalf_of}


@dataclass(frozen=True, slots=True)
class Decision[T]:
    """How a prompt ended: `.data` is typed by the prompt, `.by` is None when nobody answered in time."""

    outcome: str
    reasoning: str
    data: T
    by: Decider | None
    at: datetime
    channel: str
    timed_out: bool = False
    voters: tuple[str, ...] = ()  # the members who answered, for `different_from`

    def as_json(self) -> dict[str, Any]:
        """The decision as callers of the API read it."""
        return {
            "outcome": self.outcome,
            "reasoning": self.reasoning,
            "data": self.data,
            "by": self.by.as_json() if self.by else None,
            "at": self.at,
            "channel": self.channel,
            "timed_out": self.timed_out,
        }


@dataclass(frozen=True, slots=True)
class Vote[T](Decision[T]):
    """One answer of several that a prompt wants, and the stage (and line of it) it was given in.

    `superseded`: another one was given in its place since, such as by a substitute, and that one counts.
    """

    stage: int = 1
    line: int = 1
    superseded: bool = False


class PromptExpired(FlowappError):
    """Nobody decided the prompt in time, and its workflow names no outcome for that."""


class Refused(FlowappError):
    """A decision that was not taken. Nothing changed; what was typed is still with the caller."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or type(self).__doc__ or "")


class PromptNotFound(Refused):
    """There is no such prompt in this workspace."""


class AttachmentNotFound(PromptNotFound):
    """There is no such file at this prompt."""


class FilterNotFound(PromptNotFound):
    """You have no such filter."""


class AlreadyDecided(Refused):
    """Somebody else decided this prompt first; `.decision` is the one that counts."""

    def __init__(self, decision: Decision[Any]) -> None:
        self.decision = decision
        who = str(decision.by) if decision.by else "a timeout"
        super().__init__(f"Already decided: {decision.outcome} by {who} at {decision.at:%Y-%m-%d %H:%M:%S} UTC.")


class StaleVersion(Refused):
    """The question changed since you read it; read it again, then decide."""

    def __init__(self, version: int) -> None:
        self.version = version
        super().__init__(f"{type(self).__doc__} The current version is {version}.")


class Expired(Refused):
    """The prompt expired before this decision arrived; the run went on without it."""


class PromptCancelled(Refused):
    """The prompt was cancelled with its run; there is nothing left to decide."""


class NotEligible(Refused):
    """You are not among those who may decide this prompt."""


class StepUpRequired(Refused):
    """A high-risk decision needs a person with a second factor: decide it in the browser, not with an API key."""


class NotNow(Refused):
    """This is not possible as the prompt stands; read it again."""


class InvalidDecision(Refused):
    """The decision does not fit the prompt; `.errors` holds {"field", "msg"} for each thing to correct."""

    def __init__(self, errors: list[dict[str, str]]) -> None:
        self.errors = errors
        super().__init__("; ".join(f"{error['field']}: {error['msg']}" for error in errors))


class PolicyNotFound(Refused):
    """There is no such policy in this workspace."""


class InvalidPolicy(FlowappError):
    """A policy that cannot be kept; `.errors` holds {"field", "msg"} each, with "line" and "column" in expressions."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        self.errors = errors
        super().__init__("; ".join(f"{error['field']}: {error['msg']}" for error in errors))


def keyed(outcomes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The outcomes, each with the `key` that gives it, or "": the same alone and for many.

    `d` turns down, and is the red one only where no answer does; `a` is the main one.
    """
    negative = next((one["value"] for one in outcomes if one["value"] in NEGATIVE), None)
    no = negative or next((one["value"] for one in outcomes if one["tone"] == "danger"), None)
    yes = next((one["value"] for one in outcomes if one["tone"] == "primary" and one["value"] != no), None)
    keys = {no: "d", yes: "a"}
    return [{**one, "key": keys.get(one["value"], "")} for one in outcomes]


def outcome_in_words(value: str) -> str:
    """An outcome in words, where no workflow or not the same one named it."""
    return LABELS.get(value) or value.replace("_", " ").replace("-", " ").capitalize()


def stage_in_words(stage: int, stages: int, level: int) -> str:
    """Where a prompt stands: "stage 1/2", "escalated", both, or nothing to say."""
    staged = f"stage {stage}/{stages}" if stages > 1 else ""
    escalated = "" if not level else "escalated" if level == 1 else f"escalated {level}×"
    return " · ".join(filter(None, (staged, escalated)))


def decider(actor: Mapping[str, Any] | None) -> Decider | None:
    """Who a stored actor is, as workflows and API callers see them; a person's id is their e-mail address."""
    if actor is None:
        return None
    return Decider(
        kind=actor["kind"],
        name=actor["label"],
        email=actor["id"] if actor["kind"] == "person" else "",
        member_id=actor.get("member_id") or "",
        on_behalf_of=actor.get("on_behalf_of") or "",
    )


def may_become(now: str, then: str) -> bool:
    """Whether a prompt may go from one status to the other: only pending ones may, and only once."""
    return PromptStatus(then) in BECOMES[PromptStatus(now)]
