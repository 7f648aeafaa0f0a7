"""What the browser posts to decide a prompt: the outcome, the reason, and the fields of the prompt's own form."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.http import QueryDict

from approvals.actions import filling
from approvals.actions.filling import Answer
from approvals.policies.answers import LONGEST_REASON, SAY_WHY
from approvals.queries import PromptView
from approvals.states import NEGATIVE, REJECTIONS

FILLED: Final = "filled"  # says that the fields were on the page: unchecked boxes alone post nothing
CONFIRMED, BACK = "confirmed", "back"  # the buttons of the step between filling in and deciding


class DecideForm(forms.Form):
    """An answer. In the browser a rejection always says why; `actions.decide` judges everything else."""

    outcome = forms.CharField(max_length=64)
    reasoning = forms.CharField(required=False, max_length=LONGEST_REASON)
    version = forms.IntegerField(required=False)

    def clean(self) -> dict[str, Any]:
        """A rejection needs a reason, so that the requester learns something from it."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("outcome") in REJECTIONS and not cleaned.get("reasoning", "").strip():
            self.add_error("reasoning", SAY_WHY)
        return cleaned

    def found(self) -> list[dict[str, str]]:
        """What is wrong with the form, as deciding itself would say it."""
        return [{"field": field, "msg": str(message)} for field, found in self.errors.items() for message in found]


def answer(view: PromptView, posted: QueryDict) -> Answer:
    """What was posted for this prompt."""
    form = DecideForm(posted)
    errors = [] if form.is_valid() else form.found()
    given = form.cleaned_data
    outcome = given.get("outcome", "")
    reads = view.schema is not None and FILLED in posted and outcome not in NEGATIVE
    data, wrong = filling.read(view, posted) if reads else (None, [])
    return Answer(outcome, given.get("reasoning", ""), given.get("version"), data, [*errors, *wrong])
