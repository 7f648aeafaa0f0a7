"""The pages of webhooks: a secret is shown once, what was typed stays, lists are paged, and only keepers come in."""

import pytest

from flowapp.engine import clock
from flowapp.integrations import delivery as outbox_delivery
from flowapp.integrations.webhook_tables import InboundWebhook, WebhookEndpoint
from flowapp.integrations.webhooks import endpoints, inbound, queries, receiving
from flowapp.integrations.webhooks.paging import SHOWN
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.scope import scoped
from tests.integrations.webhooks.receiver import receiving as receiver_at_work

HOOK = {"input.name": "Shop", "input.scheme": "github", "input.event": "shop/{type}", "input.slug": "shop-1"}
ENDPOINT = {"input.name": "Shop", "input.url": "https://example.com/hooks", "input.events": "run.*\norder/*"}


@pytest.fixture
def ana(dispatcher, cast, signed_in):
    return signed_in(cast.ana)


def make_hook():
    return inbound.create(name="Shop", event="shop/{type}", scheme="standard", by=SYSTEM)[0]


def make_endpoint(url="https://example.com/hooks"):
    return endpoints.create(name="Shop", url=url, events=["run.*"], by=SYSTEM)[0]


def test_a_new_webhook_shows_its_secret_once(ana):
    form = ana.get("/webhooks/new")
    assert len(form.context["fields"][3].value) == 24
    made = ana.post("/webhooks/new", HOOK)
    row = InboundWebhook.objects.get()
    assert (made.status_code, made["Location"]) == (302, f"/webhooks/{row.pk}/")  # a reload sends no form again
    page = ana.get(made["Location"])
    assert page["Cache-Control"].split(",")[0] == "max-age=0"
    secret = page.context["secret"]
    assert secret in page.content.decode()
    assert secret == row.secrets(clock.now())[0]
    assert secret not in ana.get(f"/webhooks/{row.pk}/").content.decode()
    assert "/hooks/shop-1" in ana.get("/webhooks/").content.decode()


def test_sending_the_form_of_an_endpoint_again_makes_no_second_one(ana):
    form = ana.get("/webhooks/endpoints/new")
    sent = ENDPOINT | {"id": str(form.context["id"])}
    assert ana.post("/webhooks/endpoints/new", sent | {"input.url": "nowhere"}).context["id"] == form.context["id"]
    first, again = (ana.post("/webhooks/endpoints/new", sent) for _ in range(2))
    assert (again.status_code, again["Location"]) == (302, first["Location"])
    row = WebhookEndpoint.objects.get()
    assert first["Location"] == f"/webhooks/endpoints/{row.pk}/"
    ana.post("/webhooks/endpoints/new", ENDPOINT | {"id": "none of ours"})
    assert WebhookEndpoint.objects.count() == 2


@pytest.mark.parametrize(
    "other",
    [
        {"input.name": "Shop two"},
        {"input.url": "https://example.com/other"},
        {"input.events": "run.*"},
        {"input.secret": "whsec_" + "A" * 43 + "="},
    ],
)
def test_going_back_and_changing_the_form_makes_another_endpoint(ana, other):
    sent = ENDPOINT | {"id": str(ana.get("/webhooks/endpoints/new").context["id"])}
    first = ana.post("/webhooks/endpoints/new", sent)["Location"]
    second, again = (ana.post("/webhooks/endpoints/new", sent | other) for _ in range(2))
    assert first != second["Location"] == again["Location"]
    assert ana.get(second["Location"]).status_code == 200
    assert WebhookEndpoint.objects.count() == 2
    assert ana.post("/webhooks/endpoints/new", sent)["Location"] == first


def test_a_form_with_the_id_of_another_workspaces_endpoint_makes_ones_own(ana, cast):
    with scoped(cast.globex.pk):
        theirs = make_endpoint()
    made = ana.post("/webhooks/endpoints/new", ENDPOINT | {"id": str(theirs.pk)})
    row = WebhookEndpoint.objects.get()
    assert (made.status_code, made["Location"]) == (302, f"/webhooks/endpoints/{row.pk}/")
    assert row.pk != theirs.pk


def test_a_secret_is_shown_on_its_own_page_only(ana):
    ana.post("/webhooks/endpoints/new", ENDPOINT)
    assert ana.get(f"/webhooks/endpoints/{make_endpoint().pk}/").context["secret"] == ""


def test_sending_the_form_again_makes_no_second_one(ana):
    ana.post("/webhooks/new", HOOK)
    again = ana.post("/webhooks/new", HOOK)
    assert again.status_code == 422
    assert "taken" in again.content.decode()
    assert InboundWebhook.objects.count() == 1


@pytest.mark.parametrize("missing", ["name", "scheme", "event"])
def test_what_was_typed_stays_with_what_is_wrong(ana, missing):
    typed = {**HOOK, f"input.{missing}": ""}
    page = ana.post("/webhooks/new", typed)
    assert page.status_code == 422
    wrong = {field.key: field.error for field in page.context["fields"] if field.error}
    assert set(wrong) == {missing}
    assert {field.key: field.value for field in page.context["fields"]}["slug"] == "shop-1"


@pytest.mark.parametrize("field", ["name", "event", "slug", "secret"])
def test_what_no_database_stores_is_refused(ana, field):
    assert ana.post("/webhooks/new", {**HOOK, f"input.{field}": "a\0b" * 8}).status_code == 422
    if field in ("name", "secret"):
        assert ana.post("/webhooks/endpoints/new", {**ENDPOINT, f"input.{field}": "a\0b" * 8}).status_code == 422


def test_a_secret_that_was_typed_does_not_come_back(ana):
    page = ana.post("/webhooks/new", HOOK | {"input.name": "", "input.secret": "whsec_canary-of-the-form"})
    assert "canary" not in page.content.decode()


def test_the_verbs_of_a_webhook(ana):
    row = make_hook()
    tested = ana.post(f"/webhooks/{row.pk}/test", follow=True)
    assert "its signature is good" in tested.content.decode()
    (delivery,) = queries.received(row.pk).items
    replayed = ana.post(f"/webhooks/received/{delivery.pk}/replay", follow=True)
    assert "once more" in replayed.content.decode()
    assert len(replayed.context["deliveries"]) == 2
    rotated = ana.post(f"/webhooks/{row.pk}/rotate", follow=True)
    assert len(rotated.redirect_chain) == 1
    assert rotated.context["secret"] in rotated.content.decode()
    wrong = ana.post(f"/webhooks/{row.pk}/rotate", {"secret": "whsec_short"})
    assert (wrong.status_code, "too short" in wrong.content.decode()) == (422, True)
    assert "is disabled" in ana.post(f"/webhooks/{row.pk}/disable", follow=True).content.decode()
    assert ana.post(f"/webhooks/{row.pk}/test").status_code == 409
    ana.post(f"/webhooks/{row.pk}/enable")
    assert InboundWebhook.objects.get().enabled
    assert ana.post(f"/webhooks/{row.pk}/nonsense").status_code == 404


def test_an_endpoint_from_its_form_to_its_deliveries(ana, settings):
    settings.FLOWAPP_WEBHOOK_ALLOW = ["127.0.0.0/8"]
    with receiver_at_work() as server:
        server.answers = [(500, {}, b"<b>broken</b>")]
        made = ana.post("/webhooks/endpoints/new", ENDPOINT | {"input.url": server.url}, follow=True)
        assert len(made.redirect_chain) == 1
        assert made.context["secret"] in made.content.decode()
        row = WebhookEndpoint.objects.get()
        assert row.events == ["run.*", "order/*"]
        path = f"/webhooks/endpoints/{row.pk}/"
        ana.post(f"{path}test")
        outbox_delivery.deliver("webhook")
        failing = ana.get(path).content.decode()
        assert "Failing" in failing
        assert "answered 500" in failing
        assert "next try" in failing
        (delivery,) = queries.deliveries(row.pk).items
        page = ana.get(f"{path}deliveries/{delivery.pk}/").content.decode()
        assert "&lt;b&gt;broken" in page
        assert "<b>broken" not in page
        assert "next try" in page
        clock.shift("10s")
        outbox_delivery.deliver("webhook")
        replayed = ana.post(f"{path}deliveries/{delivery.pk}/replay", follow=True)
        assert "on its way once more" in replayed.content.decode()
        outbox_delivery.deliver("webhook")
        assert "next try" not in ana.get(path).content.decode()
    rotated = ana.post(f"{path}rotate", follow=True)
    assert len(rotated.redirect_chain) == 1
    assert rotated.context["secret"] in rotated.content.decode()
    saved = ana.post(path, ENDPOINT | {"input.name": "Store"}, follow=True)
    assert "Saved." in saved.content.decode()
    assert rotated.context["secret"] not in saved.content.decode()
    wrong = ana.post(path, ENDPOINT | {"input.url": "https://10.0.0.1/"})
    assert (wrong.status_code, "open internet" in wrong.content.decode()) == (422, True)
    ana.post(f"{path}disable")
    assert ana.post(f"{path}test").status_code == 409
    refused = ana.post(f"{path}deliveries/{delivery.pk}/replay")
    assert (refused.status_code, "enable it first" in refused.content.decode()) == (409, True)


def test_why_an_endpoint_was_disabled_is_on_its_page(ana, settings):
    settings.FLOWAPP_WEBHOOK_ALLOW = ["127.0.0.0/8"]
    with receiver_at_work() as server:
        server.answers = [(410, {}, b"")]
        row = make_endpoint(server.url)
        endpoints.send_test(row.pk, by=SYSTEM)
        outbox_delivery.deliver("webhook")
    assert "410 Gone" in ana.get(f"/webhooks/endpoints/{row.pk}/").content.decode()
    assert "Disabled: failed" in ana.get("/webhooks/endpoints/").content.decode()


@pytest.mark.parametrize("count", [1, 3])
def test_lists_take_as_many_queries_for_three_as_for_one(ana, count, django_assert_num_queries):
    for _ in range(count):
        row, endpoint = make_hook(), make_endpoint()
    for _ in range(count):
        receiving.send_test(row.pk, by=SYSTEM)
        endpoints.send_test(endpoint.pk, by=SYSTEM)
    frame = 6  # session, user, membership; for the inbox's count: absences, member and groups, what waits for them
    for path, queries_of_page in [
        ("/webhooks/", 1),
        (f"/webhooks/{row.pk}/", 3),  # it, its deliveries, what they matched
        ("/webhooks/endpoints/", 1),
        (f"/webhooks/endpoints/{endpoint.pk}/", 3),  # it, its deliveries, when those are tried next
    ]:
        ana.get(path)
        with django_assert_num_queries(frame + queries_of_page):
            assert ana.get(path).status_code == 200


def test_lists_are_paged(ana):
    for _ in range(SHOWN + 1):
        make_endpoint()
    first = ana.get("/webhooks/endpoints/")
    assert len(first.context["endpoints"]) == SHOWN
    rest = ana.get("/webhooks/endpoints/", {"cursor": first.context["next"]})
    assert (len(rest.context["endpoints"]), rest.context["next"]) == (1, None)
    for path in ("/webhooks/", "/webhooks/endpoints/", f"/webhooks/{make_hook().pk}/"):
        assert ana.get(path, {"cursor": "nonsense"}).status_code == 404


def test_empty_pages_say_what_they_are_for(ana):
    assert "No webhooks yet" in ana.get("/webhooks/").content.decode()
    assert "No endpoints yet" in ana.get("/webhooks/endpoints/").content.decode()
    assert "Nothing came yet" in ana.get(f"/webhooks/{make_hook().pk}/").content.decode()
    assert "Nothing was sent yet" in ana.get(f"/webhooks/endpoints/{make_endpoint().pk}/").content.decode()


def test_only_owners_and_admins_come_in(dispatcher, cast, signed_in):
    for member in (cast.bo, cast.cleo, cast.dev):
        client = signed_in(member)
        assert client.get("/webhooks/").status_code == 403
        assert client.post("/webhooks/endpoints/new", ENDPOINT).status_code == 403
        assert 'href="/webhooks/"' not in client.get("/runs/").content.decode()
    assert 'href="/webhooks/"' in signed_in(cast.ana).get("/runs/").content.decode()
