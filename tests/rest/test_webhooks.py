"""/v1/webhooks and /v1/webhook-endpoints: made and kept by owners and admins; a secret is told once."""

import pytest

from flowapp.integrations import delivery as outbox_delivery
from flowapp.integrations.webhooks import endpoints
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.scope import scoped
from tests.integrations.webhooks.receiver import receiving

HOOK = {"name": "Shop", "event": "shop/{type}", "scheme": "standard"}
ENDPOINT = {"name": "Shop", "url": "https://example.com/hooks", "events": ["run.*", "order/*"]}


@pytest.fixture
def ana(cast, dispatcher, calling):
    """The owner."""
    return calling(cast.ana)


def test_a_webhook_from_its_making_to_its_end(ana):
    made = ana.post("/webhooks", HOOK)
    assert made.status_code == 201
    told = made.json()
    assert told["secret"].startswith("whsec_")
    assert told["path"] == f"/hooks/{told['slug']}"
    assert len(told["slug"]) >= 24
    path = f"/webhooks/{told['id']}"
    assert "secret" not in ana.get(path).json()
    assert ana.get("/webhooks").json()["items"] == [ana.get(path).json()]
    rotated = ana.post(f"{path}/rotate", {}).json()
    assert rotated["secret"] != told["secret"]
    assert rotated["old_secret_until"]
    test = ana.post(f"{path}/test")
    assert (test.status_code, test.json()["kind"], test.json()["event_name"]) == (202, "test", "shop/test")
    again = ana.post(f"/webhooks/deliveries/{test.json()['id']}/replay")
    assert (again.status_code, again.json()["kind"]) == (202, "replay")
    kinds = [one["kind"] for one in ana.get(f"{path}/deliveries").json()["items"]]
    assert kinds == ["replay", "test"]
    assert ana.post(f"{path}/disable").json()["enabled"] is False
    refused = ana.post(f"{path}/test")
    assert (refused.status_code, refused.json()["type"]) == (409, "illegal-state")
    assert ana.post(f"{path}/enable").json()["enabled"] is True
    verbs = [one["verb"] for one in ana.get("/audit", target=f"webhook:{told['id']}").json()["items"]]
    assert verbs[::-1][:4] == ["webhook.created", "webhook.secret-rotated", "webhook.tested", "webhook.replayed"]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": ""}, "name"),
        ({"scheme": "md5"}, "scheme"),
        ({"slug": "No Such"}, "slug"),
        ({"event": ""}, "event"),
        ({"event": "a\x00"}, "event"),
        ({"secret": "whsec_short"}, "secret"),
        ({"scheme": "plain", "header": "X Bad"}, "header"),
    ],
)
def test_a_bad_webhook_names_the_field(ana, given, field):
    answer = ana.post("/webhooks", HOOK | given)
    assert answer.status_code == 422
    assert [error["loc"][-1] for error in answer.json()["errors"]] == [field]


def test_a_slug_is_taken_once_anywhere(ana, cast, calling):
    assert ana.post("/webhooks", HOOK | {"slug": "shop"}).status_code == 201
    answer = calling(cast.gil).post("/webhooks", HOOK | {"slug": "shop"})
    assert (answer.status_code, answer.json()["errors"][0]["loc"]) == (422, ["slug"])


def test_an_endpoint_from_its_making_to_its_end(ana, settings):
    settings.FLOWAPP_WEBHOOK_ALLOW = ["127.0.0.0/8"]
    with receiving() as server:
        told = ana.post("/webhook-endpoints", ENDPOINT | {"url": server.url}).json()
        path = f"/webhook-endpoints/{told['id']}"
        ana.post("/events", {"name": "order/created", "data": {"total": 20}})
        test = ana.post(f"{path}/test")
        assert (test.status_code, test.json()["status"], test.json()["name"]) == (202, "pending", "test")
        waiting = ana.get(f"{path}/deliveries").json()["items"]
        assert waiting[0] == test.json()
        assert all(one["next_try_at"] for one in waiting)
        outbox_delivery.deliver("webhook")
        assert {one["type"] for one in server.verified(told["secret"])} == {"order/created", "test"}
        items = ana.get(f"{path}/deliveries").json()["items"]
        assert [(one["name"], one["status"], one["answer"]) for one in items] == [
            ("test", "delivered", 204),
            ("order/created", "delivered", 204),
        ]
        assert [one["next_try_at"] for one in items] == [None, None]
        detail = ana.get(f"{path}/deliveries/{items[1]['id']}").json()
        assert '"total":20' in detail["body"]
        assert [(one["number"], one["status"]) for one in detail["tries"]] == [(1, 204)]
        again = ana.post(f"/webhook-endpoints/deliveries/{items[1]['id']}/replay")
        assert (again.status_code, again.json()["status"]) == (202, "pending")
    client, headers = ana._client, ana.headers
    changed = client.put(f"/v1{path}", ENDPOINT | {"name": "Store"}, "application/json", headers=headers)
    assert (changed.status_code, changed.json()["name"]) == (200, "Store")
    assert "secret" not in changed.json()
    assert ana.post(f"{path}/rotate", {}).json()["secret"] != told["secret"]
    assert ana.post(f"{path}/disable").json()["enabled"] is False
    assert ana.post(f"{path}/enable").json()["enabled"] is True
    assert [one["name"] for one in ana.get("/webhook-endpoints").json()["items"]] == ["Store"]


def test_an_address_inside_is_refused_at_once(ana):
    for url in ("https://127.0.0.1/", "https://169.254.169.254/latest", "https://2130706433/", "http://example.com/"):
        answer = ana.post("/webhook-endpoints", ENDPOINT | {"url": url})
        assert (answer.status_code, answer.json()["errors"][0]["loc"]) == (422, ["url"])


def test_its_own_webhooks_are_refused_as_an_endpoint(ana, settings):
    """What it sent would come back as an event, and go out again, without end."""
    settings.FLOWAPP_BASE_URL = "https://Flow.example.com"
    for url in ("https://flow.example.com/hooks/shop", "https://flow.example.com:443/hooks/shop?x=1"):
        answer = ana.post("/webhook-endpoints", ENDPOINT | {"url": url})
        (error,) = answer.json()["errors"]
        assert (answer.status_code, error["loc"], "without end" in error["msg"]) == (422, ["url"], True)
    assert ana.post("/webhook-endpoints", ENDPOINT | {"url": "https://flow.example.com/other"}).status_code == 201


@pytest.mark.parametrize("path", ["/webhooks", "/webhook-endpoints"])
def test_only_owners_and_admins_keep_them(cast, key, calling, path):
    body = HOOK if path == "/webhooks" else ENDPOINT
    for who in (cast.bo, cast.cleo, cast.dev):
        caller = calling(who)
        assert (caller.get(path).status_code, caller.post(path, body).status_code) == (403, 403)
    assert (key.get(path).status_code, key.post(path, body).status_code) == (200, 403)


@pytest.mark.parametrize("count", [1, 3])
def test_lists_are_paged(ana, cast, count, django_assert_num_queries):
    with scoped(cast.acme.pk):
        for number in range(count):
            endpoints.create(name=f"Shop {number}", url="https://example.com/", events=["*"], by=SYSTEM)
    ana.get("/webhook-endpoints")
    with django_assert_num_queries(2):  # the key, the endpoints
        page = ana.get("/webhook-endpoints", limit=2).json()
    assert len(page["items"]) == min(count, 2)
    if count > 2:
        rest = ana.get("/webhook-endpoints", limit=2, cursor=page["next"]).json()
        assert (len(rest["items"]), rest["next"]) == (1, None)
    assert ana.get("/webhook-endpoints", cursor="nonsense").status_code == 422
    assert ana.get("/webhooks", cursor="nonsense").status_code == 422
