"""The form of a prompt that takes data: its fields, and an answer as it was filled in, for every channel that shows it.

What a channel got is texts by the fields' names, as a browser posts them; a dialog in Slack is read into the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from django.utils.datastructures import MultiValueDict

from approvals.policies import answers, summary
from approvals.policies.changes import Hidden, unmasked
from approvals.queries import PromptView
from approvals.states import NEGATIVE, InvalidDecision, PromptType, Risk
from flowapp.http import schema_form
from flowapp.http.schema_form import ABSENT, Field

ROOT: Final = "data"
NO_VERSION: Final = 0  # an answer that cannot be read must not count, whatever has changed in the meantime


@dataclass(frozen=True, slots=True)
class Answer:
    """What was given, read as far as it can be; `errors` holds {"field", "msg"} for the rest."""

    outcome: str
    reasoning: str
    version: int | None
    data: Any
    errors: list[dict[str, str]]

    @property
    def counts_on(self) -> int | None:
        """The version that this answer may count on: none at all when not all of it could be read."""
        return NO_VERSION if self.errors else self.version

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


def sends(view: PromptView) -> list[str]:
    """The outcomes that send the form along; turning something down needs none."""
    return [one["value"] for one in view.outcomes if view.schema is not None and one["value"] not in NEGATIVE]


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


def read(view: PromptView, typed: MultiValueDict[str, str]) -> tuple[Any, list[dict[str, str]]]:
    """The data that was filled in, and what is wrong with it as {"field", "msg"}."""
    reading = schema_form.read(fields_of(view), typed)
    errors = [_error(error["loc"], error["msg"]) for error in reading.errors]
    if view.type != PromptType.EDIT:
        return reading.data, errors
    try:
        return unmasked(reading.data, view.data), errors
    except Hidden as hidden:
        return reading.data, [*errors, _error(hidden.path, str(hidden))]


def placed(errors: Sequence[dict[str, str]]) -> list[dict[str, Any]]:
    """The errors of the data as the form's fields place them."""
    within = [(error["field"].split("."), error["msg"]) for error in errors]
    return [{"loc": path[1:], "msg": message} for path, message in within if path[0] == ROOT]


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
