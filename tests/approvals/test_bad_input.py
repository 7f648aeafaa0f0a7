"""What no page of ours sends: it is refused where it is wrong, on every database, and never an error of ours."""

import json
from urllib.parse import urlencode

import pytest
from django.test import Client

from approvals.models import Decision
from tests import factories
from tests.approvals import flows
from tests.approvals.making import ask

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def bo(cast):
    client = Client()
    client.force_login(cast.bo.user)
    return client


@pytest.fixture
def ana(cast):
    client = Client()
    client.force_login(cast.ana.user)
    return client


def api(cast, method, path, body=None):
    key = factories.api_key(cast.bo, "approvals:decide")[1]
    sent = {"data": json.dumps(body), "content_type": "application/json"} if body is not None else {}
    return getattr(Client(), method)(path, headers={"Authorization": f"Bearer {key}"}, **sent)


@pytest.mark.parametrize("cursor", ["%00", "x%00y", "0001-01-01T00:00:00%2B23:59~018f4e7e-0000-7000-8000-000000000000"])
@pytest.mark.parametrize("scope", ["mine", "done", "unassigned", "groups"])
def test_a_cursor_of_no_list(dispatcher, cast, bo, cursor, scope):
    ask()
    assert bo.get(f"/inbox/?scope={scope}&cursor={cursor}").status_code in (200, 404)
    assert bo.get(f"/inbox/?scope={scope}&q=asks&cursor={cursor}").status_code in (200, 404)


def test_a_null_character_in_a_reason_for_many(dispatcher, cast, bo):
    _, prompt = ask()
    sent = {"prompt": f"{prompt.pk}:1", "outcome": "approve", "reasoning": "a\0b", "confirmed": "1"}
    assert bo.post("/inbox/bulk", sent).status_code in (200, 422)
    assert not Decision.objects.exists()


@pytest.mark.parametrize("sent", [{"assign": "user:a\0b"}, {"assign": "user:bo@example.com", "reason": "a\0b"}])
def test_a_null_character_in_a_reassignment(dispatcher, cast, ana, sent):
    _, prompt = ask()
    assert ana.post(f"/inbox/{prompt.pk}/reassign", sent).status_code in (302, 422)


def test_a_search_too_long_to_be_kept(cast, bo):
    view = "scope=mine&sort=&q=" + "%F0%9F%A6%8A" * 60
    assert bo.post("/inbox/filters", {"name": "x", "query": view}).status_code == 422


@pytest.mark.parametrize("field", ["name", "expression", "outcome", "workflow", "prompt", "reason"])
def test_a_null_character_in_a_policy(cast, ana, field):
    rule = {"name": "Small", "expression": "data.amount < 1000", "outcome": "approve", "workflow": "asks"}
    assert ana.post("/policies/new", rule | {field: "a\0b"}).status_code == 422


@pytest.mark.parametrize(
    "payload",
    [
        "[" * 100_000,
        '{"team": {"id": "T\\u0000"}}',
        '{"team": {"id": "\\ud800"}}',
        '{"team": [], "user": 1}',
        "[]",
        "1",
        "{}",
    ],
)
def test_a_call_that_is_not_from_slack(cast, payload):
    assert Client().post("/slack/events", urlencode({"payload": payload}), content_type=FORM).status_code == 401


@pytest.mark.parametrize("token", ["xoxb-é", "xoxb-a\nb", "xoxb-a b\0", "xoxb-" + "😀"])
def test_a_bot_token_that_no_header_takes(cast, ana, token):
    sent = {"bot_token": token, "signing_secret": "a-signing-secret-of-the-tests"}
    assert ana.post("/slack/", sent).status_code == 422


@pytest.mark.parametrize("data", [{"street": "a\0b", "town": "x"}, "\ud800", {"\0": 1}, [["["] * 3], 1e400])
def test_data_of_a_form(dispatcher, cast, data):
    _, prompt = ask(type="form", form=flows.Address)
    answer = api(cast, "post", f"/v1/prompts/{prompt.pk}/complete", {"outcome": "submit", "data": data})
    assert answer.status_code in (200, 400, 422), answer.content


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_data_of_an_edit(dispatcher, cast, text):
    _, prompt = ask(type="edit")
    data = {"employee": text, "amount": "5.00"}
    answer = api(cast, "post", f"/v1/prompts/{prompt.pk}/complete", {"outcome": "approve", "data": data})
    assert answer.status_code in (200, 400, 422), answer.content


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59"),
        ("0001-01-01T00:00:00+23:59", "2999-12-31T00:00:00Z"),
    ],
)
def test_an_absence_at_the_end_of_time(dispatcher, cast, start, end):
    body = {"from": start, "until": end, "substitute": "cleo@example.com"}
    assert api(cast, "post", "/v1/absences", body).status_code == 422
    assert api(cast, "get", "/v1/absences").status_code == 200


def test_versions_and_places_beyond_all_numbers(dispatcher, cast, bo):
    _, prompt = ask()
    body = {"outcome": "approve", "version": 10**30}
    assert api(cast, "post", f"/v1/prompts/{prompt.pk}/complete", body).status_code in (409, 422)
    assert api(cast, "get", f"/v1/reports/approvals?period={10**30}").status_code in (403, 422)
    assert bo.post("/inbox/bulk", {"prompt": f"{prompt.pk}:{10**30}", "outcome": "approve"}).status_code == 200


@pytest.mark.parametrize("path", ["/decide/%00/", "/decide/%ff/", "/decide/é/", "/decide/a:b:c/"])
def test_links_that_are_none(cast, bo, path):
    assert bo.get(path).status_code == 404
