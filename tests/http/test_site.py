"""What holds for every answer: headers, health, sign-in."""

import json
import logging
import re

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.test import Client

from flowapp.audit.origin import Origin, coming_from
from flowapp.http.accounts import MFAAdapter, confirm_address
from flowapp.http.logs import Formatter
from flowapp.tenancy.models import User
from tests import factories
from tests.factories import Cast

LOGIN = "/accounts/login/"


@pytest.fixture(autouse=True)
def _no_limits_from_before() -> None:
    cache.clear()


def sign_in(email: str, password: str = factories.PASSWORD) -> Client:
    client = Client()
    client.post(LOGIN, {"login": email, "password": password})
    return client


def test_headers(db: None) -> None:
    answer = Client().get("/healthz")
    policy = answer["Content-Security-Policy"]
    for part in ("object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "default-src 'self'"):
        assert part in policy
    assert "unsafe" not in policy
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer["X-Frame-Options"] == "DENY"


def test_health(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Client().get("/healthz").json() == {"status": "ok"}

    def down() -> object:
        raise DatabaseError

    with monkeypatch.context() as patched:
        patched.setattr(connection, "cursor", down)
        answer = Client().get("/healthz")
    assert (answer.status_code, answer.json()) == (503, {"status": "no database"})


@pytest.mark.parametrize("email", ["cleo@example.com", "CLEO@Example.com"])
def test_people_sign_in_by_email(cast: Cast, email: str) -> None:
    client = sign_in(email)
    assert client.session["_auth_user_id"] == str(cast.cleo.user.pk)
    cookie = client.cookies["flowapp_session"]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")


def test_a_wrong_password_and_an_unknown_person_look_the_same(cast: Cast) -> None:
    def refused(email: str) -> str:
        answer = Client().post(LOGIN, {"login": email, "password": "wrong-password"})
        page = answer.content.decode().replace(email, "")
        return re.sub(r'nonce="[^"]*"|value="[^"]*"', "", page)

    assert refused("cleo@example.com") == refused("nobody@example.com")


def test_a_forgotten_password_tells_nothing_to_strangers(cast: Cast) -> None:
    answers = [
        Client().post("/accounts/password/reset/", {"email": email}) for email in ("cleo@example.com", "x@y.com")
    ]
    assert [answer["Location"] for answer in answers] == ["/accounts/password/reset/done/"] * 2
    assert [message.to for message in mail.outbox] == [["cleo@example.com"]]


def test_nobody_signs_up_by_themselves(db: None) -> None:
    form = {"email": "eve@example.com", "password1": factories.PASSWORD, "password2": factories.PASSWORD}
    answer = Client().post("/accounts/signup/", form)
    assert [template.name for template in answer.templates][:1] == ["account/signup_closed.html"]
    assert not User.objects.exists()


def test_guessing_passwords_is_slowed_down(cast: Cast) -> None:
    for _ in range(12):
        sign_in("cleo@example.com", "wrong-password")
    assert "_auth_user_id" not in sign_in("cleo@example.com").session


def test_second_factors_are_encrypted_at_rest() -> None:
    stored = MFAAdapter().encrypt("JBSWY3DPEHPK3PXP")
    assert "JBSWY3DPEHPK3PXP" not in stored
    assert MFAAdapter().decrypt(stored) == "JBSWY3DPEHPK3PXP"


def test_a_confirmed_person_may_add_a_second_factor(cast: Cast) -> None:
    confirm_address(cast.ana.user)
    confirm_address(cast.ana.user)
    client = sign_in("ana@example.com")
    activate = "/accounts/2fa/totp/activate/"
    assert client.get(activate)["Location"].startswith("/accounts/reauthenticate/")
    client.post("/accounts/reauthenticate/", {"password": factories.PASSWORD})
    assert "secret" in client.get(activate).content.decode()


def test_an_address_that_was_noted_as_unconfirmed_is_confirmed_too(cast: Cast) -> None:
    sign_in("ana@example.com").get("/accounts/email/")
    assert not EmailAddress.objects.get().verified
    confirm_address(cast.ana.user)
    assert EmailAddress.objects.get().verified


def test_log_lines_are_json_with_the_request_and_without_secrets() -> None:
    line = logging.makeLogRecord(
        {"name": "flowapp.x", "levelname": "INFO", "msg": "paid %s", "args": ("r1",), "run": "r1"}
    )
    with coming_from(Origin("web", "abc-12345")):
        fields = json.loads(Formatter(as_json=True).format(line))
    assert fields.pop("at")
    assert fields == {
        "level": "INFO",
        "logger": "flowapp.x",
        "message": "paid r1",
        "run": "r1",
        "request_id": "abc-12345",
    }
    assert Formatter(as_json=False).format(line) == "INFO flowapp.x: paid r1"
