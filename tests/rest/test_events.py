"""/v1/events: a fact starts workflows and satisfies waits, once for its id."""

import json

import pytest

from .test_runs import start

PAID = {"name": "rest/paid", "data": {"total": 20}}
CLOUD = {"specversion": "1.0", "type": "rest/paid", "source": "/shop", "id": "42", "data": {"total": 20}}


def test_an_event_starts_what_it_triggers(key):
    answer = key.post("/events", PAID)
    assert (answer.status_code, answer.json()["duplicate"]) == (202, False)
    (run,) = answer.json()["runs"]
    assert run["workflow"] == "rest-triggered"
    assert key.get(f"/runs/{run['id']}").json()["output"] == 20


def test_an_event_satisfies_a_wait(key):
    run = start(key, "rest-awaits")
    assert key.get(f"/runs/{run}").json()["waiting_on"][0]["name"] == "rest/paid"
    key.post("/events", {"name": "rest/paid", "data": {"total": 3}})
    assert key.get(f"/runs/{run}").json()["output"] == {"total": 3}


def test_the_same_id_has_no_second_effect(key):
    first, again = (key.post("/events", PAID | {"id": "p-1"}).json() for _ in range(2))
    assert (first["duplicate"], again) == (False, first | {"duplicate": True})
    assert len(key.get("/runs").json()["items"]) == 1


def test_the_same_id_with_other_content_is_a_conflict(key):
    key.post("/events", PAID | {"id": "p-1"})
    answer = key.post("/events", PAID | {"id": "p-1", "data": {"total": 30}})
    assert (answer.status_code, answer.json()["type"]) == (409, "idempotency-conflict")
    assert len(key.get("/runs").json()["items"]) == 1


def test_cloud_events_in_both_modes_are_the_same_event(key):
    structured = key.post("/events", CLOUD)
    headers = key.headers | {f"ce-{name}": CLOUD[name] for name in ("specversion", "type", "source", "id")}
    binary = key._client.post("/v1/events", json.dumps(CLOUD["data"]), "application/json", headers=headers)
    assert (structured.status_code, binary.status_code) == (202, 202)
    assert binary.json() == structured.json() | {"duplicate": True}
    assert [run["workflow"] for run in structured.json()["runs"]] == ["rest-triggered"]


@pytest.mark.parametrize(
    ("body", "where", "words"),
    [
        ({}, ["name"], "required"),
        ({"name": ""}, ["name"], "at least 1"),
        ({"name": "a\x00"}, ["name"], "match"),
        (PAID | {"id": 7}, ["id"], "string"),
        ({**CLOUD, "type": None}, [], "a CloudEvent needs type"),
        ({"specversion": "1.0"}, [], "type and source and id"),
        ({**CLOUD, "id": "x" * 200}, ["id"], "at most 200"),
        ([PAID], [], "should be an object"),
    ],
)
def test_bad_events_name_the_field(key, body, where, words):
    answer = key.post("/events", body)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["loc"] == where
    assert words in error["msg"]
    assert "Value error" not in error["msg"]


def test_another_workspace_hears_nothing(key, cast, calling):
    run = start(key, "rest-awaits")
    assert calling(cast.globex).post("/events", PAID | {"data": {"total": 1}}).json()["runs"] == []
    assert key.get(f"/runs/{run}").json()["status"] == "waiting"
