"""Policies: what they decide as prompts open, what they leave to people, and how they are kept."""

from dataclasses import dataclass
from decimal import Decimal

import pytest

from approvals import actions, queries, states
from approvals.actions import Draft
from approvals.models import Decision, Policy, PolicyVersion, Prompt
from approvals.policies import drafts, facts
from approvals.queries import policies as kept
from approvals.states import InvalidPolicy, NotEligible, NotNow, PolicyNotFound
from flowapp.audit.models import AuditEntry
from flowapp.engine import clock, expressions, runs
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.scope import scoped
from tests import factories
from tests.approvals import flows
from tests.approvals.making import EXPENSE, ask, decide, pending

SMALL = Draft("amount < 1000", "approve", workflow="asks")
EARLIER = states.Decision("approve", "", None, None, clock.now(), "web", voters=("somebody",))


def keep(cast, draft=SMALL, name="Small expenses", **more):
    return actions.create_policy(name=name, draft=draft, by=factories.actor(cast.ana), **more)


def start(**options):
    flows.OPTIONS.clear()
    flows.OPTIONS.update(options)
    return runs.start("asks", EXPENSE, by=SYSTEM)


def test_a_rule_decides_by_its_name_and_version(dispatcher, cast):
    policy = keep(cast)
    run = start()
    assert (run.status, run.output["outcome"], run.output["channel"]) == ("completed", "approve", "policy")
    assert run.output["by"] == "Small expenses v1"
    prompt = Prompt.objects.get()
    view = queries.prompt_detail(prompt.pk)
    assert (view.status, str(view.decision.by), view.decision.by.kind) == ("decided", "Small expenses v1", "policy")
    assert prompt.options["policy"]["considered"] == [[str(policy.pk), 1]]
    entry = AuditEntry.objects.get(verb="prompt.decided")
    assert (entry.actor_kind, entry.actor_label, entry.channel) == ("policy", "Small expenses v1", "policy")
    assert (entry.after["policy"], entry.after["version"]) == (str(policy.pk), 1)
    assert Decision.objects.get().rule == PolicyVersion.objects.get()
    assert queries.inbox(queries.targets_of(cast.bo.pk)).items == []
    assert [row.id for row in queries.inbox(queries.targets_of(cast.bo.pk), scope="done").items] == [prompt.pk]


def test_its_reason_is_the_decisions(dispatcher, cast):
    keep(cast, Draft("true", "deny", reason="Expenses are closed for this year."))
    assert start().output["reasoning"] == "Expenses are closed for this year."


def test_the_first_rule_that_is_true_counts(dispatcher, cast):
    keep(cast, Draft("risk == 'medium'", "ask"), "Look at medium")
    keep(cast, Draft("workflow == 'elsewhere'", "deny"), "Never")
    keep(cast)
    assert start().status == "completed"
    _, prompt = ask(risk="medium")
    assert prompt.options["policy"]["rule"]["name"] == "Look at medium"
    assert len(prompt.options["policy"]["considered"]) == 1


def test_order_can_be_changed(dispatcher, cast):
    keep(cast)
    other = keep(cast, Draft("true", "deny"), "Nothing")
    assert start().output["outcome"] == "approve"
    actions.move(other.pk, position=1, by=factories.actor(cast.ana))
    assert start().output["outcome"] == "deny"
    assert [view.name for view in kept.policy_page().items] == ["Nothing", "Small expenses"]


def test_a_policy_put_away_decides_nothing(dispatcher, cast):
    policy = keep(cast)
    actions.set_enabled(policy.pk, enabled=False, by=factories.actor(cast.ana))
    _, prompt = ask()
    assert "policy" not in prompt.options
    actions.set_enabled(policy.pk, enabled=True, by=factories.actor(cast.ana))
    assert start().status == "completed"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"risk": "high"}, "high risk"),
        ({"step_up": True}, "second factor"),
        ({"four_eyes": True}, "four eyes"),
        ({"different_from": [EARLIER]}, "somebody else"),
        ({"assign": ["role:manager", "role:owner"], "quorum": 2}, "several people"),
        ({"assign": (), "stages": [{"assign": "role:manager"}, {"assign": "role:owner"}]}, "several people"),
        ({"outcomes": ["pay", "deny"]}, "no outcome of this prompt"),
    ],
)
def test_what_only_people_may_approve(dispatcher, cast, options, why):
    keep(cast)
    run, prompt = ask(**options)
    assert (run.status, why in prompt.options["policy"]["note"]) == ("waiting", True)


WIPE = {"wipe": {"label": "Wipe", "tone": "danger"}, "keep": ""}


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"risk": "high"}, "high risk"),
        ({"step_up": True}, "second factor"),
        ({"four_eyes": True}, "four eyes"),
        ({"different_from": [EARLIER]}, "somebody else"),
        ({"type": "form", "form": flows.Address, "data": None}, "filled in"),
    ],
)
def test_the_colour_of_an_answer_turns_nothing_down(dispatcher, cast, options, why):
    keep(cast, Draft("true", "wipe"))
    run, prompt = ask(outcomes=WIPE, **options)
    assert (run.status, why in prompt.options["policy"]["note"]) == ("waiting", True)


def test_a_form_is_filled_in_by_people(dispatcher, cast):
    keep(cast, Draft("true", "submit"))
    _, prompt = ask(type="form", form=flows.Address, data=None)
    assert "filled in" in prompt.options["policy"]["note"]


def test_a_rule_may_turn_down_what_is_of_high_risk(dispatcher, cast):
    keep(cast, Draft("amount > 500", "deny"))
    assert start(risk="high").output["outcome"] == "deny"


def test_an_edit_is_approved_as_it_stands(dispatcher, cast):
    keep(cast)
    run = start(type="edit")
    assert (run.output["type"], run.output["data"]["amount"]) == ("Expense", "600.00")


def test_what_cannot_be_judged_is_put_to_people(dispatcher, cast):
    keep(cast, Draft("data.amount < 1000 && data.approved", "approve"))
    keep(cast, Draft("true", "approve"), "Everything")
    run, prompt = ask()
    assert run.status == "waiting"
    assert "could not be judged" in prompt.options["policy"]["note"]
    decide(prompt, cast.bo)
    assert run.status == "completed"


@dataclass
class Line:
    price: Decimal
    zip: str


def test_decimals_are_numbers_also_when_they_are_read_again():
    typed = {"lines": [Line(Decimal("9.50"), "10115")], "total": Decimal(3)}
    stored = {"lines": [{"price": "9.50", "zip": "10115"}], "total": "3"}
    paths = facts.decimals(stored, expressions.plain(typed))
    assert paths == ["lines.*.price", "total"]
    found = facts.facts(
        workflow="w", prompt="p", type="review", risk="low", data=stored, options={"decimals": paths}, requester=None
    )
    assert found["data"] == {"lines": [{"price": 9.5, "zip": "10115"}], "total": 3.0}
    assert found["amount"] == 3.0


def test_a_changed_record_of_the_rules_voids_the_decision(dispatcher, cast):
    policy = keep(cast, Draft("false", "approve"))
    run, prompt = ask()
    prompt.options["policy"]["considered"][0][1] = 7
    prompt.save(update_fields=["options"])
    decide(prompt, cast.bo)
    again = pending(run)
    assert (run.status, again.version, again.options["policy"]["considered"]) == ("waiting", 2, [[str(policy.pk), 1]])


def test_a_rules_answer_that_never_counts_is_for_people_to_look_at(dispatcher, cast, monkeypatch):
    """It is given at once each time the prompt is asked anew, so that would never end."""
    keep(cast)
    monkeypatch.setattr("approvals.actions.bound_answer", lambda *_: False)
    run = start()
    assert (run.status, "the answer does not count" in run.error["message"]) == ("needs_attention", True)


# -- keeping them ------------------------------------------------------------------------------------------------------


def test_every_save_is_a_version_that_stays(dispatcher, cast):
    policy = keep(cast)
    clock.shift("1h")
    by = factories.actor(cast.ana)
    assert actions.save_version(policy.pk, draft=SMALL, by=by).number == 1
    second = actions.save_version(policy.pk, draft=Draft("amount < 500", "approve"), by=by, number=1)
    assert [(one.number, one.expression) for one in kept.version_page(policy.pk).items] == [
        (2, "amount < 500"),
        (1, "amount < 1000"),
    ]
    assert kept.policy_detail(policy.pk).current.number == second.number == 2
    _, prompt = ask()
    assert prompt.options["policy"]["considered"] == [[str(policy.pk), 2]]
    with pytest.raises(NotNow, match="Version 2 was saved meanwhile"):
        actions.save_version(policy.pk, draft=SMALL, by=by, number=1)
    entry = AuditEntry.objects.get(verb="policy.changed")
    assert (entry.before["expression"], entry.after["expression"], entry.after["version"]) == (
        "amount < 1000",
        "amount < 500",
        2,
    )


@pytest.mark.parametrize(
    ("expression", "place"),
    [
        ("", "Line 1, column 1: write when"),
        ("amount <", "Line 1, column 9: Syntax error"),
        ("amount < 3 &&\n  risc == 'low'", "Line 2, column 3: there is no risc (did you mean risk?)"),
        ("risk < 3", "Line 1, column 6: found no matching overload"),
        ("'always'", "Line 1, column 1: this is a value"),
        ("requester.age > 3", "Line 1, column 1: requester has no age; it has kind, name, email"),
        (
            "true &&\n data.amuont < 3",
            "Line 2, column 2: none of the last 1 prompts has data.amuont (did you mean amou",
        ),
        ("data.employee == 'data.x' && data.purpose == ''", "Line 1, column 30: none of the last 1 prompts has data.p"),
    ],
)
def test_what_cannot_work_is_refused_with_its_place(dispatcher, cast, expression, place):
    ask()
    with pytest.raises(InvalidPolicy) as refused:
        keep(cast, Draft(expression, "approve"))
    [error, *_] = refused.value.errors
    assert (error["field"], error["msg"][: len(place)]) == ("expression", place)
    assert not Policy.objects.exists()


@pytest.mark.parametrize("expression", ["has(data.purpose) && data.purpose == 'x'", "data.employee.size() > 3", "true"])
def test_what_may_be_missing_is_asked_for_first(dispatcher, cast, expression):
    ask()
    assert keep(cast, Draft(expression, "approve")).number == 1


LINES = {"lines": [{"price": 3.0, "kind": "food"}, {"price": 9.0}], "amount": 12.0, "note": None}


@pytest.mark.parametrize(
    ("expression", "column", "field"),
    [
        ('data["amuont"] < 3.0', 1, "data.amuont (did you mean amount?)"),
        ('"é" != "" && data["amuont"] < 3.0', 14, "data.amuont"),
        ("data.lines[0].prise < 3.0", 1, "data.lines[…].prise (did you mean price?)"),
        ('data["lines"][1]["prise"] < 3.0', 1, "data.lines[…].prise"),
        ("data.lines.all(one, one.prise < 3.0)", 21, "data.lines[…].prise"),
        ("data.lines.exists(data, data.prise < 3.0)", 25, "data.lines[…].prise"),
        ("data.lines.filter(one, one.price > 1.0).all(one, one.prise < 3.0)", 50, "data.lines[…].prise"),
        ("data.lines.map(one, one.prise).exists(price, price > 1.0)", 21, "data.lines[…].prise"),
        ("data.lnes.size() > 1", 1, "data.lnes (did you mean lines?)"),
        ("has(data.lines) && data.lines[0].prise < 3.0", 20, "data.lines[…].prise"),
        ("has(data.order.total)", 5, "data.order"),
    ],
)
def test_a_field_that_no_prompt_has_is_found_however_it_is_read(expression, column, field):
    [mistake] = drafts.mistakes(expression, [LINES])
    assert (mistake.line, mistake.column) == (1, column)
    assert mistake.msg.startswith(f"none of the last 1 prompts has {field}")


@pytest.mark.parametrize(
    "expression",
    [
        "data.lines.all(one, has(one.prise) && one.prise < 3.0)",
        "data.lines.exists(data, data.kind == 'food')",  # the second has none, and the rule is put to people
        "data.lines.map(one, one.price)[0] < 3.0",
        "data[workflow].anything == 1",
        "data.note.text == 'x'",
        "data.lines.all(one, 'data.prise' != one.kind)",
        '{"prise": data.amount}.prise < 3.0',
        "data.amount.all(key, key.x == 1)",
    ],
)
def test_what_a_prompt_may_have_is_let_through(expression):
    assert drafts.mistakes(expression, [LINES]) == []


@pytest.mark.parametrize(
    ("draft", "field", "msg"),
    [
        (Draft("true", "aprove"), "outcome", "none of the last 1 prompts has the outcome aprove (did you mean appr"),
        (Draft("true", "deny", workflow="askes"), "workflow", "there is no workflow askes (did you mean asks?)"),
    ],
)
def test_a_rule_that_could_never_act_is_refused(dispatcher, cast, draft, field, msg):
    ask()
    with pytest.raises(InvalidPolicy) as refused:
        keep(cast, draft)
    [error] = refused.value.errors
    assert (error["field"], error["msg"][: len(msg)]) == (field, msg)


def test_without_prompts_fields_are_let_through_and_it_says_so(dispatcher, cast):
    assert drafts.mistakes("data.anything == 1", []) == []
    assert drafts.mistakes("data.deep.er == 1", [{"deep": None}]) == []
    reads = Draft("data.anything == 1", "aprove", workflow="asks")
    assert actions.unchecked(reads) == [
        "No prompt of asks was asked yet, so its outcome and the fields it reads could not be checked."
    ]
    assert actions.unchecked(Draft("amount < 3", "ask")) == []
    ask()
    assert actions.unchecked(reads) == []
    assert actions.unchecked(Draft("true", "ask", "asks", "reveiw")) == [
        "No prompt reveiw of asks was asked yet. There is review."
    ]


def test_names_are_taken_once_and_outcomes_are_needed(dispatcher, cast):
    keep(cast)
    with pytest.raises(InvalidPolicy, match="there is a policy named small EXPENSES already"):
        keep(cast, name="small EXPENSES")
    with pytest.raises(InvalidPolicy, match="outcome: say what it decides"):
        keep(cast, Draft("true", ""), "Other")


def test_a_key_that_may_not_decide_may_not_keep_policies(dispatcher, cast):
    from flowapp.tenancy import queries as tenancy

    weak, _ = factories.api_key(cast.ana)
    with pytest.raises(NotEligible, match="approvals:decide"):
        actions.create_policy(name="x", draft=SMALL, by=tenancy.actor_for(cast.ana, weak))
    strong, _ = factories.api_key(cast.ana, "approvals:decide")
    assert actions.create_policy(name="x", draft=SMALL, by=tenancy.actor_for(cast.ana, strong)).number == 1


def test_another_workspaces_policies_are_not_there(dispatcher, cast):
    policy = keep(cast)
    with scoped(cast.globex.pk):
        assert kept.policy_page().items == []
        for read in (kept.policy_detail, kept.version_page):
            with pytest.raises(PolicyNotFound):
                read(policy.pk)
        with pytest.raises(PolicyNotFound):
            actions.move(policy.pk, position=1, by=factories.actor(cast.gil))


# -- trying them -------------------------------------------------------------------------------------------------------


def test_a_dry_run_says_what_a_rule_would_have_decided(dispatcher, cast):
    from approvals.policies.rules import Rule

    for number, outcome in enumerate(["approve", "approve", "deny"]):
        _, prompt = ask(title=f"Prompt {number}")
        decide(prompt, cast.bo, outcome, reasoning="no")
    ask(risk="high")
    high = Prompt.objects.get(status="pending")
    decide(high, cast.bo, second_factor_at=clock.now())
    found = actions.trial(Rule("", "Draft", 1, "amount < 1000", "approve"))
    assert (found.prompts, found.decided, found.held_back, found.failed) == (4, 3, 1, 0)
    [differing] = found.differing
    assert (differing.title, differing.rule, differing.people, str(differing.by)) == (
        "Prompt 2",
        "approve",
        "deny",
        "bo@example.com",
    )
    assert actions.trial(Rule("", "Draft", 1, "amount > 1000", "approve")).decided == 0
    asks = actions.trial(Rule("", "Draft", 1, "amount > 10", "ask"))
    assert (asks.decided, asks.asked, asks.held_back) == (0, 4, 0)
    broken = actions.trial(Rule("", "Draft", 1, "data.nothing == 1", "approve"))
    assert (broken.failed, broken.decided) == (4, 0)
    assert actions.trial(Rule("", "Draft", 1, "true", "approve", workflow="elsewhere")).prompts == 0


def test_what_rules_decided_is_not_compared_with_people(dispatcher, cast):
    from approvals.policies.rules import Rule

    keep(cast)
    start()
    found = actions.trial(Rule("", "Draft", 1, "true", "deny"))
    assert (found.decided, found.differing) == (1, [])


@pytest.mark.parametrize("number", [1, 3])
def test_policies_read_in_a_fixed_number_of_queries(dispatcher, cast, django_assert_num_queries, number):
    from approvals.policies.rules import Rule

    for one in range(number):
        policy = keep(cast, Draft("false", "approve"), f"Rule {one}")
        _, prompt = ask()
        decide(prompt, cast.bo)
    with django_assert_num_queries(2):
        assert len(kept.policy_page().items) == number
    with django_assert_num_queries(1):
        assert len(kept.version_page(policy.pk).items) == 1
    with django_assert_num_queries(2):
        assert actions.trial(Rule("", "Draft", 1, "true", "approve")).prompts == number


def test_pages_hold_every_policy_once(dispatcher, cast):
    for one in range(3):
        keep(cast, Draft("false", "approve"), f"Rule {one}")
    first = kept.policy_page(limit=2)
    second = kept.policy_page(limit=2, cursor=first.next)
    assert [view.name for view in [*first.items, *second.items]] == ["Rule 0", "Rule 1", "Rule 2"]
    assert second.next is None
    with pytest.raises(ValueError, match="invalid literal"):
        kept.policy_page(cursor="x")
