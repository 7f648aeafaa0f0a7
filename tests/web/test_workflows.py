"""Workflows and the form that starts them."""

import re

from flowapp import Context, FlowControl, workflow
from flowapp.engine import queries, registry
from flowapp.engine.reading.search import Filter

TYPED = {
    "input.name": "Nordwind",
    "input.address.street": "Kai 1",
    "input.address.city": "Hamburg",
    "input.limit": "10",
    "input.notes": "keep me",
}


def rows():
    return queries.run_page(Filter(workflow="web-onboard")).items


def test_the_list_shows_what_is_registered(cast, signed_in):
    page = signed_in(cast.dev).get("/workflows/").content.decode()
    assert "web-onboard" in page
    assert "Greet a customer." in page


def test_the_engines_own_workflows_are_not_offered(cast, signed_in):
    client = signed_in(cast.ana)
    for address in ("/workflows/", "/runs/", "/policies/new", "/v1/workflows"):
        page = client.get(address).content.decode()
        assert "flowapp-map" not in page, address
        assert "flowapp-step" not in page, address


def test_the_form_starts_a_run_and_leads_to_it(dispatcher, cast, signed_in):
    answer = signed_in(cast.bo).post("/workflows/web-onboard/start", TYPED)
    [run] = rows()
    assert answer["Location"] == f"/runs/{run.id}/"
    assert queries.run_detail(run.id).input["address"] == {"street": "Kai 1", "city": "Hamburg", "country": "DE"}
    assert queries.run_detail(run.id).requester["label"] == "Bo"


def test_pressing_twice_starts_one_run(dispatcher, cast, signed_in):
    client = signed_in(cast.bo)
    form = client.get("/workflows/web-onboard/").content.decode()
    key = re.search(r'name="idempotency_key" value="(\w+)"', form)[1]
    for _ in range(2):
        client.post("/workflows/web-onboard/start", TYPED | {"idempotency_key": key})
    assert len(rows()) == 1
    changed = client.post("/workflows/web-onboard/start", TYPED | {"idempotency_key": key, "input.notes": "else"})
    assert (changed.status_code, len(rows())) == (409, 1)


def test_a_start_that_flow_control_skips_says_why_and_keeps_what_was_typed(dispatcher, cast, signed_in):
    async def greet(ctx: Context, name: str) -> str:
        return name

    workflow(name="web-rated", control=FlowControl(rate="1/h"))(greet)
    try:
        bo = signed_in(cast.bo)
        assert bo.post("/workflows/web-rated/start", {"input": "Nordwind"}).status_code == 302
        answer = bo.post("/workflows/web-rated/start", {"input": "Kai 1"})
        assert answer.status_code == 409
        assert "may start 1 times" in answer.content.decode()
        assert "Kai 1" in answer.content.decode()
    finally:
        del registry._workflows["web-rated", 1]


def test_wrong_input_is_named_at_its_field_and_everything_typed_stays(dispatcher, cast, signed_in):
    answer = signed_in(cast.bo).post(
        "/workflows/web-onboard/start", TYPED | {"input.seats": "9000", "input.address.city": ""}
    )
    page = answer.content.decode()
    assert answer.status_code == 422
    assert rows() == []
    for part in (
        "keep me",
        "9000",
        'id="field-seats-error"',
        "less than or equal to 500",
        'id="field-address-city-error"',
    ):
        assert part in page


def test_what_cannot_be_read_is_named(dispatcher, cast, signed_in):
    answer = signed_in(cast.bo).post("/workflows/web-onboard/start", TYPED | {"input.seats": "half"})
    assert answer.status_code == 422
    assert "is not a whole number" in answer.content.decode()
    assert "half" in answer.content.decode()


def test_unknown_workflows_are_not_found(cast, signed_in):
    assert signed_in(cast.bo).get("/workflows/nothing/").status_code == 404
    assert signed_in(cast.bo).post("/workflows/nothing/start").status_code == 404


def test_viewers_cannot_start(dispatcher, cast, signed_in):
    client = signed_in(cast.dev)
    assert "As a viewer you may look" in client.get("/workflows/web-onboard/").content.decode()
    assert client.post("/workflows/web-onboard/start", TYPED).status_code == 403
    assert rows() == []
