"""/v1/prompts/complete and /v1/reports: many prompts at once, files, and how deciding goes."""

import json

import pytest

from .flows import RECEIPT
from .test_prompts import ask


def complete(caller, prompts, **answer):
    chosen = [{"id": prompt["id"], "version": prompt["version"]} for prompt in prompts]
    return caller.post("/prompts/complete", {"prompts": chosen, "outcome": "approve"} | answer)


def test_each_prompt_has_its_own_result(key, bo):
    prompts = [ask(key)[1], ask(key, "rest-form", None)[1], ask(key, "rest-risky", None)[1]]
    prompts.append(prompts[0] | {"id": "00000000-0000-7000-8000-000000000000"})
    answer = complete(bo, prompts, reasoning="fine")
    assert answer.status_code == 200
    body = answer.json()
    assert body["taken"] == 1
    assert [one["result"] for one in body["results"]] == ["decided", "needs-form", "high-risk", "not-found"]
    assert [one["id"] for one in body["results"]] == [prompt["id"] for prompt in prompts]
    assert body["results"][0]["decision"]["by"]["email"] == "bo@example.com"
    assert "second factor" in body["results"][2]["detail"]


@pytest.mark.parametrize("bad", ["", "x", None])
def test_what_is_no_id_has_a_result_of_its_own(key, bo, bad):
    _, prompt = ask(key)
    chosen = [{"id": bad}, {"id": prompt["id"].upper()}, {"id": prompt["id"]}, {"id": bad}]
    answer = bo.post("/prompts/complete", {"prompts": chosen, "outcome": "approve"})
    assert answer.status_code == 200
    body = answer.json()
    assert (body["taken"], [one["result"] for one in body["results"]]) == (1, ["not-found", "decided"])
    assert body["results"][0]["id"] == (bad if isinstance(bad, str) else json.dumps(bad))
    assert body["results"][0]["detail"] == "This is no prompt's id."


def test_all_of_them_may_be_no_ids(bo, dispatcher):
    answer = bo.post("/prompts/complete", {"prompts": [{"id": "x"}, {"id": "y"}], "outcome": "approve"})
    body = answer.json()
    assert (answer.status_code, body["taken"], [one["id"] for one in body["results"]]) == (200, 0, ["x", "y"])


def test_a_key_needs_the_grant(key, cast, calling):
    _, prompt = ask(key)
    for caller in (calling(cast.bo), key):
        assert [one["result"] for one in complete(caller, [prompt]).json()["results"]] == ["not-eligible"]
    assert key.get(f"/prompts/{prompt['id']}").json()["status"] == "pending"


def test_the_second_is_told_who_was_first(key, bo, cast, calling):
    _, prompt = ask(key)
    complete(bo, [prompt])
    [late] = complete(calling(cast.dev, "approvals:decide"), [prompt], outcome="deny", reasoning="no").json()["results"]
    assert (late["result"], late["decision"]["by"]["name"]) == ("already-decided", "Bo")


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({"prompts": [], "outcome": "approve"}, ["prompts"]),
        ({"prompts": [{"version": 1}], "outcome": "approve"}, ["prompts", 0, "id"]),
        ({"prompts": [{"id": "x", "version": "one"}], "outcome": "approve"}, ["prompts", 0, "version"]),
        ({"prompts": [{"id": "00000000-0000-7000-8000-000000000000"}]}, ["outcome"]),
        ({"prompts": [{"id": f"00000000-0000-7000-8000-{n:012}"} for n in range(201)], "outcome": "a"}, ["prompts"]),
    ],
)
def test_bad_input_names_the_field(bo, dispatcher, body, loc):
    answer = bo.post("/prompts/complete", body)
    assert (answer.status_code, answer.json()["errors"][0]["loc"]) == (422, loc)


def test_a_file_comes_along(key):
    _, prompt = ask(key, "rest-attaches", None)
    [file] = prompt["attachments"]
    assert (file["name"], file["content_type"], file["size"]) == ("receipt.txt", "text/plain", len(RECEIPT))
    answer = key.get(f"/prompts/{prompt['id']}/attachments/{file['id']}")
    assert answer.content.decode() == RECEIPT
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert key.get(f"/prompts/{prompt['id']}/attachments/{prompt['id']}").status_code == 404


def test_a_report(key, bo):
    complete(bo, [ask(key)[1], ask(key)[1]], outcome="deny", reasoning="no")
    ask(key)
    report = key.get("/reports/approvals", period=7).json()
    assert (report["days"], report["total"]["closed"], report["total"]["denied"]) == (7, 2, 2)
    assert sum(day["denied"] for day in report["by_day"]) == 2
    assert report["pending"][0] == {"age": "under 1 h", "open": 1}
    assert [(one["name"], one["closed"]) for one in report["workflows"]] == [("rest-asks", 2)]
    assert [(one["email"], one["closed"], one["fast"]) for one in report["reviewers"]] == [("bo@example.com", 2, 2)]


def test_who_reads_reports_and_over_what(key, cast, calling):
    for name, status in (("ana", 200), ("bo", 200), ("cleo", 403), ("dev", 403)):
        assert calling(getattr(cast, name)).get("/reports/approvals").status_code == status
    answer = key.get("/reports/approvals", period=365)
    assert (answer.status_code, answer.json()["errors"][0]["loc"]) == (422, ["period"])
