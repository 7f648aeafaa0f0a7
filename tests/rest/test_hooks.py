"""/hooks/{slug}: a good signature becomes an event, once; anything else is refused, noted, and leaves nothing."""

import json
from uuid import uuid4

import pytest
from django.test import Client

from flowapp import Context, Webhook, workflow
from flowapp.audit.models import AuditEntry
from flowapp.engine import clock, queries
from flowapp.integrations.webhook_tables import InboundDelivery
from flowapp.integrations.webhooks import inbound, loops, receiving, signatures
from flowapp.integrations.webhooks.errors import Disabled, NotFound
from flowapp.integrations.webhooks.signatures import Scheme
from flowapp.rest import hooks
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.scope import scoped
from tests.unfit import UNFIT

BODY = json.dumps({"type": "order.paid", "total": 20}).encode()


@workflow(name="hooked", triggers=[Webhook("shop-orders", when="event.data.type == 'order.paid'")])
async def hooked(ctx: Context, order: dict[str, object]) -> object:
    return order["total"]


@pytest.fixture(params=list(Scheme))
def hook(request, cast, dispatcher):
    """A webhook of acme's for each scheme; its secret is `hook.plain`."""
    with scoped(cast.acme.pk):
        made, secret = inbound.create(
            name="Shop", event="shop/{type}", scheme=request.param, slug="shop-orders", by=SYSTEM
        )
    made.plain = secret  # type: ignore[attr-defined] # for the test alone
    return made


@pytest.fixture
def plain(cast, dispatcher):
    """One of the simplest scheme."""
    with scoped(cast.acme.pk):
        made, secret = inbound.create(name="Shop", event="shop/{type}", scheme="plain", slug="shop-orders", by=SYSTEM)
    made.plain = secret  # type: ignore[attr-defined] # for the test alone
    return made


def signed(hook, body=BODY, id="d-1", secret=None):
    secrets = [secret or hook.plain]
    return signatures.sign(Scheme(hook.scheme), secrets, body, id=id, at=clock.now(), header=hook.header)


def deliver(hook, body=BODY, *, headers=None, content_type="application/json"):
    client = Client(raise_request_exception=False, enforce_csrf_checks=True)
    sent = signed(hook, body) if headers is None else headers
    return client.post(f"/hooks/{hook.slug}", body, content_type, headers=sent)


def runs_of(cast):
    with scoped(cast.acme.pk):
        return [run.workflow for run in queries.run_page().items]


def test_a_signed_delivery_starts_what_names_it(hook, cast, key):
    answer = deliver(hook)
    assert (answer.status_code, answer.json()["duplicate"]) == (202, False)
    (run,) = key.get("/runs").json()["items"]
    assert (run["workflow"], run["status"], run["requester"]) == ("hooked", "completed", None)
    with scoped(cast.acme.pk):
        (row,) = InboundDelivery.objects.all()
    name = "shop/unknown" if hook.scheme == Scheme.GITHUB and "X-GitHub-Event" in signed(hook) else "shop/order.paid"
    assert (str(row.pk), row.event_name) == (answer.json()["id"], name)


def test_a_repeat_has_no_second_effect(hook, cast):
    body = json.dumps({"id": "evt_1", "type": "order.paid", "total": 20}).encode()
    first, again = (deliver(hook, body).json() for _ in range(2))
    assert (first["duplicate"], again) == (False, first | {"duplicate": True})
    assert runs_of(cast) == ["hooked"]


def test_the_same_delivery_at_the_same_moment_has_no_second_effect(plain, cast, monkeypatch):
    """Neither sees the other's row before it writes its own."""
    deliver(plain)
    seen, known = [], receiving._known

    def blind(webhook, external_id):
        seen.append(external_id)
        return None if len(seen) == 1 else known(webhook, external_id)

    monkeypatch.setattr(receiving, "_known", blind)
    again = deliver(plain)
    assert (again.status_code, again.json()["duplicate"], len(seen)) == (202, True, 2)
    assert runs_of(cast) == ["hooked"]


def test_a_secret_that_cannot_be_read_is_our_trouble(plain, settings, caplog):
    headers = signed(plain)
    settings.FLOWAPP_ENCRYPTION_KEYS = ["another key, of sufficient length, and random"]
    assert deliver(plain, headers=headers).status_code == 503
    assert "rotate it" in caplog.text


def test_a_bad_signature_is_refused_noted_and_not_stored(hook, cast, key):
    answer = deliver(hook, BODY + b" ", headers=signed(hook))
    assert (answer.status_code, answer.json()["type"]) == (401, "unauthenticated")
    assert "signature" in answer.json()["detail"]
    with scoped(cast.acme.pk):
        assert not InboundDelivery.objects.exists()
    assert runs_of(cast) == []
    newest = key.get("/audit").json()["items"][0]
    assert (newest["verb"], newest["target"]) == ("webhook.refused", f"webhook:{hook.pk}")
    assert newest["actor"]["id"] == "webhook:shop-orders"


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer ffk_live_nonsense"}])
def test_without_a_signature_nobody_comes_in(hook, headers):
    assert deliver(hook, headers=headers).status_code == 401


def test_a_member_s_session_is_no_signature(plain, cast):
    client = Client()
    client.force_login(cast.ana.user)
    assert client.post("/hooks/shop-orders", BODY, "application/json").status_code == 401


def test_a_flood_of_bad_signatures_does_not_fill_the_audit_log(plain, cast):
    for _ in range(hooks.AUDITED_A_MINUTE + 5):
        assert deliver(plain, headers={}).status_code == 401
    with scoped(cast.acme.pk):
        assert AuditEntry.objects.filter(verb="webhook.refused").count() == hooks.AUDITED_A_MINUTE


def test_what_the_condition_does_not_meet_starts_nothing(plain, cast):
    assert deliver(plain, b'{"type": "order.sent"}').status_code == 202
    assert runs_of(cast) == []


def test_an_event_of_the_same_name_is_no_delivery(plain, cast, key):
    """Only the webhook itself starts what names it."""
    key.post("/events", {"name": "shop/order.paid", "data": {"type": "order.paid", "total": 1}})
    assert runs_of(cast) == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<xml/>", "neither JSON"),
        (b"[" * 80 + b"]" * 80, "deeper"),
        (b"", "JSON"),
        *((body, words) for body, _, words in UNFIT),
        (b"payload=%7B%22a%22%3A1e400%7D", "too large"),
        (b"type=a%00b", "null character"),
    ],
)
def test_a_body_that_no_event_can_carry_says_why(plain, cast, body, words):
    form = "application/x-www-form-urlencoded"
    answer = deliver(plain, body, content_type=form if b"=" in body else "application/json")
    assert (answer.status_code, answer.json()["type"]) == (422, "invalid")
    assert words in answer.json()["detail"]
    with scoped(cast.acme.pk):
        assert not InboundDelivery.objects.exists()


@pytest.mark.parametrize(
    ("hops", "status", "words"),
    [
        ("0", 202, None),
        (str(loops.MOST_HOPS), 202, None),
        (str(loops.MOST_HOPS + 1), 422, "without end"),
        ("999", 422, "without end"),
        *((odd, 422, "not a number of hops") for odd in ("9999", "-1", "x", "1.0", "", "٣", "1, 1")),
    ],
)
def test_a_request_says_through_how_many_webhooks_it_came(plain, cast, hops, status, words):
    headers = signed(plain) | {"Flowapp-From": str(cast.globex.pk), "Flowapp-Hops": hops}
    answer = deliver(plain, headers=headers)
    assert answer.status_code == status
    assert words is None or words in answer.json()["detail"]
    assert ("Flowapp-Loop" in answer) == (words == "without end")


def test_what_its_own_workspace_sends_out_is_not_taken_in_again(plain, cast):
    """By whatever name of this installation it comes: else it went round without end."""
    answer = deliver(plain, headers=signed(plain) | {"Flowapp-From": str(cast.acme.pk)})
    assert (answer.status_code, answer.json()["type"]) == (422, "invalid")
    assert "without end" in answer.json()["detail"]
    assert deliver(plain, headers=signed(plain) | {"Flowapp-From": str(cast.globex.pk)}).status_code == 202


def test_a_body_over_the_limit_is_413(plain, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    answer = deliver(plain)
    assert (answer.status_code, answer.json()["type"]) == (413, "too-large")


def test_a_form_is_taken_too(plain, cast):
    form = "application/x-www-form-urlencoded"
    assert deliver(plain, b"type=order.paid&total=3", content_type=form).status_code == 202
    assert runs_of(cast) == ["hooked"]


def test_no_other_method(plain):
    answer = Client(raise_request_exception=False).get("/hooks/shop-orders")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_disabled_or_unknown_it_is_not_there(plain, cast):
    with scoped(cast.acme.pk):
        inbound.set_enabled(plain.pk, False, by=SYSTEM)
        with pytest.raises(Disabled):
            receiving.send_test(plain.pk, by=SYSTEM)
    assert deliver(plain).status_code == 404
    plain.slug = "nobody-s"
    assert deliver(plain).status_code == 404


def test_while_the_secret_rotates_both_count_for_a_day(plain, cast):
    with scoped(cast.acme.pk):
        _, newer = inbound.rotate(plain.pk, by=SYSTEM)
    assert deliver(plain, headers=signed(plain, id="old")).status_code == 202
    assert deliver(plain, headers=signed(plain, id="new", secret=newer)).status_code == 202
    clock.shift("25h")
    assert deliver(plain, headers=signed(plain, id="later")).status_code == 401


def test_a_test_takes_the_same_path(hook, cast):
    with scoped(cast.acme.pk):
        received = receiving.send_test(hook.pk, by=SYSTEM)
        assert (received.delivery.kind, received.delivery.event_name) == ("test", "shop/test")


def test_a_replay_is_a_new_event(plain, cast):
    first = deliver(plain).json()
    with scoped(cast.acme.pk):
        again = receiving.replay(first["id"], by=SYSTEM)
        assert (again.kind, again.event_name) == ("replay", "shop/order.paid")
        with pytest.raises(NotFound):
            receiving.replay(uuid4(), by=SYSTEM)
    assert runs_of(cast) == ["hooked", "hooked"]


def test_another_workspace_replays_nothing(plain, cast):
    first = deliver(plain).json()
    with scoped(cast.globex.pk), pytest.raises(NotFound):
        receiving.replay(first["id"], by=SYSTEM)
