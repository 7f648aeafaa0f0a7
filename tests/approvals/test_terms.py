"""A decision is bound to the terms it had to keep to and to the buttons it was given by, beside what is decided on."""

from typing import Any

import pytest

from approvals.actions import keys
from approvals.models import Prompt
from approvals.policies import binding
from flowapp.tenancy.actors import SYSTEM
from tests import factories
from tests.approvals.making import ask, decide, pending
from tests.approvals.test_rules import EARLIER

TWO: dict[str, Any] = {"assign": ["role:manager", "role:owner"], "quorum": 2}
FEWER = [{"assign": ["role:manager", "role:owner"], "quorum": 1}]
OUTCOMES = [{"value": "approve", "label": "Approve", "effect": "", "tone": "primary", "needs_reason": False}]


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ({"risk": "high"}, {"risk": "low"}),
        ({"step_up": True}, {"options": {"step_up": False}}),
        ({"four_eyes": True}, {"options": {"four_eyes": False}}),
        ({"require_reason": True}, {"options": {"require_reason": None}}),
        ({"different_from": [EARLIER]}, {"options": {"excluded": []}}),
        (TWO, {"options": {"stages": FEWER}}),
        ({**TWO, "reject_ends": False}, {"options": {"reject_ends": True, "stages": FEWER}}),
        ({"outcomes": ["approve"]}, {"outcomes": [{**OUTCOMES[0], "label": "Refuse"}]}),
        ({"outcomes": ["approve"]}, {"outcomes": [{**OUTCOMES[0], "effect": "Nothing is paid."}]}),
        ({"outcomes": ["approve"]}, {"outcomes": [{**OUTCOMES[0], "tone": "danger"}]}),
        ({"timeout": "1h", "on_timeout": "deny"}, {"on_timeout": "approve"}),
    ],
)
def test_what_a_decision_must_keep_to_is_bound_too(dispatcher, cast, asked, shown):
    """Somebody with the database's password makes it easier to decide, or shows another button."""
    run, prompt = ask(by=factories.actor(cast.bo) if asked.get("four_eyes") else SYSTEM, **asked)
    options = {**prompt.options, **shown.get("options", {})}
    Prompt.objects.filter(pk=prompt.pk).update(**{**shown, "options": options})
    decide(prompt, cast.bo)
    assert (run.status, pending(run).version) == ("waiting", 2)
    assert "does not count" in pending(run).options["notes"][0]


def opened_before(prompt):
    """The prompt as it was opened when its digest was of the content alone."""
    content = binding.content(
        type=prompt.type,
        title=prompt.title,
        message=prompt.message,
        data=prompt.data,
        outcomes=prompt.outcome_values,
        schema=None,
    )
    prompt.payload_digest = keys.digest(prompt.workspace_id, prompt.run_id, prompt.name, content)
    prompt.save(update_fields=["payload_digest"])


def test_a_prompt_from_before_its_terms_were_bound_is_decided_as_it_was_opened(dispatcher, cast):
    run, prompt = ask()
    opened_before(prompt)
    decide(prompt, cast.bo)
    assert (run.status, run.output["outcome"]) == ("completed", "approve")


def test_but_not_with_other_content(dispatcher, cast):
    run, prompt = ask()
    opened_before(prompt)
    Prompt.objects.filter(pk=prompt.pk).update(title="Lunch")
    decide(prompt, cast.bo)
    assert (run.status, pending(run).version) == ("waiting", 2)
