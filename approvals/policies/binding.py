"""What binds a decision to exactly what was shown: canonical bytes and their keyed digest (SECURITY 6)."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Any

POLICY_VERSION = 1


def canonical(value: Any) -> bytes:
    """The one spelling of JSON data: keys sorted, no spaces, so that equal data has equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def question(*, type: str, title: str, message: str, data: Any, outcomes: Sequence[str], schema: Any) -> bytes:
    """What a person decides on, whole. Who is asked and by when are not part of it: they may change."""
    return canonical([type, title, message, data, list(outcomes), schema])


def digest(key: bytes, *, run_id: str, step: str, question: bytes) -> str:
    """The keyed digest of a question at its place: without the workspace's key nobody can confirm a guess."""
    frame = canonical([POLICY_VERSION, run_id, step, hashlib.sha256(question).hexdigest()])
    return hmac.new(key, frame, hashlib.sha256).hexdigest()


def same(one: str, other: str) -> bool:
    """Whether two digests are equal, in constant time."""
    return hmac.compare_digest(one, other)
