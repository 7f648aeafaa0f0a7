"""What goes round: from an endpoint to a webhook of Flowapp, where it becomes an event, which goes out, and so on.

Each request says which workspace sends it and through how many webhooks that came; a workspace takes nothing in that
it sent itself, and nobody sends or takes what came through more than MOST_HOPS. The number is part of what a webhook's
signature lets in, so nobody can count for others: who lies, lies about their own requests. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

SENDER = "Flowapp-From"
HOPS = "Flowapp-Hops"
REFUSED = "Flowapp-Loop"  # in an answer: this was refused as a loop, so there is no use in sending it again
MOST_HOPS = 5


def headers(workspace_id: UUID, hops: int) -> dict[str, str]:
    """What a request to an endpoint says of where it comes from."""
    return {SENDER: str(workspace_id), HOPS: str(hops)}


def hops_of(given: Mapping[str, str]) -> int:
    """Through how many webhooks a request came, this one included; none when Flowapp did not send it.

    `given` are its headers by their names in lower case. Raises ValueError.
    """
    text = given.get(HOPS.lower(), "1" if SENDER.lower() in given else "0")
    if not (text.isascii() and text.isdecimal() and len(text) <= 3):
        raise ValueError(f"{HOPS} is not a number of hops")
    return int(text)


def refusal(workspace_id: UUID, given: Mapping[str, str]) -> str | None:
    """Why a request is not taken in; None when it does not go round. Raises ValueError."""
    if given.get(SENDER.lower()) == str(workspace_id):
        return "this workspace sent it itself, to an endpoint that leads back here: it would go on without end"
    return too_many(hops_of(given))


def too_many(hops: int) -> str | None:
    """Why nothing that came through so many webhooks goes on; None when it may."""
    if hops <= MOST_HOPS:
        return None
    return f"it would be its {_ordinal(hops)} webhook of Flowapp, of at most {MOST_HOPS}: it goes round without end"


def _ordinal(number: int) -> str:
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
