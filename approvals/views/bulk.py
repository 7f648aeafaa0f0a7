"""Several prompts at once: first what is about to be decided, with one reason for all; then a result for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from approvals import actions, queries
from approvals.policies import shortcuts
from approvals.policies.answers import LONGEST_REASON, REASONS
from approvals.queries import InboxRow
from approvals.states import NEGATIVE, REJECTIONS, InvalidDecision, PromptStatus, Risk
from approvals.views import fragments, listing
from flowapp.http.access import access
from flowapp.http.credentials import actor_of
from flowapp.tenancy.models import Role

MEMBERS = tuple(Role)
CONFIRMED: Final = "confirmed"
_WORDS: Final = {
    "decided": "Decided",
    "voted": "Voted",
    "already-decided": "Already decided",
    "not-eligible": "Not yours to decide",
    "needs-form": "Needs its form",
    "high-risk": "High risk",
    "stale-version": "Has changed",
    "expired": "Expired",
    "not-found": "Not there",
    "invalid": "Not taken",
}


@access(*MEMBERS)
@require_POST
def bulk(request: HttpRequest) -> HttpResponse:
    """Show the chosen prompts, or once `confirmed` decide each and show what became of it."""
    chosen = _chosen(request.POST.getlist("prompt"))
    rows = queries.rows_of(list(chosen)[: actions.MOST_AT_ONCE])
    outcome, reasoning = request.POST.get("outcome", ""), request.POST.get("reasoning", "")
    error = _wrong(rows, outcome, reasoning) if CONFIRMED in request.POST else ""
    if CONFIRMED not in request.POST or error:
        context = _asked(rows, outcome) | {"error": error, "reasoning": reasoning}
        return _beside_list(request, context, status=422 if error else 200)
    results = actions.decide_many(
        {row.id: chosen[row.id] for row in rows},
        by=actor_of(request),
        outcome=outcome,
        reasoning=reasoning,
        channel="web",
    )
    return _beside_list(request, _told(results, outcome))


def _chosen(posted: Sequence[str]) -> dict[UUID, int | None]:
    """The chosen prompts, each as "id:version"; what is no such thing was not chosen by this page."""
    found: dict[UUID, int | None] = {}
    for one in posted:
        prompt_id, _, version = one.partition(":")
        try:
            found[UUID(prompt_id)] = int(version) if version else None
        except ValueError:
            raise InvalidDecision([{"field": "prompt", "msg": f"{one[:60]!r} is no prompt"}]) from None
    if len(found) > actions.MOST_AT_ONCE:
        raise InvalidDecision([{"field": "prompt", "msg": f"at most {actions.MOST_AT_ONCE} at once"}])
    return found


def _asked(rows: Sequence[InboxRow], outcome: str) -> dict[str, Any]:
    """What is about to be decided: those that will be, those that cannot, and the answers they have in common."""
    together = [row for row in rows if row.together]
    common = _common(together)
    chosen = [one for one in common if one["value"] == outcome]
    return {
        "rows": [{"row": row, "alone": _alone(row)} for row in rows],
        "number": len(together),
        "outcomes": chosen or common,
        "chosen": chosen[0] if chosen else None,
        "needs_reason": any(one["needs_reason"] for one in chosen or common),
        "presets": REASONS,
        "results": None,
    }


def _common(rows: Sequence[InboxRow]) -> list[dict[str, Any]]:
    """The answers that every one of these takes; a rejection always says why."""
    found = shortcuts.common([row.outcomes for row in rows])
    return [one | {"needs_reason": one["needs_reason"] or one["value"] in REJECTIONS} for one in found]


def _alone(row: InboxRow) -> str:
    if row.status != PromptStatus.PENDING:
        return "has ended already"
    if row.risk == Risk.HIGH:
        return "high risk: decide it by itself"
    return "" if row.together else "has a form of its own"


def _wrong(rows: Sequence[InboxRow], outcome: str, reasoning: str) -> str:
    """What keeps the answer from being given at all."""
    common = {one["value"]: one for one in _common([row for row in rows if row.together])}
    if outcome not in common:
        return "Choose an answer that all of them take."
    if common[outcome]["needs_reason"] and not reasoning.strip():
        return "Say why, so that the requesters know what to change."
    if len(reasoning) > LONGEST_REASON:
        return f"At most {LONGEST_REASON:,} characters."
    return ""


def _told(results: Sequence[actions.Result], outcome: str) -> dict[str, Any]:
    taken = sum(result.taken for result in results)
    return {
        "results": [
            {
                "of": result,
                "word": _WORDS[result.result],
                "tone": "ok" if result.taken and outcome not in NEGATIVE else "bad" if result.taken else "warn",
                "outcome": outcome,
            }
            for result in results
        ],
        "taken": taken,
        "number": len(results),
    }


def _beside_list(request: HttpRequest, bulk_context: dict[str, Any], status: int = 200) -> HttpResponse:
    context = {"rows": []} if fragments.asked_for(request) else listing.context(request)
    return fragments.answer(request, context | {"selected": None, "bulk": bulk_context}, status=status)
