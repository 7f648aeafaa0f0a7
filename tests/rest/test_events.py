"""/v1/events: a fact starts workflows and satisfies waits, once for its id."""

import json
from base64 import b64encode

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from flowapp.engine import clock
from flowapp.engine.models import Event
from flowapp.engine.triggering import events
from flowapp.integrations.queues import publishing, sources
from flowapp.integrations.webhooks import inbound, signatures
from flowapp.integrations.webhooks.signatures import Scheme
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.scope import scoped

from .test_runs import start

PAID = {"name": "rest/paid", "data": {"total": 20}}
CLOUD = {"specversion": "1.0", "type": "rest/paid", "source": "/shop", "id": "42", "data": {"total": 20}}

ENCODED = b64encode(json.dumps(CLOUD["data"]).encode()).decode()
BINARY = {name: value for name, value in CLOUD.items() if name != "data"} | {"data_base64": ENCODED}


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
    assert key.post("/events", BINARY).json() == structured.json() | {"duplicate": True}


@pytest.mark.parametrize(
    ("body", "where", "words"),
    [
        ({}, ["name"], "required"),
        ({"name": ""}, ["name"], "at least 1"),
        ({"name": " \t"}, ["name"], "at least 1"),
        ({"name": "a\x00"}, ["name"], "null character"),
        (PAID | {"id": 7}, ["id"], "string"),
        ({**CLOUD, "type": None}, [], "a CloudEvent needs type"),
        ({"specversion": "1.0"}, [], "type and source and id"),
        ({**CLOUD, "specversion": "0.3"}, [], "specversion 1.0, not '0.3'"),
        ([PAID], [], "should be an object"),
        (BINARY | {"data_base64": "b28"}, [], "data_base64 is not base64"),
        (BINARY | {"data_base64": "b29wcw=="}, [], "data_base64 holds no JSON"),
        (BINARY | {"data_base64": 7}, [], "data_base64 is not base64"),
        (BINARY | {"data_base64": b64encode(b'{"a": [1e400]}').decode()}, [], "data.a.0: this number is too large"),
        (BINARY | {"data": {"total": 20}}, [], "data or data_base64, not both"),
    ],
)
def test_bad_events_name_the_field(key, body, where, words):
    answer = key.post("/events", body)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["loc"] == where
    assert words in error["msg"]
    assert "Value error" not in error["msg"]


@pytest.mark.parametrize("digits", [309, 400])
def test_a_number_beyond_floats_is_an_event_by_every_door(key, cast, digits):
    waiting = start(key, "rest-awaits-its-number", {"total": 10**digits})
    body = f'{{"total": 1{"0" * digits}}}'
    answer = key.post("/events", f'{{"name": "rest/paid", "data": {body}}}')
    assert (answer.status_code, answer.json()["matched"]) == (202, [])
    assert [one["run_id"] for one in answer.json()["skipped"]] == [None, waiting]
    assert "could not be evaluated" in answer.json()["skipped"][0]["reason"]
    with scoped(cast.acme.pk):
        hook, secret = inbound.create(name="Shop", event="shop/paid", scheme="plain", slug="shop-numbers", by=SYSTEM)
    headers = signatures.sign(Scheme.PLAIN, [secret], body.encode(), id="1", at=clock.now(), header=hook.header)
    sent = key._client.post("/hooks/shop-numbers", body, "application/json", headers=headers)
    assert sent.status_code == 202
    source = sources.parse(f"memory://here?queue=numbers&workspace={cast.acme.slug}")
    assert not publishing.publish(source, publishing.Message("1", "queue/paid", body.encode())).duplicate
    assert Event.unscoped.count() == 3


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("/" + "s" * 198, "42"), ("/" + "s" * 198, "43")),
        (("/shop", "x" * 200), ("/shop", "x" * 199 + "y")),
        (("a#b", "c"), ("a", "b#c")),
        (("a", "b#c"), ("a#b", "c")),
        (("a", "b"), ("a#b", "")),
    ],
)
def test_what_two_sources_call_an_event_is_told_apart(key, one, other):
    sent = [{**CLOUD, "source": source, "id": id or "b"} for source, id in (one, other)]
    first, second = (key.post("/events", body).json() for body in sent)
    assert (first["duplicate"], second["duplicate"]) == (False, False)
    assert [key.post("/events", body).json() for body in sent] == [
        first | {"duplicate": True},
        second | {"duplicate": True},
    ]


@pytest.mark.parametrize(("source", "id"), [("/shop", "42"), ("/shop#1", "4#2")])
def test_what_was_published_before_the_deploy_counts_once_over_it(key, cast, source, id):
    """Until then an event was known as its source and id with a # between."""
    with scoped(cast.acme.pk):
        before = events.publish("rest/paid", CLOUD["data"], by=SYSTEM, id=f"{source}#{id}")
    again = key.post("/events", {**CLOUD, "source": source, "id": id})
    assert (again.json()["id"], again.json()["duplicate"]) == (str(before.id), True)
    other = key.post("/events", {**CLOUD, "source": source, "id": id, "data": {"total": 99}})
    assert other.status_code == (202 if "#" in source else 409)  # it may have been another's: "/shop" and "1#4#2"


def test_spaces_around_a_name_are_nothing(key):
    answer = key.post("/events", PAID | {"name": " rest/paid "})
    assert [run["workflow"] for run in answer.json()["runs"]] == ["rest-triggered"]


def test_another_workspace_hears_nothing(key, cast, calling):
    run = start(key, "rest-awaits")
    assert calling(cast.globex).post("/events", PAID | {"data": {"total": 1}}).json()["runs"] == []
    assert key.get(f"/runs/{run}").json()["status"] == "waiting"


def batch(key, events):
    return key._client.post("/v1/events", events, "application/cloudevents-batch+json", headers=key.headers)


def test_a_batch_of_cloud_events(key):
    answer = batch(key, [CLOUD, {**CLOUD, "id": "43", "data": {"total": 5}}, CLOUD])
    assert answer.status_code == 202
    items = answer.json()["items"]
    assert [(one["duplicate"], len(one["runs"])) for one in items] == [(False, 1), (False, 0), (True, 1)]
    assert items[1]["skipped"][0]["reason"] == "when is false: event.data.total > 10"


def test_a_batch_takes_the_same_queries_for_any_number(key):
    counts = []
    for count in (2, 3, 40):  # the first also notes that the key was used
        sent = [{**CLOUD, "type": f"rest/unheard/{n % 2}", "id": f"{count}-{n}"} for n in range(count)]
        with CaptureQueriesContext(connection) as queries:
            assert batch(key, sent).status_code == 202
        counts.append(len(queries))
    assert counts[1] == counts[2]


@pytest.mark.parametrize(
    ("events", "where", "words"),
    [
        (CLOUD, [], "an array"),
        ([CLOUD, {**CLOUD, "type": ""}], [1], "a CloudEvent needs type"),
        ([CLOUD, 7], [1], "should be an object"),
        ([{"name": ""}], [0, "name"], "at least 1"),
        ([CLOUD] * 1001, [], "at most 1,000"),
    ],
)
def test_a_bad_batch_names_the_place_and_publishes_nothing(key, events, where, words):
    answer = batch(key, events)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert (error["loc"], words in error["msg"]) == (where, True)
    assert key.get("/runs").json()["items"] == []


def test_a_batch_with_a_conflict_publishes_nothing(key):
    key.post("/events", CLOUD)
    answer = batch(key, [{**CLOUD, "id": "44"}, {**CLOUD, "data": {"total": 99}}])
    assert (answer.status_code, answer.json()["type"]) == (409, "idempotency-conflict")
    assert len(key.get("/runs").json()["items"]) == 1


def test_a_cloud_event_may_be_all_headers(key):
    headers = key.headers | {"ce-specversion": "1.0", "ce-type": "rest/p%C3%A4id", "ce-source": "/shop", "ce-id": "1"}
    answer = key._client.post("/v1/events", "", "application/json", headers=headers)
    assert (answer.status_code, answer.json()["matched"]) == (202, [])
    assert Event.unscoped.get().name == "rest/päid"


def test_the_answer_says_what_matched_and_what_not_and_why(key):
    waiting = start(key, "rest-awaits")
    first = key.post("/events", {"name": "rest/paid", "data": {"total": 3}}).json()
    assert first["matched"] == [{"workflow": None, "run_id": waiting, "wait": "event:rest/paid"}]
    assert [(one["workflow"], one["reason"]) for one in first["skipped"]] == [
        ("rest-triggered", "when is false: event.data.total > 10")
    ]
    nobody = key.post("/events", {"name": "rest/unheard"}).json()
    assert (nobody["runs"], nobody["matched"], nobody["skipped"]) == ([], [], [])
    wrong = key.post("/events", {"name": "rest/limited", "data": "many"}).json()
    assert "valid integer" in wrong["skipped"][0]["reason"]


def test_a_skipped_start_says_so(key):
    assert len(key.post("/events", {"name": "rest/limited", "data": 1}).json()["runs"]) == 1
    second = key.post("/events", {"name": "rest/limited", "data": 2}).json()
    assert second["runs"] == []
    assert "1 times in 60 s" in second["skipped"][0]["reason"]
    direct = key.post("/workflows/rest-limited/run", {"input": 3})
    assert (direct.status_code, direct.json()["type"]) == (429, "rate-limited")
    assert 0 < int(direct["Retry-After"]) <= 60


def test_a_second_singleton_is_refused(key):
    first = start(key, "rest-single")
    second = key.post("/workflows/rest-single/run", {})
    assert (second.status_code, second.json()["type"]) == (409, "illegal-state")
    assert first in second.json()["detail"]


def test_a_collected_event_names_its_run_once_it_has_one(key):
    first, second = (key.post("/events", {"name": "rest/collected/x", "data": n}).json() for n in (1, 2))
    assert (first["runs"], first["matched"][0]["run_id"]) == ([], None)
    (run,) = second["runs"]
    assert key.get(f"/runs/{run['id']}").json()["output"] == 3


def test_events_that_match_nothing_cost_no_runs(key, cast):
    with scoped(cast.acme.pk), CaptureQueriesContext(connection) as queries:
        for number in range(10):
            events.publish("rest/unheard", {"n": number}, by=SYSTEM)
    writes = {query["sql"].split('"')[1] for query in queries if query["sql"].startswith(("INSERT", "UPDATE"))}
    assert writes == {"engine_event", "engine_eventkey"}
    assert len(queries) <= 10 * 10
    assert key.get("/runs").json()["items"] == []
