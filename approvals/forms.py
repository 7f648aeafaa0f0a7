"""What the browser posts to decide a prompt: the outcome, the reason, and the fields of the prompt's own form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django import forms
from django.http import QueryDict

from approvals.policies import answers, summary
from approvals.policies.answers import LONGEST_REASON
from approvals.policies.changes import Hidden, unmasked
from approvals.queries import PromptView
from approvals.states import NEGATIVE, REJECTIONS, InvalidDecision, PromptType, Risk
from flowapp.http import schema_form
from flowapp.http.schema_form import ABSENT, Field

ROOT = "data"
FILLED = "filled"  # says that the fields were on the page: unchecked boxes alone post nothing
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
            self.add_error("reasoning", "Say why, so that the requester knows what to change.")
        return cleaned

    def found(self) -> list[dict[str, str]]:
        """What is wrong with the form, as deciding itself would say it."""
        return [{"field": field, "msg": str(message)} for field, found in self.errors.items() for message in found]


@dataclass(frozen=True, slots=True)
class Answer:
    """What was posted, read as far as it can be; `errors` holds {"field", "msg"} for the rest."""

    outcome: str
    reasoning: str
    version: int | None
    data: Any
    errors: list[dict[str, str]]

    def check(self, view: PromptView) -> None:
        """Raise InvalidDecision for everything that is wrong, read or not, each place once."""
        places = {error["field"] for error in self.errors}
        try:
            answers.fit(_question(view), outcome=self.outcome, reasoning=self.reasoning, data=self.data)
        except InvalidDecision as wrong:
            more = [error for error in wrong.errors if error["field"] not in places]
            raise InvalidDecision([*self.errors, *more]) from None
        if self.errors:
            raise InvalidDecision(self.errors)

    def wants_review(self, view: PromptView) -> bool:
        """Whether it is shown once more before it counts: what was edited, and what is of high risk."""
        if view.schema is None or self.outcome in NEGATIVE:
            return False
        return view.risk == Risk.HIGH or (view.type == PromptType.EDIT and self.data != view.data)


def fields_of(view: PromptView) -> list[Field]:
    """The fields in which the prompt's data is given; none for a prompt that takes none."""
    if view.schema is None:
        return []
    given = summary.masked(view.data) if view.type == PromptType.EDIT else ABSENT
    known = schema_form.fields(view.schema, root=ROOT, given=given)
    if view.type == PromptType.CHOICE:
        single = known[0].kind == "radios"
        return [replace(known[0], label="Choose one" if single else "Choose one or several")]
    return known


def answer(view: PromptView, posted: QueryDict) -> Answer:
    """What was posted for this prompt."""
    form = DecideForm(posted)
    errors = [] if form.is_valid() else form.found()
    given = form.cleaned_data
    outcome = given.get("outcome", "")
    data, wrong = (None, []) if outcome in NEGATIVE else _data(view, posted)
    return Answer(outcome, given.get("reasoning", ""), given.get("version"), data, [*errors, *wrong])


def placed(errors: Sequence[dict[str, str]]) -> list[dict[str, Any]]:
    """The errors of the data as the form's fields place them."""
    within = [(error["field"].split("."), error["msg"]) for error in errors]
    return [{"loc": path[1:], "msg": message} for path, message in within if path[0] == ROOT]


def _data(view: PromptView, posted: QueryDict) -> tuple[Any, list[dict[str, str]]]:
    if view.schema is None or FILLED not in posted:
        return None, []
    reading = schema_form.read(fields_of(view), posted)
    errors = [_error(error["loc"], error["msg"]) for error in reading.errors]
    if view.type != PromptType.EDIT:
        return reading.data, errors
    try:
        return unmasked(reading.data, view.data), errors
    except Hidden as hidden:
        return reading.data, [*errors, _error(hidden.path, str(hidden))]


def _error(path: Sequence[Any], message: str) -> dict[str, str]:
    return {"field": ".".join([ROOT, *map(str, path)]), "msg": message}


def _question(view: PromptView) -> answers.Question:
    return answers.Question(
        type=view.type,
        outcomes=view.outcomes,
        schema=view.schema,
        payload=view.data,
        require_reason=bool(view.options.get("require_reason")),
    )
