"""What a webhook's request says: its data, the name of the event it becomes, and the id by which a repeat is known.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl

from flowapp.engine import incoming

from .signatures import Scheme

LONGEST_ID, LONGEST_NAME = 200, 200
TYPE = "{type}"  # in an event's name: what the sender says has happened
FORM = "application/x-www-form-urlencoded"
_NOT_IN_NAMES = re.compile(r"[^\w.:/-]+")


class Unusable(ValueError):
    """A body that no event can carry; the message says why."""


def data_of(headers: Mapping[str, str], body: bytes) -> Any:
    """The body as JSON values: JSON, or a form's fields (a lone `payload` is JSON, and the whole). Raises Unusable."""
    if headers.get("content-type", "").partition(";")[0].strip().lower() == FORM:
        data = _fields(body)
        return _json(data["payload"].encode()) if set(data) == {"payload"} else data
    return _json(body)


def id_of(scheme: Scheme, headers: Mapping[str, str], body: bytes, data: Any) -> str:
    """The delivery's id. A sender that gives none is known by its body: the same bytes again are a repeat.

    X-Request-ID does not count: proxies make it up, anew with each try.
    """
    own = data.get("id") if isinstance(data, dict) else None
    given = {
        Scheme.GITHUB: headers.get("x-github-delivery"),
        Scheme.STRIPE: own if isinstance(own, str) else None,
        Scheme.STANDARD: headers.get("webhook-id"),
        Scheme.PLAIN: headers.get("webhook-id") or headers.get("idempotency-key"),
    }[scheme]
    if given and len(given) <= LONGEST_ID and given.isprintable():
        return given
    return "sha256:" + sha256((given or "").encode() + body).hexdigest()


def event_name(pattern: str, headers: Mapping[str, str], data: Any) -> str:
    """The event's name, `{type}` filled in from X-GitHub-Event or the body's `type` (or `event`)."""
    if TYPE not in pattern:
        return pattern
    said = headers.get("x-github-event") or _member(data, "type") or _member(data, "event") or "unknown"
    return pattern.replace(TYPE, _NOT_IN_NAMES.sub("-", said))[:LONGEST_NAME]


def _member(data: Any, name: str) -> str:
    value = data.get(name) if isinstance(data, dict) else None
    return value if isinstance(value, str) else ""


def _json(body: bytes) -> Any:
    try:
        return incoming.read(body)
    except incoming.NotJson as error:
        raise Unusable(f"the body is neither JSON nor a form: {error}") from None
    except incoming.Unfit as unfit:
        raise Unusable(str(unfit)) from None


def _fields(body: bytes) -> dict[str, str]:
    try:
        fields = dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=1000))
        incoming.judge(fields)
    except ValueError as error:
        raise Unusable(f"the form cannot be read: {error}") from None
    return fields
