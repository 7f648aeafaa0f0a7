"""What the browser posts to decide a prompt."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from approvals.policies.answers import LONGEST_REASON
from approvals.states import REJECTIONS, InvalidDecision


class DecideForm(forms.Form):
    """An answer. In the browser a rejection always says why; `actions.decide` judges everything else."""

    outcome = forms.CharField(max_length=64)
    reasoning = forms.CharField(required=False, max_length=LONGEST_REASON)
    version = forms.IntegerField(required=False)
    answer = forms.CharField(required=False, strip=False)

    def clean_answer(self) -> Any:
        """The decision's data, sent as JSON; nothing at all for a prompt that takes none."""
        text = self.cleaned_data["answer"]
        if not text:
            return None
        try:
            return json.loads(text)
        except ValueError:
            raise ValidationError("this is not JSON") from None

    def clean(self) -> dict[str, Any]:
        """A rejection needs a reason, so that the requester learns something from it."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("outcome") in REJECTIONS and not cleaned.get("reasoning", "").strip():
            self.add_error("reasoning", "Say why, so that the requester knows what to change.")
        return cleaned

    def refusal(self) -> InvalidDecision:
        """What is wrong with the form, as deciding itself would say it."""
        return InvalidDecision(
            [{"field": field, "msg": str(message)} for field, found in self.errors.items() for message in found]
        )
