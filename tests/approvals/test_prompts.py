"""The verb: what a workflow may ask, what it gets back, and what stops it."""

from decimal import Decimal

import pytest

from approvals.models import Assignment, Decision, Prompt
from flowapp.audit.models import AuditEntry
from flowapp.dispatch.immediate import ImmediateDispatcher
from flowapp.engine import clock, codec, runs
from flowapp.engine.models import Checkpoint
from tests import factories
from tests.approvals import flows
from tests.approvals.making import EXPENSE, ask, decide, pending


def test_a_decision_reaches_the_run(dispatcher, cast):
    run, prompt = ask(title="Pay for the conference?")
    assert run.status == "waiting"
    assert [(wait.kind, wait.detail["prompt_id"], wait.detail["assignees"]) for wait in run.waiting_on] == [
        ("prompt", str(prompt.pk), ["user:bo@example.com"])
    ]
    assert (prompt.title, prompt.amount, prompt.version, prompt.data) == (
        "Pay for the conference?",
        "600.00",
        1,
        {"employee": "Ana Ruiz", "amount": "600.00"},
    )
    decide(prompt, cast.bo, "deny", reasoning="too dear")
    assert (run.status, run.error) == ("completed", None)
    assert run.output == {
        "outcome": "deny",
        "reasoning": "too dear",
        "data": None,
        "type": "NoneType",
        "by": "bo@example.com",
        "channel": "web",
        "timed_out": False,
    }


def test_every_change_is_in_the_audit(dispatcher, cast):
    _, prompt = ask()
    decide(prompt, cast.bo)
    entries = AuditEntry.objects.filter(target=f"prompt:{prompt.pk}").order_by("id")
    assert [(entry.verb, entry.actor_label) for entry in entries] == [
        ("prompt.opened", "Flowapp"),
        ("prompt.decided", "Bo"),
    ]


@pytest.mark.parametrize(
    ("options", "answer", "type", "data"),
    [
        ({"type": "confirm"}, {"outcome": "yes"}, "NoneType", None),
        ({"type": "choice", "choices": ["a", "b"]}, {"outcome": "submit", "data": ["b", "a"]}, "list", ["b", "a"]),
        (
            {"type": "choice", "choices": ["a", "b"], "multiple": False},
            {"outcome": "submit", "data": "b"},
            "list",
            ["b"],
        ),
        (
            {"type": "form", "form": flows.Address},
            {"outcome": "submit", "data": {"street": "Main St", "zip": "12345"}},
            "Address",
            {"street": "Main St", "zip": "12345"},
        ),
        ({"type": "form", "form": {"type": "object"}}, {"outcome": "submit", "data": {"x": 1}}, "dict", {"x": 1}),
        (
            {"type": "edit"},
            {"data": {"employee": "Ana Ruiz", "amount": "420.00"}},
            "Expense",
            {"employee": "Ana Ruiz", "amount": "420.00"},
        ),
        ({"type": "edit"}, {}, "Expense", {"employee": "Ana Ruiz", "amount": "600.00"}),
        ({"outcomes": ["ship", "hold"]}, {"outcome": "hold"}, "NoneType", None),
    ],
)
def test_types_come_back_typed(dispatcher, cast, options, answer, type, data):
    run, prompt = ask(**options)
    decide(prompt, cast.bo, **answer)
    assert (run.status, run.error) == ("completed", None)
    assert (run.output["type"], run.output["data"]) == (type, data)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"assign": []}, "assign is empty"),
        ({"assign": "user:nobody@example.com"}, "user:nobody@example.com, which does not exist"),
        ({"assign": ["user:bo@example.com", "group:nowhere"]}, "group:nowhere, which does not exist"),
        ({"assign": "agent:atlas"}, "agent:atlas, which does not exist"),
        ({"assign": "role:admin"}, "nobody has that role"),
        ({"assign": "bo"}, "'bo' is not user:EMAIL"),
        ({"timeout": "1h", "escalate": [("10m", "group:nowhere")]}, "group:nowhere, which does not exist"),
    ],
)
def test_nobody_to_ask_needs_attention_at_once(dispatcher, options, message):
    from flowapp.tenancy.actors import SYSTEM

    flows.OPTIONS.clear()
    flows.OPTIONS.update(options)
    run = runs.start("asks", EXPENSE, by=SYSTEM)
    assert run.status == "needs_attention"
    assert message in run.error["message"]
    assert not Prompt.objects.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"type": "poll"}, "type 'poll' is none of confirm"),
        ({"risk": "huge"}, "risk 'huge' is none of low"),
        ({"timeout": "soon"}, "timeout: 'soon' is not a duration"),
        ({"on_timeout": "deny"}, "needs a timeout"),
        ({"timeout": "1h", "on_timeout": "maybe"}, "none of its outcomes approve, deny"),
        ({"outcomes": []}, "at least one outcome"),
        ({"outcomes": {"go": {"colour": "red"}}}, "has no colour"),
        ({"escalate": [("2h", "role:owner"), ("1h", "role:owner")]}, "each duration must be longer"),
        ({"type": "form"}, "needs form="),
        ({"type": "form", "form": {"type": "nonsense"}}, "its JSON Schema is not valid"),
        ({"type": "form", "form": {"$ref": "https://example.com/x.json"}}, "it leads nowhere within the schema"),
        ({"type": "form", "form": {"items": [{"$ref": "#/$defs/Nothing"}]}}, "its JSON Schema is not valid"),
        ({"type": "choice"}, "needs choices="),
    ],
)
def test_a_question_that_cannot_work_fails_the_run(dispatcher, options, message):
    from flowapp.tenancy.actors import SYSTEM

    flows.OPTIONS.clear()
    flows.OPTIONS.update(options)
    run = runs.start("asks", EXPENSE, by=SYSTEM)
    assert (run.status, run.error["type"]) == ("failed", "BadDefinition")
    assert message in run.error["message"]


def test_a_second_decision_by_somebody_else(dispatcher, cast):
    from approvals.states import NotEligible

    run = flows.asks_twice.start(EXPENSE)
    decide(pending(run), cast.bo)
    with pytest.raises(NotEligible, match="decided by somebody else"):
        decide(pending(run), cast.bo)
    decide(pending(run), cast.ana)
    assert run.output == "bo@example.com then ana@example.com"


def test_every_await_may_drop_the_body(cast):
    with ImmediateDispatcher(always_suspend=True).installed():
        run = flows.asks_twice.start(EXPENSE)
        decide(pending(run), cast.bo)
        decide(pending(run), cast.ana)
        assert run.output == "bo@example.com then ana@example.com"


def test_a_workflow_that_gives_up_takes_its_prompt_back(dispatcher, cast):
    run = flows.gives_up.start()
    prompt = pending(run)
    clock.shift("61m")
    dispatcher.sweep()
    prompt.refresh_from_db()
    assert (run.output, prompt.status) == ("gave up", "cancelled")


def test_somebody_to_ask_is_found_on_retry(dispatcher, cast):
    from flowapp.tenancy.actors import SYSTEM

    flows.OPTIONS.clear()
    flows.OPTIONS.update(assign="group:board")
    run = runs.start("asks", EXPENSE, by=SYSTEM)
    assert run.status == "needs_attention"
    factories.group("board", cast.ana)
    run.retry()
    decide(pending(run), cast.ana)
    assert run.output["by"] == "ana@example.com"


def test_a_cancelled_run_takes_its_prompt_with_it(dispatcher, cast):
    run, prompt = ask()
    run.cancel()
    prompt.refresh_from_db()
    assert (prompt.status, prompt.closed_at is not None) == ("cancelled", True)
    assert not Assignment.objects.filter(active=True).exists()
    assert AuditEntry.objects.filter(verb="prompt.cancelled", target=f"prompt:{prompt.pk}").count() == 1


def test_a_payload_changed_behind_the_runs_back_is_asked_anew(dispatcher, cast):
    run, prompt = ask()
    Prompt.objects.filter(pk=prompt.pk).update(payload=codec.encode({"employee": "Ana Ruiz", "amount": "6000.00"}))
    decide(prompt, cast.bo)
    again = pending(run)
    assert (run.status, again.pk != prompt.pk, again.version, again.data["amount"]) == ("waiting", True, 2, "600.00")
    assert "does not count" in again.options["notes"][0]
    decide(again, cast.bo, "deny", reasoning="no")
    assert (run.status, run.output["outcome"]) == ("completed", "deny")


def test_it_is_asked_anew_while_the_run_does_something_else(dispatcher, cast):
    """The run is held all the while, so that nothing of it is claimed anew."""
    run = flows.asks_beside.start(EXPENSE)
    decide(pending(run), cast.bo)
    assert (run.status, run.output, run.error) == ("completed", "approve", None)
    assert list(Prompt.objects.order_by("version").values_list("version", "status")) == [(1, "decided"), (2, "decided")]


def test_what_follows_a_decision_is_not_asked_anew(dispatcher, cast):
    run = flows.asks_twice.start(EXPENSE)
    decide(pending(run), cast.bo)
    recorded = Checkpoint.objects.get(run_id=run.id, name="first")
    recorded.output = codec.encode({**codec.plain(recorded.output), "outcome": "deny"})
    Checkpoint.objects.filter(run_id=run.id, name="first").update(output=recorded.output)
    decide(pending(run), cast.ana)
    assert run.status == "needs_attention"
    assert "the decision does not count" in run.error["message"]


@pytest.mark.parametrize(
    ("asked", "given", "change"),
    [
        ({"type": "edit"}, {"data": {"employee": "A", "amount": "1.00"}}, {"data": {"employee": "A", "amount": "9"}}),
        ({}, {"outcome": "deny"}, {"outcome": "approve"}),
        ({"type": "choice", "choices": ["a", "b"]}, {"outcome": "submit", "data": ["a"]}, {"data": ["b"]}),
        ({}, {}, {"answer_digest": ""}),
        ({}, {}, {"answer_digest": None}),
    ],
)
def test_what_was_answered_is_bound_too(dispatcher, cast, monkeypatch, asked, given, change):
    """The answer changes on its way to the run: between the decision's commit and the run's next claim."""
    handed_over = runs.resolve_wait
    run, prompt = ask(**asked)
    monkeypatch.setattr(runs, "resolve_wait", lambda id, key, answer: handed_over(id, key, answer | change))
    decide(prompt, cast.bo, **given)
    assert (run.status, pending(run).version) == ("waiting", 2)
    monkeypatch.undo()
    decide(pending(run), cast.bo, **given)
    assert run.status == "completed"


def test_an_answer_counts_at_its_own_place_only(dispatcher, cast, monkeypatch):
    """The approval of the first of two equal questions is no approval of the second."""
    handed_over, answers = runs.resolve_wait, []

    def the_first_again(id, key, answer):
        answers.append(answer)
        return handed_over(id, key, answers[0])

    monkeypatch.setattr(runs, "resolve_wait", the_first_again)
    run = flows.asks_again.start(EXPENSE)
    decide(pending(run), cast.bo)
    decide(pending(run), cast.bo, "deny")
    assert (run.status, pending(run).step_key) == ("waiting", "review#2")


def test_the_log_says_what_was_answered(dispatcher, cast):
    _, prompt = ask(type="edit")
    decision = decide(prompt, cast.bo, data={"employee": "A", "amount": "1.00"})
    entry = AuditEntry.objects.get(verb="prompt.decided")
    assert (len(decision.answer_digest), entry.after["answer"]) == (64, decision.answer_digest)
    assert decision.answer_digest != decision.payload_digest


def test_a_payload_that_the_code_changed_is_asked_anew(dispatcher, cast):
    run, prompt = ask(title="Pay 600?")
    flows.OPTIONS["title"] = "Pay 600, in two parts?"
    decide(prompt, cast.bo)
    again = pending(run)
    assert (run.status, again.pk != prompt.pk, again.title, again.version) == (
        "waiting",
        True,
        "Pay 600, in two parts?",
        2,
    )
    decide(again, cast.bo)
    assert run.status == "completed"


def test_a_prompt_ends_in_one_decision_whatever_writes_it(dispatcher, cast):
    from django.db import IntegrityError, transaction

    _, prompt = ask()
    decision = decide(prompt, cast.bo)
    with pytest.raises(IntegrityError), transaction.atomic():
        Decision.objects.create(
            prompt=prompt, outcome="deny", actor={}, at=decision.at, channel="web", payload_digest=""
        )


def test_the_requester_is_kept(dispatcher, cast):
    _, prompt = ask(by=factories.actor(cast.cleo))
    assert (prompt.requester["label"], prompt.requester["member_id"]) == ("Cleo", str(cast.cleo.pk))


def test_decimals_are_not_rounded(dispatcher, cast):
    assert isinstance(EXPENSE.amount, Decimal)
    _, prompt = ask()
    assert prompt.data["amount"] == "600.00"
