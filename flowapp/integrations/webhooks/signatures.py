"""The signature schemes of webhooks: how each signs a body, and how one that came in is judged. Pure.

All are HMAC-SHA256 over the raw body. Comparisons take constant time; times may differ by five minutes.
"""

from __future__ import annotations

import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum

TOLERANCE = 300  # seconds
SHORTEST = 16  # characters of a secret that somebody chose
PREFIX = "whsec_"
_RANDOM_BYTES = 32


class Scheme(StrEnum):
    """Who signs, and so how."""

    GITHUB = "github"
    STRIPE = "stripe"
    STANDARD = "standard"
    PLAIN = "plain"


class BadSignature(Exception):
    """The request does not carry a good signature; the message says what is wrong with it, never what was expected."""


class UnfitSecret(ValueError):
    """A secret that cannot be used; the message says what to do."""


def new_secret() -> str:
    """A secret of 256 random bits, as Standard Webhooks writes them; the other schemes take it as text."""
    return PREFIX + b64encode(secrets.token_bytes(_RANDOM_BYTES)).decode()


def check_secret(scheme: Scheme, secret: str) -> None:
    """Raise UnfitSecret for a secret that is too short, or that the scheme cannot read."""
    if len(secret) < SHORTEST:
        raise UnfitSecret(f"too short: {SHORTEST} characters at least")
    if not secret.isprintable():
        raise UnfitSecret("it holds characters that cannot be seen: copy it anew")
    if scheme == Scheme.STANDARD:
        _standard_key(secret)


def sign(
    scheme: Scheme, secrets: Iterable[str], body: bytes, *, id: str, at: datetime, header: str = ""
) -> dict[str, str]:
    """The headers of a signed body; with several secrets (a rotation) those schemes that can carry them all do."""
    keys, second = list(secrets), int(at.timestamp())
    if scheme == Scheme.GITHUB:
        return {"X-Hub-Signature-256": f"sha256={_mac(keys[0], body).hex()}", "X-GitHub-Delivery": id}
    if scheme == Scheme.STRIPE:
        macs = [f"v1={_mac(key, _stamped(str(second), body)).hex()}" for key in keys]
        return {"Stripe-Signature": ",".join([f"t={second}", *macs])}
    if scheme == Scheme.STANDARD:
        signed = f"{id}.".encode() + _stamped(str(second), body)
        macs = ["v1," + b64encode(_digest(_standard_key(key), signed)).decode() for key in keys]
        return {"webhook-id": id, "webhook-timestamp": str(second), "webhook-signature": " ".join(macs)}
    return {header: _mac(keys[0], body).hex(), "webhook-id": id}


def verify(
    scheme: Scheme, secrets: Iterable[str], body: bytes, headers: Mapping[str, str], *, now: datetime, header: str = ""
) -> None:
    """Raise BadSignature unless one of the secrets signed exactly this body (and, where the scheme says when, lately).

    `headers` are looked up in lower case.
    """
    keys = list(secrets)
    if scheme == Scheme.STRIPE:
        second, given = _stripe(_header(headers, "stripe-signature"))
        _refuse_other_times(second, now)
        expected = [_mac(key, _stamped(second, body)).hex() for key in keys]
    elif scheme == Scheme.STANDARD:
        id, second = _header(headers, "webhook-id"), _header(headers, "webhook-timestamp")
        given = [part[3:] for part in _header(headers, "webhook-signature").split(" ") if part.startswith("v1,")]
        _refuse_other_times(second, now)
        signed = f"{id}.".encode() + _stamped(second, body)
        expected = [b64encode(_digest(_standard_key(key), signed)).decode() for key in keys]
    else:
        name = "x-hub-signature-256" if scheme == Scheme.GITHUB else header.lower()
        given = [_header(headers, name).removeprefix("sha256=")]
        macs = [_mac(key, body) for key in keys]
        expected = [mac.hex() for mac in macs]
        if scheme == Scheme.PLAIN:
            expected += [b64encode(mac).decode() for mac in macs]
    if not _any_same(given, expected):
        raise BadSignature("the signature does not fit the body and the secret")


def _any_same(given: Iterable[str], expected: Iterable[str]) -> bool:
    wanted = [text.encode() for text in expected]
    sent = [text.strip().encode() for text in given]
    return sum(hmac.compare_digest(one, other) for one in sent for other in wanted) > 0  # all, whichever fits


def _stripe(value: str) -> tuple[str, list[str]]:
    parts = [part.strip().partition("=") for part in value.split(",")]
    times = [text for name, _, text in parts if name == "t"]
    if not times:
        raise BadSignature("Stripe-Signature has no t=")
    return times[0], [text for name, _, text in parts if name == "v1"]


def _refuse_other_times(second: str, now: datetime) -> None:
    if not (second.isascii() and second.isdecimal() and len(second) <= 12):
        raise BadSignature("the signature's time is not in seconds")
    if abs(int(second) - now.timestamp()) > TOLERANCE:
        raise BadSignature(f"the signature's time is more than {TOLERANCE // 60} minutes away")


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name, "")
    if not value:
        raise BadSignature(f"the header {name} is missing")
    return value


def _stamped(second: str, body: bytes) -> bytes:
    return second.encode() + b"." + body


def _standard_key(secret: str) -> bytes:
    text = secret.removeprefix(PREFIX)
    try:
        key = b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        key = b""
    if not key:
        raise UnfitSecret(f"a Standard Webhooks secret is {PREFIX} and base64")
    return key


def _mac(secret: str, body: bytes) -> bytes:
    return _digest(secret.encode(), body)


def _digest(key: bytes, body: bytes) -> bytes:
    return hmac.digest(key, body, "sha256")
