"""/v1/workflows: reading definitions, and starting runs."""

import pytest

from . import flows

EXPENSE = {"employee": "Ana Ruiz", "amount": "80.00", "purpose": "train"}


def test_a_workflow_says_what_it_takes(key):
    found = key.get("/workflows/rest-plain").json()
    assert found == {
        "name": "rest-plain",
        "version": 1,
        "versions": [1],
        "description": "Books an expense.\n\nNobody is asked.",
        "input_schema": flows.Expense.model_json_schema(),
        "triggers": [],
        "control": None,
    }


def test_a_workflow_says_what_starts_and_what_holds_it(key):
    def told(name, member):
        return key.get(f"/workflows/{name}").json()[member]

    assert told("rest-triggered", "triggers") == [
        {"kind": "event", "name": "rest/paid", "when": "event.data.total > 10"},
        {"kind": "cron", "expression": "0 9 * * 1", "tz": "Europe/Berlin", "missed": "once"},
    ]
    assert told("rest-limited", "control") == {"rate": "1/min"}
    assert told("rest-collects", "control") == {"batch": {"size": 2, "age": "5s"}}
    assert told("rest-held", "control") == {
        "concurrency": 2,
        "key": "input",
        "throttle": "90s",
        "priority": "int(input)",
    }


def test_the_list_is_paged_by_name(key):
    whole = [one["name"] for one in key.get("/workflows", limit=200).json()["items"]]
    assert whole == sorted(whole)
    assert {"rest-asks", "rest-plain"} <= set(whole)
    paged: list[str] = []
    page = key.get("/workflows", limit=2).json()
    while page["next"]:
        paged += [one["name"] for one in page["items"]]
        page = key.get("/workflows", limit=2, cursor=page["next"]).json()
    paged += [one["name"] for one in page["items"]]
    assert paged == whole


def test_a_start_is_accepted_with_the_run(key, cast):
    answer = key.post("/workflows/rest-plain/run", {"input": EXPENSE})
    run = answer.json()
    assert (answer.status_code, answer["Location"]) == (202, f"/v1/runs/{run['id']}")
    assert (run["workflow"], run["version"], run["input"]) == ("rest-plain", 1, EXPENSE)
    assert key.get(f"/runs/{run['id']}").json()["output"] == {"booked": "80.00"}


def test_the_same_key_and_input_is_the_same_run(key):
    asked = {"input": EXPENSE, "idempotency_key": "trip-1"}
    first, again = (key.post("/workflows/rest-plain/run", asked) for _ in range(2))
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["id"] == again.json()["id"]
    assert len(key.get("/runs").json()["items"]) == 1


def test_the_same_key_with_other_input_is_a_conflict(key):
    key.post("/workflows/rest-plain/run", {"input": EXPENSE, "idempotency_key": "trip-1"})
    answer = key.post("/workflows/rest-plain/run", {"input": EXPENSE | {"amount": "90"}, "idempotency_key": "trip-1"})
    assert (answer.status_code, answer.json()["type"]) == (409, "idempotency-conflict")
    assert len(key.get("/runs").json()["items"]) == 1


def test_what_may_not_be_chosen_is_ignored(key, cast):
    posted = {
        "input": EXPENSE,
        "workspace": str(cast.globex.pk),
        "status": "completed",
        "requester": {"kind": "system"},
    }
    run = key.post("/workflows/rest-asks/run", posted).json()
    assert (run["status"], run["requester"]) == ("waiting", None)


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"input": {"employee": "Ana", "purpose": "train"}}, [["input", "amount"]]),
        (
            {"input": {"employee": 3, "amount": "much", "purpose": "train"}},
            [["input", "employee"], ["input", "amount"]],
        ),
        ({}, [["input"]]),
        ({"input": EXPENSE, "idempotency_key": ""}, [["idempotency_key"]]),
        ({"input": EXPENSE, "idempotency_key": "a\x00b"}, [["idempotency_key"]]),
        ({"input": EXPENSE, "idempotency_key": "k" * 201}, [["idempotency_key"]]),
        ({"input": EXPENSE, "version": "new"}, [["version"]]),
        ([], [[]]),
    ],
    ids=["missing", "wrong", "no-input", "empty-key", "nul", "long-key", "version", "not-an-object"],
)
def test_bad_input_names_each_field(key, body, where):
    answer = key.post("/workflows/rest-plain/run", body)
    assert (answer.status_code, answer.json()["type"]) == (422, "invalid")
    assert [error["loc"] for error in answer.json()["errors"]] == where
    assert all(".".join(loc) in answer.json()["detail"] for loc in where)
    assert key.get("/runs").json()["items"] == []


@pytest.mark.parametrize("body", [{"input": EXPENSE, "version": 9}, {"input": EXPENSE, "version": 2**70}])
def test_an_unknown_version_is_not_found(key, body):
    assert key.post("/workflows/rest-plain/run", body).status_code == 404


@pytest.mark.parametrize("name", ["nothing", "%00", "a" * 300, "%F0%9F%92%A3"])
def test_an_unknown_workflow_is_not_found(key, name):
    for answer in (key.get(f"/workflows/{name}"), key.post(f"/workflows/{name}/run", {"input": EXPENSE})):
        assert (answer.status_code, answer.json()["type"]) == (404, "not-found")
