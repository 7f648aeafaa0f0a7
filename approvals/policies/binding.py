"""What binds a decision to exactly what was shown: canonical bytes and their keyed digest (SECURITY 6)."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from approvals.states import Stage

FRAME = 1  # how a digest is made; another number makes other digests
_SHOWN: Final = ("value", "label", "effect", "tone", "needs_reason")
_DEMANDS: Final = ("step_up", "four_eyes", "require_reason", "excluded")


def canonical(value: Any) -> bytes:
    """The one spelling of JSON data: keys sorted, no spaces, so that equal data has equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def content(
    *, type: str, title: str, message: str, data: Any, outcomes: Sequence[str], schema: Any, files: Sequence[Any] = ()
) -> bytes:
    """What a person decides on. Prompts from before terms were bound too have the digest of this alone."""
    return canonical([type, title, message, data, list(outcomes), schema, *([list(files)] if files else [])])


def terms(
    *,
    outcomes: Sequence[Mapping[str, Any]],
    risk: str,
    options: Mapping[str, Any],
    stages: Sequence[Stage],
    on_timeout: str,
) -> str:
    """The digest of the terms it is decided on: how each answer looks, what it takes, and of how many people.

    Who is asked and by when are not part of it: they may change.
    """
    kept = {
        "outcomes": [[one[part] for part in _SHOWN] for one in outcomes],
        "risk": risk,
        "quorums": [[line.quorum for line in stage.beside] for stage in stages],
        "on_timeout": on_timeout,
        **{name: options.get(name) or None for name in _DEMANDS},
        "reject_ends": options.get("reject_ends", True),
    }
    return hashlib.sha256(canonical(kept)).hexdigest()


def question(content: bytes, terms: str) -> bytes:
    """The content and the terms that it was opened with. Code may ask the same on other terms later."""
    return content + b"\n" + terms.encode()


def altered(question: bytes) -> bytes:
    """What was decided on is not what was opened: no question reads like this, so its digest stands for none."""
    return b"altered\n" + question


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
