"""The schemes: what each signs is what its own verifier takes, and anything else is refused, saying why."""

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks.webhooks import Webhook as Verifier

from flowapp.integrations.webhooks import bodies, signatures
from flowapp.integrations.webhooks.signatures import BadSignature, Scheme, UnfitSecret

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECRET = "whsec_" + b64encode(b"0123456789abcdef0123456789abcdef").decode()
BODY = '{"total": 20, "name": "Zoë"}'.encode()
ALL = list(Scheme)


def signed(scheme, body=BODY, secrets=(SECRET,), at=NOW):
    headers = signatures.sign(scheme, secrets, body, id="d-1", at=at, header="X-Shop-Signature")
    return {name.lower(): value for name, value in headers.items()}


def judge(scheme, headers, body=BODY, secrets=(SECRET,), now=NOW):
    signatures.verify(scheme, secrets, body, headers, now=now, header="X-Shop-Signature")


@pytest.mark.parametrize("scheme", ALL)
def test_each_takes_what_it_signs(scheme):
    judge(scheme, signed(scheme))


@pytest.mark.parametrize("scheme", ALL)
@pytest.mark.parametrize("spoil", [BODY + b" ", BODY[:-1], b""])
def test_one_byte_more_or_less_is_refused(scheme, spoil):
    with pytest.raises(BadSignature, match="does not fit"):
        judge(scheme, signed(scheme), body=spoil)


@pytest.mark.parametrize("scheme", ALL)
def test_another_secret_is_refused(scheme):
    with pytest.raises(BadSignature, match="does not fit"):
        judge(scheme, signed(scheme, secrets=[signatures.new_secret()]))


@pytest.mark.parametrize("scheme", ALL)
def test_while_the_secret_rotates_both_are_taken(scheme):
    newer = signatures.new_secret()
    judge(scheme, signed(scheme), secrets=[newer, SECRET])
    judge(scheme, signed(scheme, secrets=[newer]), secrets=[newer, SECRET])


@pytest.mark.parametrize("scheme", [Scheme.STRIPE, Scheme.STANDARD])
def test_a_request_of_another_time_is_refused(scheme):
    for off in (timedelta(minutes=-5), timedelta(minutes=5)):
        judge(scheme, signed(scheme), now=NOW + off)
    for off in (timedelta(minutes=-5, seconds=-1), timedelta(minutes=5, seconds=1)):
        with pytest.raises(BadSignature, match="5 minutes"):
            judge(scheme, signed(scheme), now=NOW + off)


@pytest.mark.parametrize("scheme", ALL)
def test_without_its_headers_it_is_refused(scheme):
    for missing in signed(scheme).keys() - {"x-github-delivery"}:
        if scheme == Scheme.PLAIN and missing == "webhook-id":
            continue
        left = {name: value for name, value in signed(scheme).items() if name != missing}
        with pytest.raises(BadSignature, match=missing):
            judge(scheme, left)


@pytest.mark.parametrize(
    ("scheme", "header", "value"),
    [
        (Scheme.STRIPE, "stripe-signature", "v1=00"),
        (Scheme.STRIPE, "stripe-signature", "t=soon,v1=00"),
        (Scheme.STRIPE, "stripe-signature", "t=1772366400"),
        (Scheme.STRIPE, "stripe-signature", "t=" + "9" * 400 + ",v1=00"),
        (Scheme.STANDARD, "webhook-timestamp", "٣"),
        (Scheme.STANDARD, "webhook-timestamp", "-5"),
        (Scheme.STANDARD, "webhook-signature", "v2,abc"),
        (Scheme.GITHUB, "x-hub-signature-256", "sha256=\xff"),
        (Scheme.PLAIN, "x-shop-signature", "zoë"),
    ],
)
def test_nonsense_is_refused(scheme, header, value):
    with pytest.raises(BadSignature):
        judge(scheme, signed(scheme) | {header: value})


def test_github_s_own_example():
    # docs.github.com, "Validating webhook deliveries"
    mac = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    headers = {"x-hub-signature-256": f"sha256={mac}"}
    signatures.verify(Scheme.GITHUB, ["It's a Secret to Everybody"], b"Hello, World!", headers, now=NOW)


def test_what_goes_out_is_taken_by_the_standard_s_own_library():
    older = signatures.new_secret()
    headers = signatures.sign(Scheme.STANDARD, [SECRET, older], BODY, id="msg_1", at=datetime.now(UTC))
    for secret in (SECRET, older):
        assert Verifier(secret).verify(BODY, headers) == json.loads(BODY)


def test_a_plain_signature_may_be_hex_or_base64():
    mac = signed(Scheme.PLAIN)["x-shop-signature"]
    for value in (mac, f"sha256={mac}", b64encode(bytes.fromhex(mac)).decode()):
        judge(Scheme.PLAIN, {"x-shop-signature": value})


@pytest.mark.parametrize(("scheme", "secret"), [(Scheme.GITHUB, "short"), (Scheme.STANDARD, "whsec_not base64 at all")])
def test_unfit_secrets_are_refused(scheme, secret):
    with pytest.raises(UnfitSecret):
        signatures.check_secret(scheme, secret)


def test_what_a_body_says():
    form = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    assert bodies.data_of({}, b'{"a": [1]}') == {"a": [1]}
    assert bodies.data_of(form, b"a=1&b=") == {"a": "1", "b": ""}
    assert bodies.data_of(form, b"payload=%7B%22a%22%3A1%7D") == {"a": 1}


@pytest.mark.parametrize("body", [b"", b"<xml/>", b"\xff\xfe", b'{"a": NaN}', b"[" * 70 + b"]" * 70])
def test_what_no_event_can_carry_says_why(body):
    with pytest.raises(bodies.Unusable, match="body"):
        bodies.data_of({}, body)


def test_names_and_ids_of_deliveries():
    github = {"x-github-event": "pull_request", "x-github-delivery": "g-1"}
    assert bodies.event_name("github/{type}", github, {}) == "github/pull_request"
    assert bodies.event_name("shop/{type}", {}, {"type": "order.paid"}) == "shop/order.paid"
    assert bodies.event_name("shop/{type}", {}, {"type": "a\nb"}) == "shop/a-b"
    assert bodies.event_name("shop/{type}", {}, [1]) == "shop/unknown"
    assert bodies.id_of(Scheme.GITHUB, github, b"", {}) == "g-1"
    assert bodies.id_of(Scheme.STRIPE, {}, b"", {"id": "evt_1"}) == "evt_1"
    assert bodies.id_of(Scheme.STANDARD, {"webhook-id": "m-1"}, b"", {}) == "m-1"
    first, second = (bodies.id_of(Scheme.PLAIN, {}, body, {}) for body in (b"1", b"2"))
    assert first != second == bodies.id_of(Scheme.PLAIN, {}, b"2", {})
    assert second == bodies.id_of(Scheme.PLAIN, {"x-request-id": "of a proxy, new with each try"}, b"2", {})
    assert bodies.id_of(Scheme.PLAIN, {"idempotency-key": "k-1"}, b"2", {}) == "k-1"
    assert len(bodies.id_of(Scheme.STANDARD, {"webhook-id": "m" * 500}, b"", {})) < 200
