"""/v1/runs: reading, paging, and the verbs."""

import pytest

from . import flows
from .test_workflows import EXPENSE

VERBS = {"signal": {"name": "word", "data": "a"}, "fork": {"from_step": "book"}}
ALL_VERBS = ["signal", "cancel", "pause", "resume", "retry", "fork"]
# Ids of nothing, of version 7 and 4; fixed, for pytest's processes must collect the same tests.
UNKNOWN = ["019a8f6e-0000-7000-8000-000000000000", "6f1b3c9a-0000-4000-8000-000000000000"]


def start(caller, workflow, given=None):
    answer = caller.post(f"/workflows/{workflow}/run", {"input": given})
    assert answer.status_code == 202, answer.json()
    return answer.json()["id"]


def test_a_completed_run(key):
    run = key.get(f"/runs/{start(key, 'rest-plain', EXPENSE)}").json()
    steps = run.pop("steps")
    times = {name: run.pop(name) for name in ("id", "created_at", "started_at", "ended_at", "requester")}
    assert run == {
        "workflow": "rest-plain",
        "version": 1,
        "status": "completed",
        "input": EXPENSE,
        "output": {"booked": "80.00"},
        "error": None,
        "waiting_on": [],
        "cost_usd": "0",
        "parent_id": None,
    }
    assert all(times[name].endswith("Z") for name in ("created_at", "started_at", "ended_at"))
    assert times["requester"] is None  # a workspace's key asked
    assert [(step["name"], step["status"], step["attempts"], step["output"]) for step in steps] == [
        ("book", "completed", 1, {"booked": "80.00"})
    ]


def test_a_failed_run_says_where_and_why(key):
    flows.FAILURES.append("book")
    run = key.get(f"/runs/{start(key, 'rest-plain', EXPENSE)}").json()
    assert (run["status"], run["error"]) == (
        "failed",
        {"type": "ValueError", "message": "the ledger is closed", "step": "book"},
    )
    assert run["steps"][0]["error"] == run["error"]


def test_a_run_that_waits_for_people_says_for_whom(key):
    run = key.get(f"/runs/{start(key, 'rest-asks', EXPENSE)}").json()
    prompt = key.get("/prompts").json()["items"][0]
    assert run["status"] == "waiting"
    assert run["waiting_on"] == [
        {
            "kind": "prompt",
            "name": "manager-approval",
            "since": run["waiting_on"][0]["since"],
            "due_at": prompt["due_at"],
            "prompt_id": prompt["id"],
            "assignees": ["role:manager", "user:dev@example.com"],
        }
    ]


def test_other_waits_have_no_prompt(key):
    waiting = key.get(f"/runs/{start(key, 'rest-listens')}").json()["waiting_on"]
    assert [(wait["kind"], wait["name"], wait["due_at"]) for wait in waiting] == [("signal", "word", None)]
    assert "prompt_id" not in waiting[0]


def test_nan_is_not_json(key):
    answer = key.get(f"/runs/{start(key, 'rest-counts', 1)}")
    assert b"NaN" not in answer.content
    assert answer.json()["output"] is None


@pytest.mark.parametrize("count", [1, 3])
def test_the_list_takes_the_same_queries_for_any_number(key, django_assert_num_queries, count):
    ids = [start(key, "rest-asks", EXPENSE) for _ in range(count)]
    with django_assert_num_queries(2):  # the key, the runs
        answer = key.get("/runs")
    assert [run["id"] for run in answer.json()["items"]] == ids[::-1]
    assert set(answer.json()["items"][0]) == {
        *("id", "workflow", "version", "status", "error", "requester", "created_at", "started_at", "ended_at")
    }


@pytest.mark.parametrize("count", [1, 3])
def test_a_run_takes_the_same_queries_for_any_number_of_steps(key, django_assert_num_queries, count):
    run = start(key, "rest-counts", count)
    with django_assert_num_queries(5):  # the key; the run, its waits, its steps, their attempts
        assert len(key.get(f"/runs/{run}").json()["steps"]) == count


def test_a_waiting_run_takes_three_queries_more(key, django_assert_num_queries):
    run = start(key, "rest-asks", EXPENSE)
    with django_assert_num_queries(8):  # the prompt, its assignments, its decision
        key.get(f"/runs/{run}")


@pytest.mark.parametrize("count", [1, 3])
def test_steps_take_the_same_queries_for_any_number(key, django_assert_num_queries, count):
    run = start(key, "rest-counts", count)
    with django_assert_num_queries(5):
        assert len(key.get(f"/runs/{run}/steps").json()["items"]) == count


def test_lists_are_paged(key):
    ids = [start(key, "rest-plain", EXPENSE) for _ in range(3)]
    first = key.get("/runs", limit=2).json()
    second = key.get("/runs", limit=2, cursor=first["next"]).json()
    assert [run["id"] for run in first["items"] + second["items"]] == ids[::-1]
    assert second["next"] is None


def test_all_steps_of_a_long_run_are_found(key):
    run = start(key, "rest-counts", 120)
    assert len(key.get(f"/runs/{run}").json()["steps"]) == 100
    first = key.get(f"/runs/{run}/steps", limit=70).json()
    second = key.get(f"/runs/{run}/steps", limit=70, cursor=first["next"]).json()
    assert [step["occurrence"] for step in first["items"] + second["items"]] == list(range(1, 121))
    assert second["next"] is None


def test_runs_are_filtered(key):
    waiting, done = start(key, "rest-listens"), start(key, "rest-plain", EXPENSE)
    assert [run["id"] for run in key.get("/runs", status="waiting").json()["items"]] == [waiting]
    assert [run["id"] for run in key.get("/runs", workflow="rest-plain").json()["items"]] == [done]


def test_runs_are_found_by_how_their_id_begins_or_ends(key, django_assert_num_queries):
    one, other = start(key, "rest-plain", EXPENSE), start(key, "rest-listens")
    for part in (one, one.replace("-", ""), one[-8:], one[:-1], one[-12:].upper()):
        assert [run["id"] for run in key.get("/runs", id=part).json()["items"]] == [one], part
    with django_assert_num_queries(5):
        both = key.get("/runs", id=one[:2]).json()
    assert ([run["id"] for run in both["items"]], both["next"]) == ([other, one], None)
    assert [run["id"] for run in key.get("/runs", id=one[:2], limit=1).json()["items"]] == [other]
    assert [run["id"] for run in key.get("/runs", id=one[:2], status="waiting").json()["items"]] == [other]
    assert key.get("/runs", id="ffffffff").json()["items"] == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"id": "no id"}, "id"),
        ({"id": "a" * 37}, "id"),
        ({"limit": 0}, "limit"),
        ({"limit": 201}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"status": "sleepy"}, "status"),
        ({"cursor": "abc"}, "cursor"),
        ({"workflow": "a\x00b"}, "workflow"),
    ],
)
def test_bad_queries_name_the_field(key, query, field):
    answer = key.get("/runs", **query)
    assert (answer.status_code, answer.json()["type"]) == (422, "invalid")
    assert [error["loc"] for error in answer.json()["errors"]] == [[field]]


@pytest.mark.parametrize("cursor", ["abc", "9" * 30, "1;2", "\x00"])
def test_bad_cursors_of_steps(key, cursor):
    answer = key.get(f"/runs/{start(key, 'rest-plain', EXPENSE)}/steps", cursor=cursor)
    assert answer.status_code in (200, 422)


def test_signals_are_kept_in_order(key):
    run = start(key, "rest-listens")
    first = key.post(f"/runs/{run}/signal", {"name": "word", "data": "one"})
    assert (first.status_code, first.json()["status"]) == (200, "waiting")
    key.post(f"/executions/{run}/signal", {"name": "word", "data": "two"})
    found = key.get(f"/runs/{run}").json()
    assert (found["status"], found["output"]) == ("completed", ["one", "two"])


def test_executions_answer_as_runs(key):
    run = start(key, "rest-plain", EXPENSE)
    assert key.get(f"/executions/{run}").json() == key.get(f"/runs/{run}").json()


def test_pause_holds_and_resume_lets_go(key):
    run = start(key, "rest-listens")
    assert key.post(f"/runs/{run}/pause").json()["status"] == "paused"
    key.post(f"/runs/{run}/signal", {"name": "word", "data": "one"})
    assert key.get(f"/runs/{run}").json()["status"] == "paused"
    assert key.post(f"/runs/{run}/resume").status_code == 200
    key.post(f"/runs/{run}/signal", {"name": "word", "data": "two"})
    assert key.get(f"/runs/{run}").json()["output"] == ["one", "two"]


def test_cancel_ends_a_run_and_its_prompts(key):
    run = start(key, "rest-asks", EXPENSE)
    answer = key.post(f"/runs/{run}/cancel", {"reason": "wrong amount"})
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert key.get("/prompts", run_id=run).json()["items"][0]["status"] == "cancelled"
    newest = key.get("/audit", target=f"run:{run}").json()["items"][0]
    assert (newest["verb"], newest["reason"]) == ("run.cancelled", "wrong amount")


def test_cancel_is_always_accepted(key):
    run = start(key, "rest-plain", EXPENSE)
    for _ in range(2):
        answer = key.post(f"/runs/{run}/cancel")
        assert (answer.status_code, answer.json()["status"]) == (200, "completed")


def test_retry_runs_again_what_failed(key):
    flows.FAILURES.append("book")
    run = start(key, "rest-plain", EXPENSE)
    assert key.post(f"/runs/{run}/retry").status_code == 200
    found = key.get(f"/runs/{run}").json()
    assert (found["status"], found["output"], found["error"]) == ("completed", {"booked": "80.00"}, None)


def test_fork_is_a_new_run(key):
    run = start(key, "rest-counts", 3)
    answer = key.post(f"/runs/{run}/fork", {"from_step": "count#2"})
    assert (answer.status_code, answer.json()["id"] != run) == (200, True)
    assert len(key.get(f"/runs/{answer.json()['id']}").json()["steps"]) == 3


@pytest.mark.parametrize("step", ["nothing", "count#9", "count#x", "#", "count#", "count#999999999999999999999"])
def test_fork_from_a_step_that_is_not_there(key, step):
    run = start(key, "rest-counts", 1)
    answer = key.post(f"/runs/{run}/fork", {"from_step": step})
    assert (answer.status_code, answer.json()["type"]) == (409, "illegal-state")


@pytest.mark.parametrize(
    ("workflow", "verb"),
    [
        ("rest-plain", "signal"),
        ("rest-plain", "pause"),
        ("rest-plain", "resume"),
        ("rest-plain", "retry"),
        ("rest-listens", "retry"),
        ("rest-listens", "resume"),
    ],
)
def test_what_the_state_does_not_allow(key, workflow, verb):
    run = start(key, workflow, EXPENSE if workflow == "rest-plain" else None)
    before = key.get(f"/runs/{run}").json()
    answer = key.post(f"/runs/{run}/{verb}", VERBS.get(verb))
    assert (answer.status_code, answer.json()["type"]) == (409, "illegal-state")
    assert key.get(f"/runs/{run}").json() == before


@pytest.mark.parametrize("name", [*UNKNOWN, "1", "not-a-uuid", "%00", "é"])
def test_an_unknown_run_is_not_found(key, name):
    answers = [key.get(f"/runs/{name}"), key.get(f"/executions/{name}"), key.get(f"/runs/{name}/steps")]
    answers += [key.post(f"/runs/{name}/{verb}", VERBS.get(verb)) for verb in ALL_VERBS]
    assert {(answer.status_code, answer.json()["type"]) for answer in answers} == {(404, "not-found")}


def test_another_workspaces_run_is_not_found(key, cast, calling):
    run = start(key, "rest-listens")
    before = key.get(f"/runs/{run}").json()
    stranger = calling(cast.globex)
    answers = [stranger.get(f"/runs/{run}"), stranger.get(f"/runs/{run}/steps"), stranger.get(f"/runs/{run}/stream")]
    answers += [stranger.post(f"/runs/{run}/{verb}", VERBS.get(verb)) for verb in ALL_VERBS]
    assert {(answer.status_code, answer.json()["type"]) for answer in answers} == {(404, "not-found")}
    assert stranger.get("/runs").json()["items"] == []
    assert key.get(f"/runs/{run}").json() == before


@pytest.mark.parametrize(
    ("verb", "body", "field"),
    [
        ("signal", {"data": 1}, "name"),
        ("signal", {"name": ""}, "name"),
        ("signal", {"name": "word", "data": 1}, "data"),
        ("signal", {"name": "a\x00"}, "name"),
        ("fork", {}, "from_step"),
        ("fork", {"from_step": "a\x00"}, "from_step"),
        ("cancel", {"reason": "a\x00"}, "reason"),
        ("cancel", {"reason": 7}, "reason"),
    ],
)
def test_bad_bodies_name_the_field_and_change_nothing(key, verb, body, field):
    run = start(key, "rest-listens")
    before = key.get(f"/runs/{run}").json()
    answer = key.post(f"/runs/{run}/{verb}", body)
    assert (answer.status_code, [error["loc"] for error in answer.json()["errors"]]) == (422, [[field]])
    assert key.get(f"/runs/{run}").json() == before
