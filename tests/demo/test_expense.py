"""The demo's first workflow, exactly as the contract tells it (CONTRACT.md section 6)."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from approvals import actions, queries
from approvals.queries import PromptView
from approvals.states import NotEligible
from flowapp.dispatch.immediate import ImmediateDispatcher
from flowapp.engine import clock, runs
from flowapp.engine.errors import InvalidInput
from flowapp.engine.handle import Run
from flowapp.tenancy.actors import SYSTEM, Actor

EXAMPLES = Path(__file__).parents[2] / "examples/expenses"
Cast = dict[str, Actor]


def start(amount: str, **more: Any) -> Run:
    return runs.start("expense-approval", {"employee": "Ana Ruiz", "amount": amount, "purpose": "x", **more}, by=SYSTEM)


def asked(run: Run) -> PromptView:
    (prompt,) = queries.prompt_page(run_id=run.id, status="pending").items
    return prompt


def decide(run: Run, by: Actor, outcome: str = "approve", reasoning: str = "") -> None:
    actions.decide(asked(run).id, by=by, outcome=outcome, reasoning=reasoning, channel="web")


@pytest.mark.parametrize("amount", ["0.01", "80.00", "99.99"])
def test_small_ones_are_approved_by_themselves(cast: Cast, amount: str) -> None:
    run = start(amount)
    assert run.status == "completed"
    assert (run.output["status"], run.output["receipt"]["amount"]) == ("approved", amount)
    assert run.output["receipt"]["approved_by"] == []


@pytest.mark.parametrize("amount", ["100.00", "600.00", "1000.00"])
def test_a_manager_approves_the_larger_ones(cast: Cast, amount: str) -> None:
    run = start(amount)
    prompt = asked(run)
    assert (prompt.name, prompt.assignees, prompt.outcome_values) == (
        "manager-approval",
        ["role:manager"],
        ["approve", "deny"],
    )
    assert prompt.data == {"employee": "Ana Ruiz", "amount": amount, "purpose": "x"}
    decide(run, cast["bo"], reasoning="fine")
    assert (run.status, run.output["status"], run.output["reason"]) == ("completed", "approved", "fine")
    assert run.output["receipt"]["approved_by"] == ["bo@acme.example"]


def test_a_vice_president_approves_the_largest_as_well(cast: Cast) -> None:
    run = start("1000.01")
    decide(run, cast["bo"])
    prompt = asked(run)
    assert (prompt.name, prompt.assignees, run.status) == ("vp-approval", ["group:vp"], "waiting")
    decide(run, cast["vera"])
    assert run.output["receipt"]["approved_by"] == ["bo@acme.example", "vera@acme.example"]


def test_the_two_are_different_people(cast: Cast) -> None:
    run = start("5000.00")
    decide(run, cast["vera"])
    with pytest.raises(NotEligible):
        decide(run, cast["vera"])
    decide(run, cast["omar"])
    assert run.output["receipt"]["approved_by"] == ["vera@acme.example", "omar@acme.example"]


@pytest.mark.parametrize("deciders", [["bo"], ["bo", "omar"]])
def test_a_denied_one_completes_as_denied(cast: Cast, deciders: list[str]) -> None:
    run = start("5000.00")
    for name in deciders[:-1]:
        decide(run, cast[name])
    decide(run, cast[deciders[-1]], "deny", "not this year")
    assert run.status == "completed"
    assert run.output == {"status": "denied", "reason": "not this year", "receipt": None}


def test_a_denial_without_a_reason_names_who_denied(cast: Cast) -> None:
    run = start("600.00")
    decide(run, cast["bo"], "deny")
    assert run.output["reason"] == "Denied by bo@acme.example."


def test_unanswered_for_two_days_it_escalates(cast: Cast, dispatcher: ImmediateDispatcher) -> None:
    run = start("600.00")
    clock.shift("47h")
    dispatcher.sweep()
    assert asked(run).level == 0
    clock.shift("2h")
    dispatcher.sweep()
    prompt = asked(run)
    assert (prompt.level, prompt.status) == (1, "pending")
    assert "user:ana@acme.example" in prompt.assignees
    decide(run, cast["ana"])
    assert run.output["status"] == "approved"


def test_the_receipts_number_is_the_steps_own(cast: Cast) -> None:
    numbers = {start("80.00").output["receipt"]["number"] for _ in range(2)}
    assert len(numbers) == 2


@pytest.mark.parametrize(
    ("input", "field"),
    [
        ({"employee": "Ana", "amount": "0", "purpose": "x"}, "amount"),
        ({"employee": "Ana", "amount": "-5", "purpose": "x"}, "amount"),
        ({"employee": "Ana", "amount": "1.005", "purpose": "x"}, "amount"),
        ({"employee": "Ana", "amount": "NaN", "purpose": "x"}, "amount"),
        ({"employee": "", "amount": "5", "purpose": "x"}, "employee"),
        ({"employee": "Ana", "amount": "5"}, "purpose"),
    ],
)
def test_a_wrong_field_is_named(cast: Cast, input: Any, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        runs.start("expense-approval", input, by=SYSTEM)
    assert [error["loc"] for error in caught.value.errors] == [[field]]


def test_the_examples_are_the_three_kinds(cast: Cast) -> None:
    amounts = {}
    for path in EXAMPLES.glob("*.json"):
        example = json.loads(path.read_text())
        run = runs.start("expense-approval", example, by=SYSTEM)
        amounts[path.stem] = (Decimal(example["amount"]), run.status)
    assert amounts == {
        "train": (Decimal("80.00"), "completed"),
        "conference": (Decimal("600.00"), "waiting"),
        "server": (Decimal("5000.00"), "waiting"),
    }
