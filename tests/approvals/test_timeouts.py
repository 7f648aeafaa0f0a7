"""Nobody decides: escalation level by level, then expiry, by moving the clock."""

from approvals import queries
from approvals.models import Assignment, Decision, Prompt
from approvals.states import ESCALATE
from flowapp.audit.models import AuditEntry
from flowapp.engine import clock
from flowapp.tenancy.models import Role
from tests import factories
from tests.approvals.making import ask, decide


def asked(prompt):
    rows = Assignment.objects.filter(prompt=prompt, active=True).order_by("level", "kind", "value")
    return [f"{row.level} {row}" for row in rows]


def test_expired_is_not_denied(dispatcher, cast):
    run, prompt = ask(timeout="48h")
    clock.shift("47h")
    dispatcher.sweep()
    assert run.status == "waiting"
    clock.shift("61m")
    dispatcher.sweep()
    prompt.refresh_from_db()
    assert (prompt.status, run.status, run.output) == (
        "expired",
        "completed",
        {"expired": "nobody decided the prompt 'review' in time"},
    )
    assert not Decision.objects.exists()


def test_an_outcome_for_silence_names_nobody(dispatcher, cast):
    run, prompt = ask(timeout="1h", on_timeout="deny")
    clock.shift("61m")
    dispatcher.sweep()
    prompt.refresh_from_db()
    assert prompt.status == "expired"
    output = run.output
    assert (output["outcome"], output["timed_out"], output["by"], output["channel"]) == ("deny", True, None, "timeout")
    assert Decision.objects.get().result().by is None


def test_escalates_to_the_managers_then_expires(dispatcher, cast):
    run, prompt = ask(assign="group:finance", timeout="48h", on_timeout=ESCALATE)
    clock.shift("49h")
    dispatcher.sweep()
    prompt.refresh_from_db()
    assert asked(prompt) == ["0 group:finance", "1 user:bo@example.com"]
    assert (prompt.status, prompt.level, prompt.version, prompt.pooled) == ("pending", 1, 1, False)
    assert prompt.queue_key[0] == "0"
    assert set(Assignment.objects.values_list("queue_key", flat=True)) == {prompt.queue_key}
    entry = AuditEntry.objects.get(verb="prompt.escalated")
    assert (entry.actor_kind, entry.after) == ("system", {"level": 1, "assign": ["user:bo@example.com"]})
    clock.shift("47h")
    dispatcher.sweep()
    assert run.status == "waiting"
    clock.shift("2h")
    dispatcher.sweep()
    assert "expired" in run.output


def test_the_next_level_decides(dispatcher, cast):
    run, prompt = ask(assign="group:finance", timeout="48h", on_timeout=ESCALATE)
    clock.shift("49h")
    dispatcher.sweep()
    decide(prompt, cast.bo, version=1)
    assert run.output["outcome"] == "approve"


def test_without_managers_it_goes_to_the_admins_and_where_there_is_none_to_the_owners(dispatcher, cast):
    _, prompt = ask(assign="user:ana@example.com", timeout="1h", on_timeout=ESCALATE)
    clock.shift("2h")
    dispatcher.sweep()
    assert asked(prompt) == ["0 user:ana@example.com", "1 role:admin", "1 role:owner"]
    factories.member("Ada", Role.ADMIN)
    _, another = ask(assign="user:ana@example.com", timeout="1h", on_timeout=ESCALATE)
    clock.shift("2h")
    dispatcher.sweep()
    assert asked(another) == ["0 user:ana@example.com", "1 role:admin"]


def test_a_chain_counts_from_the_opening_and_restarts_the_timeout(dispatcher, cast):
    run, prompt = ask(assign="group:finance", timeout="10h", escalate=[("4h", "role:manager"), ("6h", ["role:owner"])])
    opened = prompt.created_at
    moments = []
    for hours in ("4h", "2h", "9h"):
        clock.shift(hours)
        dispatcher.sweep()
        prompt.refresh_from_db()
        assert prompt.due_at is not None
        moments.append((prompt.level, round((prompt.due_at - opened).total_seconds() / 3600), asked(prompt)[-1]))
    assert moments == [(1, 6, "1 role:manager"), (2, 16, "2 role:owner"), (2, 16, "2 role:owner")]
    clock.shift("2h")
    dispatcher.sweep()
    assert "expired" in run.output


def test_a_level_whose_people_have_gone_goes_to_the_admins(dispatcher, cast):
    _, prompt = ask(timeout="2h", escalate=[("30m", "user:dev@example.com")])
    cast.dev.user.is_active = False
    cast.dev.user.save()
    clock.shift("31m")
    dispatcher.sweep()
    found = queries.prompt_detail(prompt.pk)
    assert found.assignees == ["user:bo@example.com", "role:admin", "role:owner"]
    gone = "user:dev@example.com does not exist here any more, or means nobody"
    assert found.warnings == [f"Escalation: {gone}, so it was put to the admins and owners."]


def test_levels_missed_while_nothing_ran_are_caught_up(dispatcher, cast):
    _, prompt = ask(assign="group:finance", timeout="10h", escalate=[("4h", "role:manager"), ("6h", "role:owner")])
    clock.shift("9h")
    dispatcher.sweep()
    dispatcher.sweep()
    assert asked(prompt) == ["0 group:finance", "1 role:manager", "2 role:owner"]


def test_a_timer_after_the_decision_does_nothing(dispatcher, cast):
    run, prompt = ask(timeout="1h", on_timeout="deny")
    decide(prompt, cast.bo)
    clock.shift("2h")
    dispatcher.sweep()
    assert (Prompt.objects.get().status, run.output["outcome"]) == ("decided", "approve")
