"""The table of who may decide what: one line a rule."""

import pytest

from approvals.policies.eligibility import Candidate, Requester, Rules, refusal
from approvals.states import NotEligible, StepUpRequired

ASKED = frozenset({"user:bo@example.com", "group:finance"})
ME = frozenset({"user:bo@example.com", "role:manager"})


def person(**facts):
    return Candidate("person", ME, **({"member_id": "bo", "email": "bo@example.com"} | facts))


def rules(**facts):
    return Rules(ASKED, **facts)


def by_key(key_id="k"):
    return person(key_id=key_id, key_may_decide=True)


def by(member_id="", key_id="", behalf="", **facts):
    """The rules of a prompt in a run that this requester started."""
    return rules(requester=Requester(member_id, key_id, behalf), **facts)


TABLE = [
    ("assigned by name", person(), rules(), None),
    ("assigned by group", Candidate("person", frozenset({"group:finance"}), "cleo"), rules(), None),
    ("not assigned", Candidate("person", frozenset({"role:viewer"}), "dev"), rules(), NotEligible),
    ("nobody at all", Candidate("person", frozenset()), rules(), NotEligible),
    ("an owner who is not asked", Candidate("person", frozenset({"role:owner"}), "ana"), rules(), NotEligible),
    ("the workspace's own key", Candidate("key", frozenset(), key_id="k", key_may_decide=True), rules(), NotEligible),
    ("an agent that is asked", Candidate("agent", frozenset({"agent:atlas"})), Rules(frozenset({"agent:atlas"})), None),
    ("an agent that is not", Candidate("agent", frozenset({"agent:atlas"})), rules(), NotEligible),
    ("the requester, without four eyes", person(), by("bo"), None),
    ("the requester, with four eyes", person(), by("bo", four_eyes=True), NotEligible),
    ("somebody else, with four eyes", person(), by("ana", four_eyes=True), None),
    ("four eyes without a requester", person(), rules(four_eyes=True), None),
    ("the owner of the agent that asked", person(), by(behalf="bo", four_eyes=True), NotEligible),
    ("the same by e-mail", person(), by(behalf="Bo@example.com", four_eyes=True), NotEligible),
    ("who decided before", person(), rules(excluded=frozenset({"bo"})), NotEligible),
    ("who did not decide before", person(), rules(excluded=frozenset({"ana"})), None),
    ("a key without the grant", person(key_id="k"), rules(), NotEligible),
    ("a key with it", by_key(), rules(), None),
    ("the key that started the run", by_key(), by("bo", "k"), NotEligible),
    ("another key of the same person", by_key("l"), by("bo", "k"), None),
    ("… with four eyes", by_key("l"), by("bo", "k", four_eyes=True), NotEligible),
    ("the same person's session", person(), by("bo", "k"), None),
    ("high risk by key", by_key(), rules(risk="high"), StepUpRequired),
    ("high risk by session", person(confirmed=True), rules(risk="high"), None),
    ("high risk without a second factor", person(), rules(risk="high"), StepUpRequired),
    ("a step-up that is asked for", person(), rules(step_up=True), StepUpRequired),
    ("… and given", person(confirmed=True), rules(step_up=True), None),
    ("… by key", by_key(), rules(step_up=True), StepUpRequired),
    ("… by somebody not asked", Candidate("person", frozenset(), "dev"), rules(step_up=True), NotEligible),
    ("high risk by a key that may not", person(key_id="k"), rules(risk="high"), NotEligible),
    ("high risk by somebody not asked", Candidate("person", frozenset(), key_id="k"), rules(risk="high"), NotEligible),
]  # fmt: skip


@pytest.mark.parametrize(
    ("candidate", "demands", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_who_may_decide(candidate, demands, expected):
    found = refusal(candidate, demands)
    assert (type(found) if found else None) is expected


def test_the_message_says_what_to_do():
    assert str(refusal(person(key_id="k"), rules())) == (
        "This API key may not decide: it was not granted approvals:decide."
    )
    assert str(NotEligible()) == "You are not among those who may decide this prompt."
