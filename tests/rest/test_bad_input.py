"""What is refused changes nothing: the run waits on, and the prompt is still open as it was."""

import pytest

from tests.unfit import UNFIT

from .conftest import Caller
from .test_prompts import ask
from .test_runs import UNKNOWN, start
from .test_workflows import EXPENSE

APPROVE = {"outcome": "approve"}


@pytest.fixture
def asked(key):
    """A waiting run and its prompt, which must be as they were after each test."""
    run, prompt = ask(key)
    before = key.get(f"/runs/{run}").json()
    yield prompt
    assert prompt.items() <= key.get(f"/prompts/{prompt['id']}").json().items()
    assert key.get(f"/runs/{run}").json() == before
    assert prompt["status"] == "pending"


def complete(caller, prompt, body):
    answer = caller.post(f"/prompts/{prompt['id']}/complete", body)
    assert answer["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert {"type", "title", "status", "detail"} <= set(problem)
    assert problem["status"] == answer.status_code
    return answer.status_code, problem["type"], problem


def places(problem):
    return [error["loc"] for error in problem["errors"]]


def test_an_unknown_workflow(key, asked):
    answer = key.post("/workflows/expense-aproval/run", {"input": EXPENSE})
    assert (answer.status_code, answer.json()["type"]) == (404, "not-found")
    assert "expense-aproval" in answer.json()["detail"]


@pytest.mark.parametrize(
    "given", [{"employee": "Ana", "purpose": "train"}, EXPENSE | {"amount": "a lot"}], ids=["missing", "wrong"]
)
def test_a_missing_or_wrong_field(key, asked, given):
    answer = key.post("/workflows/rest-asks/run", {"input": given})
    assert (answer.status_code, places(answer.json())) == (422, [["input", "amount"]])


def test_an_unknown_outcome(bo, asked):
    status, type, problem = complete(bo, asked, {"outcome": "aprove"})
    assert (status, type, places(problem)) == (422, "invalid", [["outcome"]])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "outcome"),
        ({"outcome": 7}, "outcome"),
        ({"outcome": "a\x00"}, "outcome"),
        ({"outcome": "a" * 65}, "outcome"),
        (APPROVE | {"reasoning": "a\x00"}, "reasoning"),
        (APPROVE | {"reasoning": "a" * 10_001}, "reasoning"),
        (APPROVE | {"version": "new"}, "version"),
        (APPROVE | {"data": {"amount": "1.00"}}, "data"),
    ],
)
def test_a_bad_answer_names_the_field(bo, asked, body, field):
    status, type, problem = complete(bo, asked, body)
    assert (status, type, places(problem)) == (422, "invalid", [[field]])


def test_form_data_that_does_not_fit(key, bo):
    run, prompt = ask(key, "rest-form", None)
    status, type, problem = complete(bo, prompt, {"outcome": "submit", "data": {"street": "Main St", "zip": "12"}})
    assert (status, type, places(problem)) == (422, "invalid", [["data", "zip"]])
    assert prompt.items() <= key.get(f"/prompts/{prompt['id']}").json().items()
    assert key.get(f"/runs/{run}").json()["status"] == "waiting"


def test_a_second_decision_is_told_who_decided_what(key, bo, cast, calling):
    run, prompt = ask(key)
    first = bo.post(f"/prompts/{prompt['id']}/complete", APPROVE | {"reasoning": "within budget"}).json()
    done = key.get(f"/runs/{run}").json()
    status, type, problem = complete(calling(cast.dev, "approvals:decide"), prompt, {"outcome": "deny"})
    assert (status, type) == (409, "already-decided")
    assert problem["decision"] == first["decision"]
    assert problem["decision"]["by"]["email"] == "bo@example.com"
    assert "bo@example.com" in problem["detail"]
    assert first.items() <= key.get(f"/prompts/{prompt['id']}").json().items()
    assert key.get(f"/runs/{run}").json() == done


def test_the_same_person_deciding_otherwise_is_told_as_well(key, bo):
    _, prompt = ask(key)
    bo.post(f"/prompts/{prompt['id']}/complete", APPROVE)
    status, type, problem = complete(bo, prompt, {"outcome": "deny"})
    assert (status, type, problem["decision"]["outcome"]) == (409, "already-decided", "approve")


def test_a_stale_version(bo, asked):
    status, type, problem = complete(bo, asked, APPROVE | {"version": 7})
    assert (status, type, problem["version"]) == (409, "stale-version", 1)


def test_somebody_who_is_not_assigned(cast, calling, asked):
    for member in (cast.ana, cast.cleo):
        status, type, _ = complete(calling(member, "approvals:decide"), asked, APPROVE)
        assert (status, type) == (403, "not-eligible")


def test_a_key_without_the_right_to_decide(cast, calling, asked):
    assert complete(calling(cast.bo), asked, APPROVE)[:2] == (403, "not-eligible")


def test_the_workspaces_own_key_decides_nothing(key, cast, calling, asked):
    assert complete(key, asked, APPROVE)[:2] == (403, "not-eligible")
    assert complete(calling(cast.acme, "approvals:decide"), asked, APPROVE)[:2] == (403, "not-eligible")


def test_another_workspaces_ids(cast, calling, asked):
    for stranger in (calling(cast.globex, "approvals:decide"), calling(cast.gil, "approvals:decide")):
        assert complete(stranger, asked, APPROVE)[:2] == (404, "not-found")
        assert stranger.get(f"/prompts/{asked['id']}").status_code == 404
        assert stranger.get("/prompts", run_id=asked["run_id"]).json()["items"] == []
        assert stranger.post(f"/runs/{asked['run_id']}/cancel").status_code == 404


@pytest.mark.parametrize("name", [*UNKNOWN, "1", "none", "%00"])
def test_unknown_ids(bo, asked, name):
    for answer in (bo.get(f"/prompts/{name}"), bo.post(f"/prompts/{name}/complete", APPROVE)):
        assert (answer.status_code, answer.json()["type"]) == (404, "not-found")


@pytest.mark.parametrize(
    "body",
    [
        '{"outcome": "approve"',
        "outcome=approve",
        "{'outcome': 'approve'}",
        '{"outcome": NaN}',
        '{"outcome": "\ud83d approve"}'.encode("utf-8", "surrogatepass"),
        r'{"outcome": "\ud83d approve"}',
        b'{"outcome": "\xff"}',
        b"\xef\xbb\xbf{}",
        "[" * 10_000,
        '{"data":' + "[" * 70 + "]" * 70 + "}",
    ],
    ids=["cut", "form", "quotes", "nan", "half-utf8", "half-escape", "latin1", "bom", "deep-cut", "deep"],
)
def test_malformed_json(bo, key, asked, body):
    assert complete(bo, asked, body)[:2] == (400, "invalid")
    answer = key.post("/workflows/rest-asks/run", body)
    assert (answer.status_code, answer.json()["type"]) == (400, "invalid")


@pytest.mark.parametrize("number", ["1e400", "-1e400", "1" + "0" * 400 + ".0"])
def test_a_number_beyond_all_that_can_be_kept_is_named(bo, key, asked, number):
    data = f'"data": {{"a": [0, {number}]}}'
    answers = [
        bo.post(f"/prompts/{asked['id']}/complete", f'{{"outcome": "approve", {data}}}'),
        key.post("/workflows/rest-asks/run", f"{{{data}}}"),
        key.post("/events", f'{{"name": "rest/unheard", {data}}}'),
    ]
    for answer in answers:
        assert (answer.status_code, answer.json()["errors"][0]["loc"]) == (422, ["data", "a", 1])
    headers = {"ce-specversion": "1.0", "ce-type": "x", "ce-source": "s", "ce-id": "1"}
    whole = key._client.post("/v1/events", number, "application/json", headers=key.headers | headers)
    assert (whole.status_code, whole.json()["errors"][0]["loc"]) == (422, [])


@pytest.mark.parametrize(("body", "status", "words"), UNFIT)
def test_what_no_door_lets_in(bo, key, asked, body, status, words):
    """The same as hooks and queues refuse."""
    answers = [
        bo.post(f"/prompts/{asked['id']}/complete", b'{"outcome": "approve", "data": ' + body + b"}"),
        key.post("/workflows/rest-asks/run", body),
        key.post("/events", b'{"name": "rest/unheard", "data": ' + body + b"}"),
    ]
    for answer in answers:
        assert (answer.status_code, answer.json()["type"]) == (status, "invalid")
        assert words in answer.json()["detail"]


def test_too_large_a_body(bo, asked, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    assert complete(bo, asked, APPROVE | {"reasoning": "a" * 1000})[:2] == (413, "too-large")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer ffk_live_nobody_knows_this_key"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer é"},
        {"Authorization": "Basic Ym86cGFzcw=="},
        {"Authorization": "bo@example.com"},
    ],
    ids=["none", "wrong", "empty", "letters", "basic", "bare"],
)
def test_no_or_wrong_key(asked, key, headers):
    stranger = Caller("")
    stranger.headers = headers
    answers = [
        stranger.post(f"/prompts/{asked['id']}/complete", APPROVE),
        stranger.get(f"/runs/{asked['run_id']}"),
        stranger.get(f"/runs/{asked['run_id']}/stream"),
        stranger.post("/workflows/rest-asks/run", {"input": EXPENSE}),
        stranger.get("/audit"),
    ]
    assert {(one.status_code, one.json()["type"], one["WWW-Authenticate"]) for one in answers} == {
        (401, "unauthenticated", "Bearer")
    }
    assert len(key.get("/runs").json()["items"]) == 1


def test_a_method_that_is_not_there(key, asked):
    for answer in (key.get(f"/prompts/{asked['id']}/complete"), key.get(f"/runs/{asked['run_id']}/cancel")):
        assert (answer.status_code, answer["Content-Type"], answer["Allow"]) == (
            405,
            "application/problem+json",
            "POST",
        )


@pytest.mark.parametrize("path", ["", "/", "/runs/", "/nothing", "/prompts/1/2/3"])
def test_an_address_that_leads_nowhere(key, path):
    answer = key.get(path)
    assert (answer.status_code, answer.json()["type"]) == (404, "not-found")


def test_a_bug_is_a_problem_document_without_its_details(key, monkeypatch):
    from flowapp.engine import queries

    def broken():
        raise ZeroDivisionError("the secret detail")

    monkeypatch.setattr(queries, "workers", broken)
    answer = key.get("/workers")
    assert (answer.status_code, answer["Content-Type"]) == (500, "application/problem+json")
    assert b"secret" not in answer.content


def test_a_run_that_has_ended_takes_no_signal(key):
    run = start(key, "rest-plain", EXPENSE)
    answer = key.post(f"/runs/{run}/signal", {"name": "word"})
    assert (answer.status_code, answer.json()["type"]) == (409, "illegal-state")
