"""What binds a decision to exactly what was shown: canonical bytes and their keyed digest (SECURITY 6)."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Any

FRAME = 1  # how a digest is made; another number makes other digests


def canonical(value: Any) -> bytes:
    """The one spelling of JSON data: keys sorted, no spaces, so that equal data has equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def question(
    *, type: str, title: str, message: str, data: Any, outcomes: Sequence[str], schema: Any, files: Sequence[Any] = ()
) -> bytes:
    """What a person decides on, whole. Who is asked and by when are not part of it: they may change."""
    return canonical([type, title, message, data, list(outcomes), schema, *([list(files)] if files else [])])


def digest(key: bytes, *, run_id: str, step: str, question: bytes, policies: Sequence[Any] = ()) -> str:
    """The keyed digest of a question at its place: without the workspace's key nobody can confirm a guess.

    `policies` are the [id, version] of the rules that were considered when it was asked.
    """
    considered = [list(policies)] if policies else []
    frame = canonical([FRAME, run_id, step, hashlib.sha256(question).hexdigest(), *considered])
    return hmac.new(key, frame, hashlib.sha256).hexdigest()


def answer(key: bytes, *, run_id: str, step: str, asked: str, outcome: str, data: Any) -> str:
    """The keyed digest of an answer at its place, to the question with the digest `asked`."""
    frame = canonical([FRAME, "answer", run_id, step, asked, outcome, hashlib.sha256(canonical(data)).hexdigest()])
    return hmac.new(key, frame, hashlib.sha256).hexdigest()


def same(one: str, other: str) -> bool:
    """Whether two digests are equal, in constant time."""
    return hmac.compare_digest(one, other)
