"""/v1/prompts: reading questions, and the one decision each ends in."""

import pytest

from approvals import actions
from flowapp.engine import clock
from flowapp.tenancy.scope import scoped
from tests import factories

from .test_runs import start
from .test_workflows import EXPENSE


def ask(key, workflow="rest-asks", given=EXPENSE):
    """A run that waits, and its prompt."""
    run = start(key, workflow, given)
    return run, key.get("/prompts", run_id=run).json()["items"][0]


def test_a_prompt_shows_what_is_decided_on(key):
    run, prompt = ask(key)
    assert prompt.items() <= key.get(f"/prompts/{prompt['id']}").json().items()
    times = {name: prompt.pop(name) for name in ("id", "created_at", "due_at")}
    assert prompt == {
        "run_id": run,
        "workflow": "rest-asks",
        "name": "manager-approval",
        "type": "review",
        "title": "Approve 80.00",
        "message": "",
        "data": EXPENSE,
        "outcomes": ["approve", "deny"],
        "form": None,
        "assignees": ["role:manager", "user:dev@example.com"],
        "requester": None,
        "risk": "low",
        "status": "pending",
        "version": 1,
        "stage": 1,
        "stages": 1,
        "quorum": 1,
        "lines": [],
        "votes": [],
        "warnings": [],
        "claimed_by": None,
        "claimed_until": None,
        "attachments": [],
        "decision": None,
    }
    assert times["due_at"] > times["created_at"]


def test_one_prompt_tells_all_that_its_decider_needs(key, bo, cast, calling):
    _, earlier = ask(key, "rest-informs", 3)
    edited = bo.post(f"/prompts/{earlier['id']}/complete", {"outcome": "approve", "data": {"amount": 2}})
    assert edited.status_code == 200
    _, prompt = ask(key, "rest-informs", 40)
    shown = bo.get(f"/prompts/{prompt['id']}").json()
    assert [(one["value"], one["label"], one["effect"], one["needs_reason"]) for one in shown["outcome_details"]] == [
        ("approve", "Refund", "It is paid.", False),
        ("deny", "Deny…", "", True),
    ]
    assert (shown["confidence"], shown["reversible"], shown["four_eyes"], shown["step_up"]) == (0.4, False, True, False)
    assert shown["evidence"] == [
        {"label": "Seen twice", "url": ""},
        {"label": "Ticket", "url": "https://example.com/7"},
    ]
    assert (shown["escalation"], shown["on_timeout"]) == ([{"after_s": 7200.0, "assign": ["role:owner"]}], "deny")
    last = shown["consequences"][-1]
    assert (last["label"], last["to"], last["at"]) == ("If nobody decides", ["role:owner"], shown["due_at"])
    [similar] = shown["similar"]
    assert (similar["id"], similar["decision"]["outcome"]) == (earlier["id"], "approve")
    assert (shown["may_decide"], shown["why_not"], shown["ruling"]) == (True, "", None)
    nobody = calling(cast.cleo).get(f"/prompts/{prompt['id']}").json()
    assert (nobody["may_decide"], bool(nobody["why_not"])) == (False, True)
    done = bo.get(f"/prompts/{earlier['id']}").json()
    assert done["changes"] == [{"label": "Amount", "before": "3", "after": "2"}]
    assert (done["may_decide"], done["consequences"], done["why_not"]) == (False, [], "It has ended.")


def test_one_prompt_names_the_rule_that_was_true_of_it(key, cast, calling):
    draft = actions.Draft("workflow == 'rest-informs'", "ask", reason="Look closely.")
    with scoped(cast.acme.pk):
        actions.create_policy(name="Refunds", draft=draft, by=factories.actor(cast.ana))
    _, prompt = ask(key, "rest-informs", 40)
    ruling = key.get(f"/prompts/{prompt['id']}").json()["ruling"]
    assert (ruling["rule"]["name"], ruling["rule"]["number"]) == ("Refunds", 1)
    assert (ruling["note"], ruling["considered"]) == ("Look closely.", 1)


def test_a_decision_ends_the_prompt_and_the_run_goes_on(key, bo):
    run, prompt = ask(key)
    answer = bo.post(f"/prompts/{prompt['id']}/complete", {"outcome": "approve", "reasoning": "fine"})
    decided = answer.json()
    assert (answer.status_code, decided["id"], decided["status"]) == (200, prompt["id"], "decided")
    found = key.get(f"/runs/{run}").json()
    assert found["steps"][0]["output"] == decided["decision"]
    at = decided["decision"].pop("at")
    assert decided["decision"] == {
        "outcome": "approve",
        "reasoning": "fine",
        "data": None,
        "by": {"kind": "person", "name": "Bo", "email": "bo@example.com", "on_behalf_of": ""},
        "channel": "api",
        "timed_out": False,
    }
    assert prompt["created_at"] <= at
    assert at.endswith("Z")
    assert (found["status"], found["output"]) == ("completed", "approve by bo@example.com: fine")


def test_the_same_decision_again_is_the_same_answer(key, bo):
    _, prompt = ask(key)
    first, again = (bo.post(f"/prompts/{prompt['id']}/complete", {"outcome": "approve"}) for _ in range(2))
    assert (again.status_code, again.json()) == (200, first.json())


def test_a_viewer_who_is_assigned_decides(key, cast, calling):
    _, prompt = ask(key)
    dev = calling(cast.dev, "approvals:decide")
    assert dev.post(f"/prompts/{prompt['id']}/complete", {"outcome": "deny"}).status_code == 200


def test_a_form_comes_with_its_schema_and_takes_data(key, bo):
    run, prompt = ask(key, "rest-form", None)
    assert set(prompt["form"]["properties"]) == {"street", "zip"}
    answer = bo.post(
        f"/prompts/{prompt['id']}/complete", {"outcome": "submit", "data": {"street": "Main St", "zip": "12345"}}
    )
    assert answer.json()["decision"]["data"] == {"street": "Main St", "zip": "12345"}
    assert key.get(f"/runs/{run}").json()["output"] == "12345"


@pytest.mark.parametrize("count", [1, 3])
def test_the_list_takes_the_same_queries_for_any_number(key, django_assert_num_queries, count):
    for _ in range(count):
        ask(key)
    with django_assert_num_queries(4):  # the key, the prompts, their assignments, their decisions
        assert len(key.get("/prompts").json()["items"]) == count


def test_the_list_is_filtered_and_paged(key, bo):
    (_, first), (run, second) = ask(key), ask(key)
    bo.post(f"/prompts/{first['id']}/complete", {"outcome": "approve"})
    assert [one["id"] for one in key.get("/prompts", status="pending").json()["items"]] == [second["id"]]
    assert [one["id"] for one in key.get("/prompts", run_id=run).json()["items"]] == [second["id"]]
    page = key.get("/prompts", limit=1).json()
    rest = key.get("/prompts", limit=1, cursor=page["next"]).json()
    assert [page["items"][0]["id"], rest["items"][0]["id"], rest["next"]] == [second["id"], first["id"], None]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"status": "denied"}, "status"),
        ({"run_id": "1"}, "run_id"),
        ({"limit": 201}, "limit"),
        ({"cursor": "x~y"}, "cursor"),
    ],
)
def test_bad_queries_name_the_field(key, query, field):
    answer = key.get("/prompts", **query)
    assert (answer.status_code, [error["loc"] for error in answer.json()["errors"]]) == (422, [[field]])


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_cursor_at_the_end_of_time_breaks_nothing(key, at):
    # PostgreSQL knows these moments, SQLite does not.
    answer = key.get("/prompts", cursor=f"{at}~019b0000-0000-7000-8000-000000000000")
    assert answer.status_code in (200, 422)


def test_an_expired_prompt_is_gone_not_denied(key, bo, dispatcher):
    run, prompt = ask(key)
    for _ in range(2):  # it escalates to Ana, then it expires
        clock.shift("49h")
        dispatcher.sweep()
    answer = bo.post(f"/prompts/{prompt['id']}/complete", {"outcome": "approve"})
    assert (answer.status_code, answer.json()["type"]) == (410, "expired")
    assert key.get(f"/prompts/{prompt['id']}").json()["status"] == "expired"
    assert key.get(f"/runs/{run}").json()["error"]["type"] == "PromptExpired"


def test_a_cancelled_prompt_is_gone(key, bo):
    run, prompt = ask(key)
    key.post(f"/runs/{run}/cancel")
    answer = bo.post(f"/prompts/{prompt['id']}/complete", {"outcome": "approve"})
    assert (answer.status_code, answer.json()["type"]) == (410, "expired")


def test_a_claim_is_shown_and_released(key, bo, cast, calling):
    _, prompt = ask(key)
    claimed = bo.post(f"/prompts/{prompt['id']}/claim").json()
    assert (claimed["claimed_by"]["email"], claimed["version"]) == ("bo@example.com", 1)
    assert claimed["claimed_until"] > claimed["created_at"]
    dev = calling(cast.dev, "approvals:decide")
    answer = dev.post(f"/prompts/{prompt['id']}/claim")
    assert (answer.status_code, answer.json()["type"]) == (409, "illegal-state")
    assert bo.post(f"/prompts/{prompt['id']}/release").json()["claimed_by"] is None
    assert key.post(f"/prompts/{prompt['id']}/claim").json()["type"] == "not-eligible"


def test_votes_stand_in_a_pending_prompt(key, bo, cast, calling):
    _, prompt = ask(key, "rest-quorum", None)
    ana = calling(cast.ana, "approvals:decide")
    first = bo.post(f"/prompts/{prompt['id']}/complete", {"outcome": "approve", "reasoning": "fine"})
    voted = first.json()
    assert (first.status_code, voted["status"], voted["decision"], voted["quorum"]) == (200, "pending", None, 2)
    assert [(vote["by"]["email"], vote["outcome"], vote["stage"]) for vote in voted["votes"]] == [
        ("bo@example.com", "approve", 1)
    ]
    assert bo.post(f"/prompts/{prompt['id']}/rescind").json()["votes"] == []
    again = bo.post(f"/prompts/{prompt['id']}/rescind")
    assert (again.status_code, again.json()["type"]) == (409, "illegal-state")
    bo.post(f"/prompts/{prompt['id']}/complete", {"outcome": "approve"})
    second = ana.post(f"/prompts/{prompt['id']}/complete", {"outcome": "approve"}).json()
    assert (second["stage"], second["stages"], second["version"], second["status"]) == (2, 2, 2, "pending")
    assert (second["assignees"], len(second["votes"])) == (["group:finance"], 2)
    stale = calling(cast.cleo, "approvals:decide").post(
        f"/prompts/{prompt['id']}/complete", {"outcome": "approve", "version": 1}
    )
    assert (stale.status_code, stale.json()["type"]) == (409, "stale-version")
    cleo = calling(cast.cleo, "approvals:decide")
    last = cleo.post(f"/prompts/{prompt['id']}/complete", {"outcome": "approve", "version": 2}).json()
    assert (last["status"], last["decision"]["by"]["email"]) == ("decided", "cleo@example.com")


def test_a_key_is_no_second_factor(key, bo):
    run, prompt = ask(key, "rest-risky", None)
    answer = bo.post(f"/prompts/{prompt['id']}/complete", {"outcome": "yes"})
    assert (answer.status_code, answer.json()["type"]) == (403, "step-up-required")
    assert key.get(f"/runs/{run}").json()["status"] == "waiting"


def test_a_prompt_is_put_to_others(key, bo, cast, calling):
    _, prompt = ask(key)
    moved = bo.post(f"/prompts/{prompt['id']}/reassign", {"assign": ["group:finance"], "reason": "away"}).json()
    assert (moved["assignees"], moved["version"]) == (["group:finance"], 1)
    nobody = bo.post(f"/prompts/{prompt['id']}/reassign", {"assign": ["group:nowhere"]})
    assert (nobody.status_code, nobody.json()["errors"][0]["loc"]) == (422, ["assign"])
    dev = calling(cast.dev, "approvals:decide")
    assert dev.post(f"/prompts/{prompt['id']}/reassign", {"assign": ["role:viewer"]}).status_code == 403
    assert key.post(f"/prompts/{prompt['id']}/reassign", {"assign": ["role:viewer"]}).status_code == 403
    assert bo.post(f"/prompts/{prompt['id']}/reassign", {"assign": []}).status_code == 422
