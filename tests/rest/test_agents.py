"""/v1/agents: who may make agents and keys for them, and what an agent may do with its key."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.rest.conftest import Caller

from .test_workflows import EXPENSE


@pytest.fixture
def ana(cast, calling):
    return calling(cast.ana, "approvals:decide")


@pytest.fixture
def triage(ana):
    return ana.post("/agents", {"name": "triage", "owner": "cleo@example.com"}).json()


def key_of(ana, agent, **more):
    answer = ana.post(f"/agents/{agent['id']}/keys", {"name": "its key", **more})
    assert answer.status_code == 201
    return Caller(answer.json()["key"])


def test_an_agent_is_made_and_listed(ana, triage):
    assert (triage["name"], triage["owner"], triage["most_open"], triage["is_active"]) == (
        "triage",
        "cleo@example.com",
        20,
        True,
    )
    assert ana.get("/agents").json() == {"items": [triage], "next": None}
    assert ana.get(f"/agents/{triage['id']}").json() == triage


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        ({"name": "Triage!", "owner": "cleo@example.com"}, "name"),
        ({"name": "triage", "owner": "cleo@example.com"}, "name"),
        ({"name": "other", "owner": "nobody@example.com"}, "owner"),
        ({"name": "other", "owner": "gil@example.com"}, "owner"),
        ({"name": "other", "owner": "cleo@example.com", "most_open": 0}, "most_open"),
    ],
)
def test_bad_input_names_the_field(ana, triage, draft, field):
    answer = ana.post("/agents", draft)
    assert answer.status_code == 422
    assert [one["loc"][-1] for one in answer.json()["errors"]] == [field]


@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2030-01-01T00:00:00", "2000-01-01T00:00:00Z"]
)
def test_a_key_ends_at_a_time_to_come(ana, triage, moment):
    answer = ana.post(f"/agents/{triage['id']}/keys", {"name": "its key", "expires_at": moment})
    assert (answer.status_code, answer.json()["errors"][0]["loc"][-1]) == (422, "expires_at")


def test_a_key_that_may_not_decide_makes_none_that_may(cast, calling, triage):
    ungranted = calling(cast.ana)
    assert ungranted.post(f"/agents/{triage['id']}/keys", {"name": "its key", "decides": True}).status_code == 403


def test_only_owners_and_admins_make_them(cast, calling, triage):
    bo = calling(cast.bo, "approvals:decide")
    answers = [
        bo.post("/agents", {"name": "mine", "owner": "bo@example.com"}),
        bo.post(f"/agents/{triage['id']}/keys", {"name": "mine"}),
        bo.post(f"/agents/{triage['id']}/stop"),
    ]
    assert {one.status_code for one in answers} == {403}
    assert bo.get("/agents").status_code == 200


def test_an_agent_starts_runs_as_itself_and_reads_no_audit(key, ana, triage):
    agent = key_of(ana, triage)
    run = agent.post("/workflows/rest-plain/run", {"input": EXPENSE})
    assert run.status_code == 202
    assert run.json()["requester"] == {
        "kind": "agent",
        "name": "triage",
        "email": "",
        "on_behalf_of": "cleo@example.com",
    }
    for path in ("/audit", "/workers"):
        assert agent.get(path).status_code == 403, path
    assert agent.post("/agents", {"name": "child", "owner": "cleo@example.com"}).status_code == 403


def test_a_stopped_agent_is_nobody(ana, triage):
    agent = key_of(ana, triage, decides=True)
    assert agent.get("/prompts").status_code == 200
    assert ana.post(f"/agents/{triage['id']}/stop").json()["is_active"] is False
    assert agent.get("/prompts").status_code == 401
    refused = ana.post(f"/agents/{triage['id']}/keys", {"name": "another"})
    assert (refused.status_code, refused.json()["errors"][0]["loc"]) == (422, ["agent"])


def test_the_list_is_paged_and_costs_the_same(cast, ana):
    for number in range(5):
        ana.post("/agents", {"name": f"agent-{number}", "owner": "cleo@example.com"})
    costs, names = list[int](), list[str]()
    cursor: str | None = ""
    for _ in range(3):
        with CaptureQueriesContext(connection) as counted:
            page = ana.get("/agents", limit=2, **({"cursor": cursor} if cursor else {})).json()
        costs.append(len(counted))
        names += [one["name"] for one in page["items"]]
        cursor = page["next"]
    assert (names, cursor) == ([f"agent-{number}" for number in range(5)], None)
    assert max(costs) == min(costs)
