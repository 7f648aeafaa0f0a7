"""What happened in the demo workspace before you came: real runs, started and decided through the same actions as any.

Something executes runs meanwhile: a prompt is decided as soon as its run asks.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from approvals import actions as approvals
from approvals import queries as prompts
from approvals.states import PromptStatus
from flowapp.audit.origin import Origin, coming_from
from flowapp.engine import queries, runs
from flowapp.engine.states import RunStatus
from flowapp.tenancy import queries as tenancy
from flowapp.tenancy.actors import Actor
from flowapp.tenancy.models import Workspace
from flowapp.tenancy.scope import scoped

_PATIENCE = 10.0  # seconds; it takes milliseconds


@dataclass(frozen=True)
class Answer:
    """Who decides a prompt, and how."""

    prompt: str
    by: str
    outcome: str
    reasoning: str = ""
    data: dict[str, str] | None = None


@dataclass(frozen=True)
class Scene:
    """A run, who started it, and what was done to it. Names are the first part of an e-mail address."""

    workflow: str
    by: str
    input: dict[str, Any]
    answers: tuple[Answer, ...] = ()
    signal: tuple[str, dict[str, Any]] | None = None


def _expense(by: str, employee: str, amount: str, purpose: str, *answers: Answer) -> Scene:
    return Scene("expense-approval", by, {"employee": employee, "amount": amount, "purpose": purpose}, answers)


def _refund(order: str, customer: str, amount: str, why: str, *answers: Answer) -> Scene:
    return Scene("refund", "dev", {"order": order, "customer": customer, "amount": amount, "why": why}, answers)


SCENES = (
    _expense("cleo", "Cleo Marchetti", "46.20", "Taxi from the airport"),
    _expense(
        "hugo", "Hugo Brandt", "389.00", "Desk chair for the home office",
        Answer("manager-approval", "bo", "approve", "Within the equipment budget."),
    ),
    _expense(
        "dev", "Dev Patel", "940.00", "Second monitor and a docking station",
        Answer("manager-approval", "bo", "deny", "You got a monitor in spring. Ask IT for a spare dock."),
    ),
    _expense("hugo", "Hugo Brandt", "640.00", "Flight to the partner summit"),
    _expense(
        "cleo", "Cleo Marchetti", "7400.00", "Audit software, one year",
        Answer("manager-approval", "bo", "approve", "Cheaper than the agency."),
    ),
    _refund("ORD-9218", "Nadia Petrov", "129.90", "The parcel arrived damaged; photos are in the ticket."),
    _refund(
        "ORD-9107", "Luis Ortega", "58.00", "Charged twice for the same order.",
        Answer("refund-review", "cleo", "approve", "Only the second charge goes back.", {
            "amount": "29.00",
            "letter": "Dear Luis Ortega,\n\nwe are sorry about your order ORD-9107 and return the second of the two "
            "charges within three days.",
        }),
    ),
    _refund("LOST-4410", "Kim Tanaka", "240.00", "The customer says that the order never arrived."),
    Scene("onboard-customer", "vera", {"name": "Northwind Traders", "email": "it@northwind.example"}),
    Scene(
        "onboard-customer", "vera", {"name": "Blue Harbor", "email": "ops@blueharbor.example"},
        signal=("kickoff-booked", {"at": "2030-01-15T10:00:00Z"}),
    ),
)  # fmt: skip


def tell(workspace: Workspace) -> None:
    """Make it happen, and return when every run rests."""
    with scoped(workspace.pk), coming_from(Origin("demo")):
        people = {member.user.email.partition("@")[0]: tenancy.actor_for(member) for member in tenancy.members()}
        begun = [(scene, _begin(scene, people)) for scene in SCENES]
        for scene, run_id in begun:
            for answer in scene.answers:
                _decide(run_id, answer, people[answer.by])
        ids = [run_id for _, run_id in begun]
        _until("the demo's runs to rest", lambda: _rest(ids))


def _begin(scene: Scene, people: dict[str, Actor]) -> UUID:
    run = runs.start(scene.workflow, scene.input, by=people[scene.by])
    if scene.signal:
        runs.signal(run.id, *scene.signal, by=people[scene.by])
    return run.id


def _decide(run_id: UUID, answer: Answer, by: Actor) -> None:
    def asked() -> UUID | None:
        pending = prompts.prompt_page(status=PromptStatus.PENDING, run_id=run_id).items
        return next((prompt.id for prompt in pending if prompt.name == answer.prompt), None)

    prompt_id = _until(f"the prompt {answer.prompt}", asked)
    approvals.decide(
        prompt_id, by=by, outcome=answer.outcome, reasoning=answer.reasoning, data=answer.data, channel="web"
    )


def _rest(run_ids: list[UUID]) -> bool:
    return not {RunStatus.QUEUED, RunStatus.RUNNING} & set(queries.statuses(run_ids).values())


def _until[T](what: str, found: Callable[[], T | None]) -> T:
    """What `found` finds, once it does. Raises TimeoutError naming what did not come."""
    end = time.monotonic() + _PATIENCE
    while not (value := found()):
        if time.monotonic() > end:
            raise TimeoutError(f"waited {_PATIENCE:g} s for {what}")
        time.sleep(0.01)
    return value
