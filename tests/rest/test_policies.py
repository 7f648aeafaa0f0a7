"""Policies, absences, calendars, notifications, and withdrawing: who may, what is refused, what comes back."""

import pytest

from approvals.models import Policy
from flowapp.engine import runs
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.queries import actor_for
from flowapp.tenancy.scope import scoped
from tests.approvals import flows as prompts
from tests.approvals import making

RULE = {"name": "Small", "expression": "amount < 1000", "outcome": "approve", "workflow": "asks"}
OFFICE = {"name": "Office", "zone": "Europe/Berlin", "hours": {"monday": ["09:00-12:00", "13:00-17:00"]}}


@pytest.fixture
def ana(cast, dispatcher, calling):
    """The owner, whose key may decide."""
    return calling(cast.ana, "approvals:decide")


@pytest.fixture
def waiting(cast, dispatcher):
    """The id of a prompt that Dev asked for and Bo is to decide."""
    with scoped(cast.acme.pk):
        return making.ask(by=actor_for(cast.dev))[1].pk


def test_a_policy_is_kept_and_decides(cast, ana):
    made = ana.post("/policies", RULE)
    assert made.status_code == 201
    policy = made.json()
    assert (policy["name"], policy["position"], policy["enabled"], policy["current"]["number"]) == ("Small", 1, True, 1)
    assert policy["current"]["author"]["email"] == "ana@example.com"
    with scoped(cast.acme.pk):
        prompts.OPTIONS.clear()
        run = runs.start("asks", making.EXPENSE, by=SYSTEM)
        assert run.status == "completed"
    [prompt] = ana.get("/prompts").json()["items"]
    assert (prompt["decision"]["by"]["kind"], prompt["decision"]["by"]["name"]) == ("policy", "Small v1")
    assert (prompt["decision"]["channel"], prompt["status"]) == ("policy", "decided")
    path = f"/policies/{policy['id']}"
    assert ana.get(path).json()["last_decided_at"] == prompt["decision"]["at"]
    assert ana.post(f"{path}/versions", RULE | {"expression": "amount < 5"}).json()["current"]["number"] == 2
    assert [one["number"] for one in ana.get(f"{path}/versions").json()["items"]] == [2, 1]
    assert ana.post(f"{path}/versions", RULE | {"number": 1}).status_code == 409
    assert ana.post(f"{path}/disable").json()["enabled"] is False
    assert ana.post(f"{path}/enable").json()["enabled"] is True
    assert ana.post(f"{path}/move", {"position": 1}).json()["position"] == 1
    assert ana.get("/audit", target=f"policy:{policy['id']}").json()["items"][0]["verb"] == "policy.enabled"


def test_what_does_not_parse_is_refused_with_its_place(ana):
    answer = ana.post("/policies", RULE | {"expression": "\n amount <"})
    assert (answer.status_code, answer.json()["type"]) == (422, "invalid")
    [error] = answer.json()["errors"]
    assert (error["loc"], error["line"], error["column"]) == (["expression"], 2, 10)
    assert not Policy.unscoped.exists()


def test_a_dry_run_keeps_nothing(cast, ana, bo, waiting):
    assert bo.post(f"/prompts/{waiting}/complete", {"outcome": "deny", "reasoning": "no"}).status_code == 200
    found = ana.post("/policies/dry-run", RULE).json()
    assert (found["prompts"], found["decided"]) == (1, 1)
    [differing] = found["differing"]
    assert (differing["id"], differing["rule"], differing["people"]) == (str(waiting), "approve", "deny")
    assert ana.post("/policies/dry-run", RULE | {"expression": "x"}).status_code == 422
    assert not Policy.unscoped.exists()


def test_policies_are_for_owners_and_admins(cast, key, bo, calling, ana):
    for caller in (key, bo):
        assert caller.get("/policies").status_code == 403
        assert caller.post("/policies", RULE).status_code == 403
    weak = calling(cast.ana)
    assert weak.get("/policies").status_code == 200
    assert weak.post("/policies", RULE).json()["type"] == "not-eligible"


@pytest.mark.parametrize("number", [1, 3])
def test_the_list_is_paged(cast, ana, number):
    for one in range(number):
        ana.post("/policies", RULE | {"name": f"Rule {one}"})
    found, cursor = [], None
    while True:
        page = ana.get("/policies", limit=2, **({"cursor": cursor} if cursor else {})).json()
        found += [one["name"] for one in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert found == [f"Rule {one}" for one in range(number)]
    assert ana.get("/policies", cursor="x").status_code == 422


def test_a_substitute_decides_for_the_absent(cast, bo, calling, waiting):
    cleo = calling(cast.cleo, "approvals:decide")
    assert cleo.post(f"/prompts/{waiting}/complete", {"outcome": "approve"}).status_code == 403
    away = {"from": "2020-01-01T00:00:00Z", "until": "2199-01-01T00:00:00Z", "substitute": "cleo@example.com"}
    made = bo.post("/absences", away)
    assert (made.status_code, made.json()["member"], made.json()["from"]) == (
        201,
        "bo@example.com",
        "2020-01-01T00:00:00Z",
    )
    assert [one["substitute"] for one in cleo.get("/absences").json()["items"]] == ["cleo@example.com"]
    decided = cleo.post(f"/prompts/{waiting}/complete", {"outcome": "approve"}).json()
    assert (decided["decision"]["by"]["email"], decided["decision"]["by"]["on_behalf_of"]) == (
        "cleo@example.com",
        "bo@example.com",
    )
    assert cleo.post(f"/absences/{made.json()['id']}/end").status_code == 403
    assert bo.post(f"/absences/{made.json()['id']}/end").status_code == 204
    assert cleo.get("/absences").json()["items"] == []


def test_absences_that_cannot_be(cast, bo, key, calling):
    away = {"from": "2020-01-01T00:00:00Z", "until": "2199-01-01T00:00:00Z", "substitute": "cleo@example.com"}
    assert bo.post("/absences", away | {"until": "2019-01-01T00:00:00Z"}).json()["errors"][0]["loc"] == ["until"]
    assert bo.post("/absences", away | {"substitute": "x"}).json()["errors"][0]["loc"] == ["substitute"]
    assert bo.post("/absences", away | {"from": "2020-01-01T00:00:00"}).status_code == 422
    assert key.post("/absences", away).status_code == 403
    assert bo.post("/absences", away).status_code == 201
    cleo = calling(cast.cleo, "approvals:decide")
    loop = cleo.post("/absences", away | {"substitute": "bo@example.com"})
    assert (loop.status_code, "Cleo → Bo → Cleo" in loop.json()["detail"]) == (422, True)


def test_calendars_are_kept(cast, ana, bo):
    made = ana.post("/calendars", OFFICE | {"country": "DE", "region": "BY", "free": ["2026-12-24"]})
    assert made.status_code == 201
    path = f"/calendars/{made.json()['id']}"
    assert bo.get(path).json() == made.json()
    assert ana._client.put(f"/v1{path}", OFFICE, "application/json", headers=ana.headers).json()["country"] == ""
    assert [one["name"] for one in bo.get("/calendars").json()["items"]] == ["Office"]
    assert bo.post("/calendars", OFFICE).status_code == 403
    assert ana._client.delete(f"/v1{path}", headers=ana.headers).status_code == 204
    assert bo.get(path).status_code == 404


@pytest.mark.parametrize(
    ("wrong", "loc"),
    [
        ({"zone": "Moon/Base"}, ["zone"]),
        ({"hours": {"monday": ["9-5"]}}, ["hours", "monday"]),
        ({"hours": {"someday": ["09:00-17:00"]}}, ["hours", "someday"]),
        ({"hours": {}}, ["hours"]),
        ({"country": "XX"}, ["country"]),
        ({"country": "DE", "region": "XX"}, ["region"]),
        ({"free": ["soon"]}, ["free", 0]),
        ({"name": " "}, ["name"]),
    ],
)
def test_calendars_that_cannot_be(ana, wrong, loc):
    answer = ana.post("/calendars", OFFICE | wrong)
    assert (answer.status_code, answer.json()["errors"][0]["loc"]) == (422, loc)


def test_the_requester_withdraws(cast, bo, calling, waiting):
    assert bo.post(f"/prompts/{waiting}/withdraw").status_code == 403
    assert calling(cast.dev).post(f"/prompts/{waiting}/withdraw").status_code == 403  # its key was not granted it
    answer = calling(cast.dev, "approvals:decide").post(f"/prompts/{waiting}/withdraw", {"reason": "Not needed"})
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert bo.post(f"/prompts/{waiting}/complete", {"outcome": "approve"}).status_code == 410


def test_absences_and_calendars_are_paged(cast, ana, bo, calling):
    names = [f"Office {number}" for number in range(3)]
    for number, name in enumerate(names):
        ana.post("/calendars", OFFICE | {"name": name})
        away = {"from": f"209{number}-01-01T00:00:00Z", "until": f"209{number}-02-01T00:00:00Z"}
        assert bo.post("/absences", away | {"substitute": "cleo@example.com"}).status_code == 201
    for path, field, expected in [
        ("/calendars", "name", names),
        ("/absences", "from", [f"209{number}-01-01T00:00:00Z" for number in range(3)]),
    ]:
        first = bo.get(path, limit=2).json()
        second = bo.get(path, limit=2, cursor=first["next"]).json()
        assert [one[field] for one in first["items"] + second["items"]] == expected
        assert second["next"] is None
        assert bo.get(path, cursor="x").status_code == 422


def test_notifications_are_chosen(cast, bo, key):
    shown = bo.get("/notifications").json()
    assert (shown["choices"]["asked"], shown["zone"]) == ({"email": "now", "slack": "now"}, "UTC")

    def put(body):
        return bo._client.put("/v1/notifications", body, "application/json", headers=bo.headers)

    wanted = {"choices": {"asked": {"email": "daily", "slack": "never"}}, "digest_hour": 7, "zone": "Europe/Berlin"}
    assert put(wanted).json() == shown | wanted | {"choices": shown["choices"] | wanted["choices"]}
    assert bo.get("/notifications").json()["choices"]["asked"] == {"email": "daily", "slack": "never"}
    for wrong in ({"zone": "Mars"}, {"digest_hour": 24}, {"choices": {"asked": {"email": "now", "slack": "daily"}}}):
        assert put(wanted | wrong).status_code == 422
    assert key.get("/notifications").status_code == 403
