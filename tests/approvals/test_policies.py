"""The pure rules: assignment, escalation, order, binding, answers, summaries."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from approvals.policies import answers, asking, assignment, binding, shortcuts, summary
from approvals.policies.changes import Change, changes
from approvals.policies.complaints import complaints
from approvals.policies.escalation import Turn, plan_of
from approvals.policies.ordering import queue_key
from approvals.states import ESCALATE, InvalidDecision, keyed, may_become

T0 = datetime(2026, 11, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_assign_entries_have_one_form():
    parsed = assignment.parse(["user: Bo@Example.com", "group:Finance", "user:bo@example.com", "role:manager"])
    assert [str(spec) for spec in parsed] == ["user:bo@example.com", "group:Finance", "role:manager"]
    assert parsed[1].target == "group:finance"


@pytest.mark.parametrize("entry", ["bo@example.com", "user:", "team:x", "role:boss", "", ":x"])
def test_an_entry_that_cannot_be_read_is_named(entry):
    with pytest.raises(assignment.BadAssign, match="assign entry"):
        assignment.parse([entry])


def test_nobody_is_not_an_assignment():
    with pytest.raises(assignment.BadAssign, match="assign is empty"):
        assignment.parse([])


def timed(timeout=None, on_timeout="", chain=()):
    return plan_of(
        SimpleNamespace(
            opened_at=T0,
            timeout_s=timeout,
            on_timeout=on_timeout,
            options={"escalate": [[after * 3600, ["role:admin"]] for after in chain]},
        )
    )


@pytest.mark.parametrize(
    ("plan", "level", "since", "expected"),
    [
        (timed(), 0, T0, None),
        (timed(3600), 0, T0, (T0 + HOUR, Turn.EXPIRE)),
        (timed(3600, "deny"), 0, T0, (T0 + HOUR, Turn.EXPIRE)),
        (timed(3600, ESCALATE), 0, T0, (T0 + HOUR, Turn.ESCALATE)),
        (timed(3600, ESCALATE), 1, T0 + HOUR, (T0 + 2 * HOUR, Turn.EXPIRE)),
        # A chain counts from the opening, whatever the levels before it did; each level restarts the timeout.
        (timed(36_000, chain=[4, 6]), 0, T0, (T0 + 4 * HOUR, Turn.ESCALATE)),
        (timed(36_000, chain=[4, 6]), 1, T0 + 4 * HOUR, (T0 + 6 * HOUR, Turn.ESCALATE)),
        (timed(36_000, chain=[4, 6]), 2, T0 + 6 * HOUR, (T0 + 16 * HOUR, Turn.EXPIRE)),
        (timed(None, chain=[4]), 1, T0 + 4 * HOUR, None),
        # A timeout before the chain's next level: with ESCALATE it goes there at once, otherwise it ends.
        (timed(3600, ESCALATE, [4]), 0, T0, (T0 + HOUR, Turn.ESCALATE)),
        (timed(3600, "deny", [4]), 0, T0, (T0 + HOUR, Turn.EXPIRE)),
    ],
)
def test_what_is_due_and_when(plan, level, since, expected):
    assert plan.next(level=level, since=since) == expected


def test_the_inbox_order_is_overdue_risk_due_age():
    def place(n, *, escalated=False, risk="low", due=None, age=0):
        at = T0 - age * HOUR
        return queue_key(escalated=escalated, risk=risk, due_at=due, created_at=at, id=f"{n:032x}")

    expected = [
        place(1, escalated=True, due=T0 + 9 * HOUR),
        place(2, risk="high"),
        place(3, risk="medium", due=T0 + HOUR),
        place(4, risk="medium", due=T0 + 2 * HOUR),
        place(5, age=5),
        place(6, age=1),
        place(7, age=1),
    ]
    assert sorted(set(expected)) == expected


def test_one_byte_changed_is_another_digest():
    key = b"k" * 32
    ask: dict[str, Any] = {"type": "review", "title": "t", "message": "", "outcomes": ["approve"], "schema": None}
    one = binding.digest(key, run_id="r", step="s", question=binding.content(**ask, data={"a": 1, "b": "x"}))
    assert one == binding.digest(key, run_id="r", step="s", question=binding.content(**ask, data={"b": "x", "a": 1}))
    others = [
        binding.digest(key, run_id="r", step="s", question=binding.content(**ask, data={"a": 1, "b": "y"})),
        binding.digest(key, run_id="q", step="s", question=binding.content(**ask, data={"a": 1, "b": "x"})),
        binding.digest(b"j" * 32, run_id="r", step="s", question=binding.content(**ask, data={"a": 1, "b": "x"})),
    ]
    assert one not in others
    assert len(set(others)) == 3


def outcomes(**tones: str) -> list[dict[str, Any]]:
    return [{"value": one, "label": one.title(), "tone": tone, "needs_reason": False} for one, tone in tones.items()]


@pytest.mark.parametrize(
    ("asked", "keys"),
    [
        ([outcomes(approve="primary", deny="danger")], {"approve": "a", "deny": "d"}),
        ([outcomes(yes="primary", no="")], {"yes": "a", "no": "d"}),
        ([outcomes(wipe="danger", keep="")], {"wipe": "d", "keep": ""}),
        ([outcomes(wipe="danger", deny="danger")], {"wipe": "", "deny": "d"}),
        ([outcomes(go="danger", deny="primary")], {"go": "", "deny": "d"}),
        ([outcomes(pay="primary", deny="danger"), outcomes(deny="danger", ship="primary")], {"deny": "d"}),
        ([outcomes(pay="primary", wait=""), outcomes(pay="danger", wait="primary")], {"pay": "", "wait": ""}),
        ([outcomes(pay="primary"), outcomes(wait="primary")], {}),
        ([], {}),
    ],
)
def test_a_key_means_the_same_alone_and_for_many(asked: list[Any], keys: dict[str, str]) -> None:
    assert {one["value"]: one["key"] for one in shortcuts.common(asked)} == keys
    if len(asked) == 1:
        assert {one["value"]: one["key"] for one in keyed(asked[0])} == keys


OUTCOMES = [
    {"value": "approve", "needs_reason": False},
    {"value": "deny", "needs_reason": True},
]
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "home": {"type": "object", "required": ["zip"]}},
    "required": ["name"],
}


def fit(type="review", schema=None, payload=None, require_reason=False, **answer):
    question = answers.Question(type, OUTCOMES, schema, payload, require_reason)
    return answers.fit(question, **({"outcome": "approve", "reasoning": "", "data": None} | answer))


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        ({"outcome": "maybe"}, ["outcome"]),
        ({"outcome": "deny"}, ["reasoning"]),
        ({"require_reason": True}, ["reasoning"]),
        ({"reasoning": "x" * 10_001}, ["reasoning"]),
        ({"reasoning": "a\0b"}, ["reasoning"]),
        ({"outcome": "maybe", "reasoning": "x" * 10_001}, ["outcome", "reasoning"]),
        ({"data": {"a": 1}}, ["data"]),
        ({"type": "form", "schema": PERSON}, ["data"]),
        ({"type": "form", "schema": PERSON, "data": {}}, ["data.name"]),
        ({"type": "form", "schema": PERSON, "data": {"name": 1, "home": {}}}, ["data.home.zip", "data.name"]),
        ({"type": "choice", "schema": {"type": "array", "items": {"enum": ["a"]}}, "data": "b"}, ["data.0"]),
        ({"type": "form", "schema": {"items": {"multipleOf": 0.1}}, "data": [1, float("inf")]}, ["data.1"]),
    ],
)
def test_what_does_not_fit_is_named(given, fields):
    with pytest.raises(InvalidDecision) as caught:
        fit(**given)
    assert sorted(error["field"] for error in caught.value.errors) == fields


def test_answers_in_their_normal_form():
    assert fit() is None
    assert fit(type="choice", schema={"type": "array", "items": {"enum": ["a"]}}, data="a") == ["a"]
    assert fit(type="edit", schema={"type": "object"}, payload={"n": 1}) == {"n": 1}
    assert fit(type="edit", schema={"type": "object"}, payload={"n": 1}, data={"n": 2}) == {"n": 2}
    assert fit(type="form", schema=PERSON, outcome="deny", reasoning="no") is None


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        ({"amount": "600.00"}, "600.00"),
        ({"total": 12, "currency": "EUR"}, "12.00 EUR"),
        ({"amount": "1234567.5"}, "1,234,567.50"),
        ({"amount": True}, ""),
        ({"amount": "a lot"}, ""),
        (["x"], ""),
        (None, ""),
    ],
)
def test_the_amount_of_a_payload(data, shown):
    assert summary.amount(data) == shown


def test_a_payload_as_rows_is_whole_and_masked():
    rows = summary.rows(
        {"order_id": "o1", "to": {"iban": "DE1", "api_key": "s3cret"}, "tags": ["a", "b"], "note": None}
    )
    assert [(row["label"], row["value"]) for row in rows] == [
        ("Order id", "o1"),
        ("To · iban", "DE1"),
        ("To · api key", summary.MASK),
        ("Tags", "a, b"),
        ("Note", "–"),
    ]
    assert "s3cret" not in str(summary.masked({"deep": [{"Password": "s3cret"}]}))


def test_an_edit_as_a_diff():
    assert changes({"n": 1, "same": 2}, {"n": 3, "same": 2, "new": "x"}) == [
        Change("N", before="1", after="3"),
        Change("New", before="", after="x"),
    ]


def test_a_prompt_ends_once():
    assert all(may_become("pending", status) for status in ("decided", "expired", "cancelled"))
    assert not any(
        may_become(ended, status)
        for ended in ("decided", "expired", "cancelled")
        for status in ("pending", "decided", "expired", "cancelled")
    )


def test_a_models_schema_says_all_of_its_decimals_and_keeps_its_order():
    from decimal import Decimal
    from typing import Annotated

    from pydantic import BaseModel, Field

    class Sum(BaseModel):
        net: Annotated[Decimal, Field(ge=0, max_digits=5, decimal_places=2)]
        gross: Decimal = Decimal(0)

    schema = asking.schema_of(Sum)
    assert schema["x-order"] == ["net", "gross"]
    wrong = {text: [place for place, _ in complaints(schema, {"net": text})] for text in NETS}
    assert {text: not places for text, places in wrong.items()} == NETS


NETS = {
    "0": True,
    "000123.4500": True,
    "999.99": True,
    "+1.": True,
    ".5": True,
    "1000": False,
    "1.234": False,
    "-1": False,
    "1e2": False,
    "x": False,
    "": False,
}
