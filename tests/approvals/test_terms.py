"""A decision is bound to the terms it had to keep to and to the buttons it was given by, beside what is decided on."""

from typing import Any

import pytest

from approvals.actions import closing, keys
from approvals.models import Prompt
from approvals.policies import binding, shortcuts
from flowapp.engine import codec
from flowapp.engine.models import Checkpoint
from flowapp.tenancy.actors import SYSTEM
from tests import factories
from tests.approvals import flows
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


OTHER_TERMS: list[dict[str, Any]] = [
    {"outcomes": {"approve": {"label": "Pay it", "effect": "It is paid.", "tone": "danger"}, "deny": "Do not"}},
    {"outcomes": {"approve": {"needs_reason": True}, "deny": ""}},
    {"risk": "medium", "require_reason": True, "four_eyes": True, "step_up": True},
    {"quorum": 2, "reject_ends": False},
    {"timeout": "1h", "on_timeout": "deny"},
    {"different_from": [EARLIER]},
]


def asked_on_terms():
    flows.OPTIONS.clear()
    return flows.asks_on_terms.start()


@pytest.mark.parametrize("passed", [False, True], ids=["open", "passed"])
@pytest.mark.parametrize("others", OTHER_TERMS)
def test_code_that_asks_on_other_terms_is_for_later_prompts(dispatcher, cast, others, passed):
    """A label, a risk or a quorum that a deploy changes neither stops a run nor takes an answer away."""
    run = asked_on_terms()
    if passed:
        decide(pending(run), cast.bo)
    flows.OPTIONS.update(others)
    if not passed:
        decide(pending(run), cast.bo)
    for _ in range(2):
        assert (run.status, pending(run).name, pending(run).version) == ("waiting", "again", 1)
        decide(pending(run), cast.ana)
    assert (run.status, run.output) == ("completed", "approve")


@pytest.mark.parametrize("passed", [False, True], ids=["open", "passed"])
def test_so_is_what_the_product_calls_an_answer(dispatcher, cast, monkeypatch, passed):
    run = asked_on_terms()
    if passed:
        decide(pending(run), cast.bo)
    monkeypatch.setattr(shortcuts, "plain", lambda value: f"Say {value}")
    decide(pending(run), cast.ana if passed else cast.bo)
    assert (run.status, pending(run).name) == ("waiting", "again")


def test_other_content_still_stops_a_run_that_went_on(dispatcher, cast):
    run = asked_on_terms()
    decide(pending(run), cast.bo)
    flows.OPTIONS.update(title="Pay twice?")
    decide(pending(run), cast.ana)
    assert run.status == "needs_attention"


def test_the_digest_of_a_changed_row_opens_nothing(dispatcher, cast):
    """An answer on other terms was logged with a digest; put in the row with those terms, it does not count either."""
    run, prompt = ask(risk="high")
    Prompt.objects.filter(pk=prompt.pk).update(risk="low")
    changed = decide(prompt, cast.bo).payload_digest
    again = pending(run)
    assert (len(changed), changed != prompt.payload_digest) == (64, True)
    Prompt.objects.filter(pk=again.pk).update(risk="low", payload_digest=changed)
    decide(again, cast.bo)
    assert pending(run).version == 3


def test_the_terms_of_one_place_are_none_of_another(dispatcher, cast):
    """The same question at two places, the second on easier terms: those stay there."""
    from flowapp.engine.models import Run

    flows.OPTIONS.clear()
    run = flows.asks_on_terms.start()
    decide(pending(run), cast.bo)
    prompt = pending(run)
    easier = {"risk": "low", "outcomes": [{**one, "label": "OK"} for one in prompt.outcomes]}
    changed = Prompt.objects.get(pk=prompt.pk)
    for name, value in easier.items():
        setattr(changed, name, value)
    changed.step_key = "again#2"
    Prompt.objects.filter(pk=prompt.pk).update(**easier, payload_digest=closing.opening_digest(changed))
    decide(prompt, cast.ana)
    assert Run.objects.get(pk=run.id).status == "waiting"
    assert (pending(run).step_key, pending(run).version) == ("again#1", 2)


def test_terms_that_were_changed_on_the_way_to_the_run_do_not_count(dispatcher, cast):
    run = asked_on_terms()
    decide(pending(run), cast.bo)
    stored = Checkpoint.objects.get(run_id=run.id, name="first")
    forged = codec.plain(stored.output) | {"terms": "0" * 64}
    Checkpoint.objects.filter(run_id=run.id, name="first").update(output=codec.encode(forged))
    decide(pending(run), cast.ana)
    assert run.status == "needs_attention"


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
