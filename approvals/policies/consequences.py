"""What follows from each answer, and from none: in words, with moments that pages show in the reader's zone. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from approvals.policies.escalation import Timed, Turn, chain_of, plan_of


class Asked(Timed, Protocol):
    """A prompt, as far as it says what follows."""

    @property
    def outcomes(self) -> Sequence[Mapping[str, Any]]: ...
    @property
    def outcome_values(self) -> Sequence[str]: ...
    @property
    def level(self) -> int: ...
    @property
    def asked_at(self) -> datetime: ...


def consequences(view: Asked) -> list[dict[str, Any]]:
    """One fact for each outcome and one for silence: `label` and `text`, for silence also `at` and `to`."""
    return [*(_effect(outcome) for outcome in view.outcomes), {"label": "If nobody decides", **_silence(view)}]


def _effect(outcome: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "label": f"On “{_label(outcome)}”",
        "text": outcome["effect"] or f"The run goes on with “{outcome['value']}”.",
    }


def _silence(view: Asked) -> dict[str, Any]:
    """What happens by itself: `at` then `text`, and after it whom `to` names."""
    turn = plan_of(view).next(level=view.level, since=view.asked_at)
    if turn is None:
        return {"text": "It waits until somebody does."}
    at, what = turn
    if what == Turn.ESCALATE:
        chain = chain_of(view)
        if view.level < len(chain):
            return {"at": at, "text": "it goes to", "to": chain[view.level][1]}
        return {"at": at, "text": "it goes to the managers of those asked as well."}
    if view.on_timeout in view.outcome_values:
        label = next(_label(one) for one in view.outcomes if one["value"] == view.on_timeout)
        return {"at": at, "text": f"it expires, and the run goes on as on “{label}”, in nobody's name."}
    return {"at": at, "text": "it expires, and the run is told that nobody decided."}


def _label(outcome: Mapping[str, Any]) -> str:
    return str(outcome["label"]).rstrip("…")
