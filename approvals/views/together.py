"""What the page says about the others: who is looking at a prompt, who voted, whether enough people are asked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.urls import reverse

from approvals.queries import PromptView
from approvals.states import PromptStatus, Refused, StepUpRequired, stage_in_words
from flowapp.engine import clock
from flowapp.tenancy import absences
from flowapp.tenancy.actors import Actor


def context(view: PromptView, viewer: Actor, refused: Refused | None) -> dict[str, Any]:
    """What the detail fragment shows of it, with the addresses of what the viewer may do."""
    pending = view.status == PromptStatus.PENDING
    me = str(viewer.member_id)
    mine = view.claimed_by is not None and view.claimed_by.member_id == me
    may_claim = pending and (refused is None or isinstance(refused, StepUpRequired))
    voted = any(vote.stage == view.stage and vote.by and vote.by.member_id == me for vote in view.votes)
    return {
        "stage": stage_in_words(view.stage, view.stages, view.level),
        "claimed_by": view.claimed_by.name if view.claimed_by else "",
        "claimed_by_me": mine,
        "claim_url": _url("release" if mine else "claim", view) if may_claim and (mine or not view.claimed_by) else "",
        "rescind_url": _url("rescind", view) if pending and voted else "",
        "withdraw_url": _url("withdraw", view) if pending and _is_requester(view, me) else "",
        "withdrawn": view.options.get("withdrawn"),
        "lines": view.lines if pending else [],
        "away": absences.away_among(_people(view.assignees), clock.now()) if pending else [],
        "warnings": view.warnings if pending else [],
    }


def _is_requester(view: PromptView, me: str) -> bool:
    return view.requester is not None and view.requester.member_id == me


def _people(assignees: Iterable[str]) -> list[str]:
    return [one.removeprefix("user:") for one in assignees if one.startswith("user:")]


def _url(verb: str, view: PromptView) -> str:
    return reverse(f"prompt-{verb}", args=[view.id])
