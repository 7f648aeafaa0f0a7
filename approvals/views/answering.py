"""The form in which a prompt's data is given: as it opens, as it comes back, as it is reviewed, as it was decided."""

from __future__ import annotations

from typing import Any

from django.http import QueryDict

from approvals import forms
from approvals.actions import filling
from approvals.actions.filling import Answer
from approvals.policies import summary
from approvals.policies.changes import Change, changes
from approvals.queries import PromptView
from approvals.states import InvalidDecision, PromptType
from flowapp.http import schema_form

_OWN = (forms.CONFIRMED, forms.BACK, "csrfmiddlewaretoken")


def context(view: PromptView, *, may_answer: bool) -> dict[str, Any]:
    """The fields of an open prompt, or what was answered to a decided one."""
    given = view.decision.data if view.decision else None
    edits = view.type == PromptType.EDIT
    changed = [Change.kept(one) for one in view.changes]
    sends = filling.sends(view)
    wordy = {one["value"] for one in view.outcomes if one["needs_reason"]}
    return {
        "fields": filling.fields_of(view) if may_answer else [],
        "sends": sends,
        "reason_asked": bool(view.options.get("require_reason")) or bool(wordy.intersection(sends)),
        "reason_error": "",
        "changes": changed,
        "answer_rows": summary.rows(given) if changed or not edits else [],
        "answer_json": summary.masked(given),
        "answer_heading": "As it was approved" if edits else "What was answered",
        "payload_heading": _payload_heading(view, changed=bool(changed)),
        "payload_fold": "Exactly as it was asked" if changed else _fold(view),
        "review": None,
        "error_links": [],
        "typed_rows": [],
    }


def _payload_heading(view: PromptView, *, changed: bool) -> str:
    if view.type not in (PromptType.REVIEW, PromptType.EDIT):
        return "What it is about"
    return "As it was asked" if changed else "What is decided on"


def _fold(view: PromptView) -> str:
    return "Exactly as it will run" if view.type in (PromptType.REVIEW, PromptType.EDIT) else "Exactly as it was asked"


def sent_back(view: PromptView, answer: Answer, posted: QueryDict, error: Exception | None = None) -> dict[str, Any]:
    """What stands on the page again when an answer was not taken, with what is wrong at its field."""
    found = error.errors if isinstance(error, InvalidDecision) else []
    errors = filling.placed(found)
    known = filling.fields_of(view)
    shown = schema_form.filled(known, posted, errors) if forms.FILLED in posted else known
    return {
        "fields": shown,
        "unplaced": schema_form.unplaced(known, errors),
        "error_links": [one for one in schema_form.leaves(shown) if one.error],
        "typed_rows": summary.rows(answer.data) if forms.FILLED in posted else [],
        "reason_error": " ".join(one["msg"] for one in found if one["field"] == "reasoning"),
        "typed_outcome": answer.outcome,
        "typed_reason": posted.get("reasoning", ""),
    }


def review(view: PromptView, answer: Answer, posted: QueryDict) -> dict[str, Any]:
    """An answer once more before it counts: as changes, or whole; what was typed goes along."""
    changed = changes(view.data, answer.data) if view.type == PromptType.EDIT else []
    label = next(str(one["label"]).rstrip("…") for one in view.outcomes if one["value"] == answer.outcome)
    return {
        "review": {
            "changes": changed,
            "rows": summary.rows(answer.data) if not changed else [],
            "confirm": f"{label}{_with(len(changed))}",
            "kept": [(name, value) for name, values in posted.lists() if name not in _OWN for value in values],
            "reasoning": answer.reasoning,
        }
    }


def _with(number: int) -> str:
    """How the button says that what runs is what was edited."""
    if not number:
        return ""
    return " with this change" if number == 1 else f" with these {number} changes"
