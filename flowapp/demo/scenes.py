"""The runs of the demo's story: who asked for what, how long ago, and who did what about it, so long after."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """Who decides a prompt, and how; `after` counts from the step before, a claim stands so long before it."""

    prompt: str
    by: str
    outcome: str
    reasoning: str = ""
    data: dict[str, str] | None = None
    after: str = "1h"
    claimed: str = ""


@dataclass(frozen=True)
class Scene:
    """A run, who started it how long ago, and what was done to it. Names are the first part of an e-mail address."""

    ago: str
    workflow: str
    by: str
    input: dict[str, Any]
    answers: tuple[Answer, ...] = ()
    signal: tuple[str, dict[str, Any]] | None = None
    claim: tuple[str, str] | None = None  # who looks at it now, and since when


NAMES = {"cleo": "Cleo Marchetti", "hugo": "Hugo Brandt", "dev": "Dev Patel"}


def _expense(ago: str, by: str, amount: str, purpose: str, *answers: Answer) -> Scene:
    given = {"employee": NAMES[by], "amount": amount, "purpose": purpose}
    return Scene(ago, "expense-approval", by, given, answers)


def _refund(
    ago: str, order: str, customer: str, amount: str, why: str, *answers: Answer, claim: tuple[str, str] | None = None
) -> Scene:
    given = {"order": order, "customer": customer, "amount": amount, "why": why}
    return Scene(ago, "refund", "dev", given, answers, claim=claim)


def _bo(outcome: str, after: str, reasoning: str = "", claimed: str = "") -> Answer:
    return Answer("manager-approval", "bo", outcome, reasoning, after=after, claimed=claimed)


def _fast() -> Answer:
    return Answer("refund-review", "hugo", "approve", after="6s")


NOW = (
    _expense("3h", "cleo", "46.20", "Taxi from the airport"),
    _expense("26h", "hugo", "389.00", "Desk chair for the home office", _bo("approve", "3h", claimed="9m")),
    _expense(
        "2d", "dev", "940.00", "Second monitor and a docking station",
        _bo("deny", "5h", "You got a monitor in spring. Ask IT for a spare dock."),
    ),
    _expense("50h", "hugo", "640.00", "Flight to the partner summit"),
    _expense("20h", "cleo", "7400.00", "Audit software, one year", _bo("approve", "4h", "Cheaper than the agency.")),
    _expense("3h", "hugo", "2150.00", "Two tickets for the data conference"),
    _expense("35m", "cleo", "212.50", "Dinner with the Northwind team"),
    _refund(
        "5h", "ORD-9218", "Nadia Petrov", "129.90", "The parcel arrived damaged; photos are in the ticket.",
        claim=("hugo", "4m"),
    ),
    _refund("50m", "ORD-9231", "Amara Diallo", "84.00", "Two of three lamps do not light."),
    _refund(
        "27h", "ORD-9107", "Luis Ortega", "58.00", "Charged twice for the same order.",
        Answer("refund-review", "cleo", "approve", "Only the second charge goes back.", {
            "amount": "29.00",
            "letter": "Dear Luis Ortega,\n\nwe are sorry about your order ORD-9107 and return the second of the two "
            "charges within three days.",
        }, after="40m", claimed="12m"),
    ),
    _refund("7h", "LOST-4410", "Kim Tanaka", "240.00", "The customer says that the order never arrived."),
    Scene("2d", "onboard-customer", "vera", {"name": "Northwind Traders", "email": "it@northwind.example"}),
    Scene(
        "28h", "onboard-customer", "vera", {"name": "Blue Harbor", "email": "ops@blueharbor.example"},
        signal=("kickoff-booked", {"at": "2030-01-15T10:00:00Z"}),
    ),
)  # fmt: skip

# The weeks before, as few as make reports say something: quick and slow, turned down, left until it expired.
# What was asked at the same moment is told together, which is quicker.
PAST = (
    _expense("26d", "hugo", "310.00", "Course on contract law", _bo("approve", "7h")),
    _expense("26d", "cleo", "128.40", "Train to the Lyon office", _bo("approve", "50m", claimed="20m")),
    _refund("19d", "ORD-8841", "Owen Clarke", "19.90", "Arrived a week late.", _fast()),
    _refund(
        "19d", "ORD-8951", "Noor Aziz", "540.00", "The tent leaks.",
        Answer("refund-review", "cleo", "deny", "It is repaired under warranty instead.", after="3h", claimed="1h"),
    ),
    _expense(
        "12d", "cleo", "3200.00", "Stand at the spring fair", _bo("approve", "6h", claimed="2h"),
        Answer("vp-approval", "vera", "approve", "Last year it paid for itself.", after="20h", claimed="3h"),
    ),
    _expense("12d", "dev", "890.00", "Phone and case"),  # nobody answers: it escalates, and expires
)  # fmt: skip
