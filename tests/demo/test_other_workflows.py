"""The refund that is retried, and the onboarding that sleeps."""

from approvals import actions, queries
from flowapp.dispatch.immediate import ImmediateDispatcher
from flowapp.engine import clock, runs
from flowapp.engine.handle import Run
from flowapp.tenancy.actors import SYSTEM, Actor

Cast = dict[str, Actor]


def refund(order: str) -> Run:
    asked = {"order": order, "customer": "Nadia", "amount": "20.00", "why": "broken"}
    return runs.start("refund", asked, by=SYSTEM)


def test_a_refund_is_retried_then_asked_then_paid(cast: Cast, dispatcher: ImmediateDispatcher) -> None:
    run = refund("ORD-1")
    assert [(step.name, step.attempts) for step in run.steps[:1]] == [("find_payment", 2)]
    (prompt,) = queries.prompt_page(run_id=run.id).items
    actions.decide(prompt.id, by=cast["cleo"], outcome="approve", channel="web")
    assert (run.status, run.output["reference"]) == ("completed", "re_pay_ord-1_20.00")


def test_a_refused_refund_pays_nothing(cast: Cast) -> None:
    run = refund("ORD-2")
    (prompt,) = queries.prompt_page(run_id=run.id).items
    actions.decide(prompt.id, by=cast["hugo"], outcome="deny", reasoning="no", channel="web")
    assert run.output == {"status": "refused", "reference": "", "letter": "", "reason": "no"}


def test_an_unknown_order_fails_the_run(cast: Cast) -> None:
    run = refund("LOST-3")
    assert run.status == "failed"
    assert run.error == {
        "type": "Fatal",
        "message": "the payment provider knows no order LOST-3",
        "step": "find_payment",
    }


def test_an_onboarding_waits_for_the_signal_then_sleeps(cast: Cast, dispatcher: ImmediateDispatcher) -> None:
    run = runs.start("onboard-customer", {"name": "Blue Harbor", "email": "x@y.example"}, by=SYSTEM)
    assert [wait.kind for wait in run.waiting_on] == ["signal"]
    run.signal("kickoff-booked", {"at": "2030-01-15T10:00:00Z"})
    assert [wait.kind for wait in run.waiting_on] == ["sleep"]
    clock.shift("73h")
    dispatcher.sweep()
    assert run.output == {"account": "blue-harbor", "kickoff": "2030-01-15T10:00:00Z", "mails": 2}


def test_an_onboarding_nobody_books_ends_after_two_weeks(cast: Cast, dispatcher: ImmediateDispatcher) -> None:
    run = runs.start("onboard-customer", {"name": "Blue Harbor", "email": "x@y.example"}, by=SYSTEM)
    clock.shift("15d")
    dispatcher.sweep()
    assert (run.status, run.output["kickoff"]) == ("completed", None)
