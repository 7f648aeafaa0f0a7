"""What several prompts have in common: the answers to them all, how these look and which key gives them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from approvals.states import keyed, outcome_in_words

_SEEN: Final = ("label", "tone", "key")
plain = outcome_in_words


def common(asked: Sequence[Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """The answers that every one of these prompts takes, as the first of them orders them.

    They look as all of them agree: without a tone or a key when some give them another. `static/js/bulk.js` does
    the same for what is being chosen.
    """
    known = [{one["value"]: one for one in keyed(outcomes)} for outcomes in asked]
    return [
        _agreed([each[value] for each in known])
        for value in (known[0] if known else ())
        if all(value in each for each in known)
    ]


def _agreed(same: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    first = same[0]
    seen = {part: first[part] if all(one[part] == first[part] for one in same) else "" for part in _SEEN}
    return {
        "value": first["value"],
        **seen,
        "label": (seen["label"] or plain(first["value"])).rstrip("…"),
        "needs_reason": any(one["needs_reason"] for one in same),
    }
