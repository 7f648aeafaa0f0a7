"""Who may call what: viewers read, everybody else also starts and stops runs; sessions need CSRF, keys do not."""

import json

import pytest
from django.test import Client

from .test_prompts import ask
from .test_runs import ALL_VERBS, VERBS, start
from .test_workflows import EXPENSE

READS = ["/workflows", "/workflows/rest-plain", "/runs", "/prompts"]


def test_viewers_read(key, cast, calling):
    run, prompt = ask(key)
    dev = calling(cast.dev)
    for path in [*READS, f"/runs/{run}", f"/runs/{run}/steps", f"/executions/{run}", f"/prompts/{prompt['id']}"]:
        assert dev.get(path).status_code == 200, path


def test_viewers_change_nothing(key, cast, calling):
    run = start(key, "rest-listens")
    before = key.get(f"/runs/{run}").json()
    dev = calling(cast.dev)
    answers = [dev.post(f"/runs/{run}/{verb}", VERBS.get(verb)) for verb in ALL_VERBS]
    answers += [dev.post(f"/executions/{run}/signal", VERBS["signal"])]
    answers += [dev.post("/workflows/rest-plain/run", {"input": EXPENSE}), dev.post("/events", {"name": "rest/paid"})]
    assert {(one.status_code, one.json()["type"]) for one in answers} == {(403, "not-eligible")}
    assert key.get(f"/runs/{run}").json() == before
    assert len(key.get("/runs").json()["items"]) == 1


@pytest.mark.parametrize("name", ["ana", "bo", "cleo"])
def test_everybody_else_starts_runs_as_themselves(cast, dispatcher, calling, name):
    member = getattr(cast, name)
    run = calling(member).post("/workflows/rest-plain/run", {"input": EXPENSE})
    assert run.status_code == 202
    who = {"kind": "person", "name": member.user.name, "email": member.user.email, "on_behalf_of": ""}
    assert run.json()["requester"] == who


def test_a_refusal_is_told_and_audited(key, cast, calling):
    answer = calling(cast.dev).post("/workflows/rest-plain/run", {"input": EXPENSE})
    assert "your role is viewer" in answer.json()["detail"]
    newest = key.get("/audit").json()["items"][0]
    assert (newest["verb"], newest["actor"]["id"]) == ("access.refused", "dev@example.com")


@pytest.mark.parametrize(("name", "status"), [("ana", 200), ("bo", 403), ("cleo", 403), ("dev", 403)])
@pytest.mark.parametrize("path", ["/audit", "/workers"])
def test_owners_and_admins_read_the_audit_log_and_see_the_machines(cast, calling, path, name, status):
    assert calling(getattr(cast, name)).get(path).status_code == status


@pytest.fixture
def browser(cast):
    """Bo, signed in, in a browser that checks CSRF."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.bo.user)
    return client


def complete(browser, prompt, **headers):
    body = json.dumps({"outcome": "approve"})
    return browser.post(f"/v1/prompts/{prompt['id']}/complete", body, "application/json", headers=headers)


def test_a_session_reads(browser):
    assert browser.get("/v1/runs").status_code == 200


def test_a_session_changes_nothing_without_its_token(key, browser):
    _, prompt = ask(key)
    answer = complete(browser, prompt)
    assert (answer.status_code, answer.json()["type"]) == (403, "not-eligible")
    assert "CSRF" in answer.json()["detail"]
    assert prompt.items() <= key.get(f"/prompts/{prompt['id']}").json().items()


def test_a_session_with_its_token_decides(key, browser):
    _, prompt = ask(key)
    token = "a" * 32
    browser.cookies["csrftoken"] = token
    answer = complete(browser, prompt, **{"X-CSRFToken": token})
    assert (answer.status_code, answer.json()["decision"]["by"]["email"]) == (200, "bo@example.com")


def test_a_form_is_not_json(key, browser):
    run, prompt = ask(key)
    token = "a" * 32
    browser.cookies["csrftoken"] = token
    path = f"/v1/prompts/{prompt['id']}/complete"
    answer = browser.post(path, {"outcome": "approve"}, headers={"X-CSRFToken": token})  # as multipart/form-data
    assert (answer.status_code, answer.json()["type"]) == (400, "invalid")
    assert key.get(f"/runs/{run}").json()["status"] == "waiting"


def test_a_bad_key_is_not_rescued_by_a_session(browser):
    assert browser.get("/v1/runs", headers={"Authorization": "Bearer ffk_live_wrong_key"}).status_code == 401


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("complete", {"outcome": "approve"}),
        ("claim", None),
        ("release", None),
        ("rescind", None),
        ("reassign", {"assign": ["role:owner"]}),
        ("withdraw", None),
    ],
)
def test_a_key_that_was_not_granted_it_does_nothing_to_a_prompt(key, cast, calling, verb, body):
    """Bo may all of this himself: he is asked, votes, claims and started the run."""
    granted = calling(cast.bo, "approvals:decide")
    run = calling(cast.bo).post("/workflows/rest-quorum/run", {"input": None}).json()["id"]
    prompt = key.get("/prompts", run_id=run).json()["items"][0]["id"]
    granted.post(f"/prompts/{prompt}/claim")
    before = key.get(f"/prompts/{prompt}").json()
    answer = calling(cast.bo).post(f"/prompts/{prompt}/{verb}", body)
    assert (answer.status_code, answer.json()["type"]) == (403, "not-eligible"), answer.json()
    assert key.get(f"/prompts/{prompt}").json() == before


def test_a_key_that_was_not_granted_it_decides_none_of_several(key, cast, calling):
    _, prompt = ask(key)
    answer = calling(cast.bo).post("/prompts/complete", {"prompts": [{"id": prompt["id"]}], "outcome": "approve"})
    assert [one["result"] for one in answer.json()["results"]] == ["not-eligible"]
