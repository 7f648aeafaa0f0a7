"""Answers recorded before answers were bound: a run says so, and only what the audit log vouches for is ever bound."""

from contextlib import contextmanager

import pytest
from django.db import connection

from approvals.actions import older_answers
from approvals.models import Decision, Prompt
from flowapp.audit import guards, sealer, verifier
from flowapp.audit.models import AuditEntry
from flowapp.engine import codec, outcomes
from flowapp.engine.models import Checkpoint
from flowapp.tenancy.actors import SYSTEM
from tests.approvals import flows
from tests.approvals.making import EXPENSE, ask, decide, pending


@pytest.fixture
def older(dispatcher, cast):
    """A run of `asks-twice` that waits for its second answer, the first as an older version would have left it."""
    run = flows.asks_twice.start(EXPENSE)
    decide(pending(run), cast.bo)
    stored = recorded(run)
    stored.pop("answer_digest")
    rewrite(run, stored)
    Decision.objects.update(answer_digest="")
    entry = AuditEntry.objects.get(verb="prompt.decided")
    entry.after.pop("answer")
    with unguarded():
        entry.save()
    sealer.seal_all()
    return run


@contextmanager
def unguarded():
    """The log without the triggers that refuse changes to it."""
    guards.lift(connection)
    yield
    guards.install(connection)


def recorded(run):
    return codec.plain(Checkpoint.objects.get(run_id=run.id, name="first").output)


def rewrite(run, stored):
    Checkpoint.objects.filter(run_id=run.id, name="first").update(output=codec.encode(stored))


def bind():
    return [(one.step, one.outcome, one.why_not) for one in older_answers.bind(by=SYSTEM)]


def test_one_that_can_be_bound_is_and_the_run_goes_on(older, cast):
    decide(pending(older), cast.ana)
    assert older.status == "needs_attention"
    assert "flowapp audit bind" in older.error["message"]
    assert [one.why_not for one in older_answers.look()] == [""]
    assert "answer_digest" not in recorded(older)
    assert bind() == [("first#1", "approve", "")]
    assert AuditEntry.objects.get(verb="prompt.answer-bound").after["outcome"] == "approve"
    older.retry()
    assert (older.status, older.output) == ("completed", "bo@example.com then ana@example.com")
    assert older_answers.look() == []
    assert Decision.objects.get(prompt__name="first").answer_digest == recorded(older)["answer_digest"]


def test_they_are_found_in_one_query(older, cast, django_assert_num_queries):
    for _ in range(2):
        _, another = ask(assign="role:manager")
        decide(another, cast.bo)
    with django_assert_num_queries(1):
        records = list(outcomes.of_kind("prompt"))
    assert len(records) == 3
    assert {one.runs for one in records} >= {(older.id,)}


def test_the_log_is_verified_before_anything_is_locked(older, monkeypatch):
    inside = []

    def verify(workspace_id):
        inside.append(connection.in_atomic_block)
        return verified(workspace_id)

    verified = verifier.verify
    monkeypatch.setattr(verifier, "verify", verify)
    assert bind() == [("first#1", "approve", "")]
    assert inside == [False]


@pytest.mark.parametrize(
    ("forged", "why_not"),
    [
        ({"outcome": "deny"}, "is not the answer that was kept"),
        ({"actor": {"kind": "person", "id": "eve@example.com", "label": "Eve"}}, "is not the answer that was kept"),
        ({"payload_digest": "0" * 64}, "is not the answer that was kept"),
    ],
)
def test_a_record_that_was_changed_is_not_bound(older, cast, forged, why_not):
    rewrite(older, recorded(older) | forged)
    decide(pending(older), cast.ana)
    [(_, _, said)] = bind()
    assert why_not in said
    older.retry()
    assert older.status == "needs_attention"


def test_a_decision_that_was_changed_with_it_is_not_bound(older, cast):
    Decision.objects.filter(prompt__name="first").update(outcome="deny")
    rewrite(older, recorded(older) | {"outcome": "deny"})
    [(_, _, why_not)] = bind()
    assert "the audit log does not hold it" in why_not


def test_what_was_logged_after_the_first_bound_answer_is_not_bound(older, cast):
    """Whoever can write to the database can add to the log as well, but only at its end."""
    prompt = Prompt.objects.get(name="first")
    Decision.objects.filter(prompt=prompt).update(outcome="deny")
    rewrite(older, recorded(older) | {"outcome": "deny"})
    _, another = ask(assign="role:manager")
    decide(another, cast.bo)
    true = AuditEntry.objects.get(verb="prompt.decided", target=f"prompt:{prompt.pk}")
    AuditEntry.objects.create(
        actor_kind="person",
        actor_id="bo@example.com",
        actor_label="Bo",
        verb=true.verb,
        target=true.target,
        after={**(true.after or {}), "outcome": "deny"},
    )
    sealer.seal_all()
    [(_, _, why_not)] = bind()
    assert "from before the first bound answer" in why_not


def test_a_broken_log_vouches_for_nothing(older, cast):
    with unguarded():
        AuditEntry.objects.filter(verb="prompt.decided").update(reason="changed")
    [(_, _, why_not)] = bind()
    assert "the audit log is not whole" in why_not


def test_a_bound_answer_whose_binding_was_taken_away_is_not_bound_again(dispatcher, cast):
    run = flows.asks_twice.start(EXPENSE)
    decide(pending(run), cast.bo)
    Decision.objects.filter(prompt__name="first").update(answer_digest="", outcome="deny")
    rewrite(run, recorded(run) | {"answer_digest": "", "outcome": "deny"})
    sealer.seal_all()
    assert [bool(why_not) for *_, why_not in bind()] == [True]
    decide(pending(run), cast.ana)
    run.retry()
    assert run.status == "needs_attention"
