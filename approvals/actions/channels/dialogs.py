"""The dialog in Slack that takes an answer with words or a form: how it is built, what was put in, what is wrong in it.

An edit is shown once more before it counts: the same dialog again, with the changes above its inputs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.utils.datastructures import MultiValueDict

from approvals.actions import filling
from approvals.actions.channels import inputs, question
from approvals.actions.channels.inputs import options_of, plain
from approvals.actions.filling import Answer
from approvals.policies.answers import REASONS, SAY_WHY
from approvals.policies.changes import Change, changes
from approvals.queries import PromptView
from approvals.states import NEGATIVE, InvalidDecision, PromptType
from flowapp.http import schema_form
from flowapp.http.schema_form import Field

ANSWER: Final = "prompt.reason"
_REASON, _PRESET = "reason", "preset"
_LONGEST: Final = 3000  # characters in a text, or a text field
_MOST_BLOCKS: Final = 100
_LABEL: Final = 24  # characters on a button of a dialog, and in its title
_ERROR: Final = 150


@dataclass(frozen=True, slots=True)
class Sent:
    """What came with a dialog. `asked` is what its button was for, and `seen` the changes that were shown."""

    asked: dict[str, Any]
    values: Mapping[str, Any]

    @classmethod
    def of(cls, view: Mapping[str, Any]) -> Sent:
        """The dialog as Slack sends it."""
        return cls(json.loads(view["private_metadata"]), view["state"]["values"])

    @property
    def reasoning(self) -> str:
        """The reason that was chosen and what was written to it."""
        chosen = (self._of(_PRESET, "choice").get("selected_option") or {}).get("value") or ""
        return ": ".join(filter(None, [chosen, (self._of(_REASON, "text").get("value") or "").strip()]))

    def _of(self, block: str, action: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.values.get(block, {}).get(action) or {}
        return found

    def typed(self, view: PromptView) -> MultiValueDict[str, str]:
        """What was put into the form."""
        return inputs.typed(filling.fields_of(view), self.values)

    def answer(self, view: PromptView) -> Answer:
        """What was answered, and what is wrong with it."""
        outcome = self.asked["outcome"]
        data, errors = filling.read(view, self.typed(view)) if _takes_form(view, outcome) else (None, [])
        if _outcome(view, outcome).get("needs_reason") and not self.reasoning.strip():
            errors = [*errors, {"field": "reasoning", "msg": SAY_WHY}]
        return Answer(outcome, self.reasoning, self.asked["version"], data, errors)


def wanted(view: PromptView, outcome: str) -> bool:
    """Whether this answer takes more than a press."""
    return _takes_form(view, outcome) or bool(_outcome(view, outcome).get("needs_reason"))


def fits(view: PromptView) -> bool:
    """Whether a dialog can hold the prompt's form."""
    return inputs.fit(filling.fields_of(view))


def opened(view: PromptView, asked: dict[str, Any]) -> dict[str, Any]:
    """The dialog for one of a prompt's outcomes, as it opens."""
    fields = filling.fields_of(view) if _takes_form(view, asked["outcome"]) else []
    return _dialog(view, asked, fields, MultiValueDict())


def again(view: PromptView, sent: Sent, answer: Answer) -> dict[str, Any] | None:
    """What Slack is answered to show an edit once more, unless these very changes were shown before."""
    if not answer.wants_review(view) or sent.asked.get("seen") == _digest(answer.data):
        return None
    asked = sent.asked | {"seen": _digest(answer.data)}
    fields = schema_form.filled(filling.fields_of(view), sent.typed(view))
    made = _dialog(view, asked, fields, MultiValueDict({"reason": [sent.reasoning]}), changes(view.data, answer.data))
    if len(made["blocks"]) > _MOST_BLOCKS:
        return {"response_action": "errors", "errors": {_REASON: "So many changes do not fit here. Open the page."}}
    return {"response_action": "update", "view": made}


def refused(view: PromptView | None, sent: Sent, error: Exception) -> dict[str, Any]:
    """What Slack is answered when nothing was decided: what is wrong, at its input, or beneath all of them."""
    found: dict[str, str] = {}
    rest = [str(error)]
    if isinstance(error, InvalidDecision):
        rest = [one["msg"] for one in error.errors if not one["field"].startswith(filling.ROOT)]
        if view is not None and _takes_form(view, sent.asked["outcome"]):
            errors = filling.placed(error.errors)
            known = filling.fields_of(view)
            shown = inputs.inputs(schema_form.filled(known, sent.typed(view), errors))
            found = {one.block_id: one.field.error for one in shown if one.field.error}
            rest += schema_form.unplaced(known, errors)
        else:
            rest = [one["msg"] for one in error.errors]
    if rest:
        found[_REASON] = "; ".join(rest)
    cut = {block: text if len(text) <= _ERROR else f"{text[: _ERROR - 1]}…" for block, text in found.items()}
    return {"response_action": "errors", "errors": cut}


def _takes_form(view: PromptView, outcome: str) -> bool:
    return outcome in filling.sends(view)


def _outcome(view: PromptView, value: str) -> dict[str, Any]:
    return next((one for one in question.outcomes(view) if one["value"] == value), {})


def _dialog(
    view: PromptView,
    asked: dict[str, Any],
    fields: Sequence[Field],
    given: MultiValueDict[str, str],
    changed: Sequence[Change] = (),
) -> dict[str, Any]:
    outcome = _outcome(view, asked["outcome"])
    label = str(outcome["label"])[:_LABEL]
    return {
        "type": "modal",
        "callback_id": ANSWER,
        "private_metadata": json.dumps(asked),
        "title": plain("Check your changes" if changed else label),
        "submit": plain(label),
        "close": plain("Back"),
        "blocks": [
            *_about(view, changed),
            *(one.block() for one in inputs.inputs(fields)),
            *_reason(outcome, given.get("reason", "")),
        ],
    }


def _about(view: PromptView, changed: Sequence[Change]) -> list[dict[str, Any]]:
    said = [question.sentence(view)]
    if changed:
        said += ["This is what you change. Send it once more, and it runs so.", *map(_change, changed)]
    elif view.type == PromptType.EDIT:
        said.append("You may change it. What runs is what stands here, and you see your changes once more first.")
    return [
        {"type": "section", "text": plain(text[at : at + _LONGEST])}
        for text in said
        for at in range(0, len(text), _LONGEST)
    ]


def _change(one: Change) -> str:
    return f"{one.label}: {one.before or 'nothing'} → {one.after or 'nothing'}"


def _reason(outcome: dict[str, Any], reasoning: str) -> list[dict[str, Any]]:
    """The reason: for what turns it down with some to choose from."""
    presets = REASONS if outcome["value"] in NEGATIVE else ()
    text: dict[str, Any] = {"type": "plain_text_input", "action_id": "text", "multiline": True, "max_length": _LONGEST}
    words: dict[str, Any] = {
        "type": "input",
        "block_id": _REASON,
        "optional": bool(presets) or not outcome["needs_reason"],
        "label": plain("In your words" if presets else "Reason" if outcome["needs_reason"] else "Note"),
        "element": text | ({"initial_value": reasoning} if reasoning else {}),
    }
    choose = {"type": "static_select", "action_id": "choice", "placeholder": plain("Choose one, or write your own")}
    choice = {
        "type": "input",
        "block_id": _PRESET,
        "optional": True,
        "label": plain("Reason"),
        "element": choose | {"options": options_of((one, one) for one in presets)},
    }
    return [choice, words] if presets else [words]


def _digest(data: Any) -> str:
    """What tells whether the changes that were shown are those that were sent."""
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:32]
