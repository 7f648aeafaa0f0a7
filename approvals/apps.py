"""Approvals as a Django app: what the engine calls back and which problem each refusal is are registered here."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.apps import AppConfig


class ApprovalsConfig(AppConfig):
    """Binds the prompts' timers and closings to the engine, and refusals to problem documents."""

    name = "approvals"
    label = "approvals"
    verbose_name = "Approvals"

    def ready(self) -> None:
        """Importing the actions registers their handlers with the engine."""
        from approvals import actions
        from flowapp.tenancy.signals import recorded

        recorded.connect(actions.standing_in.note, dispatch_uid="approvals.standing_in")
        recorded.connect(actions.rechecking.note, dispatch_uid="approvals.rechecking")
        _register_problems()
        _register_poll()


def _register_problems() -> None:
    from approvals import states
    from approvals.actions.channels.links import LinkOver
    from flowapp.http.problems import Problem, answers, invalid

    def conflict(error: states.AlreadyDecided) -> Problem:
        return Problem("already-decided", str(error), extra={"decision": error.decision.as_json()})

    def stale(error: states.StaleVersion) -> Problem:
        return Problem("stale-version", str(error), extra={"version": error.version})

    answers(states.PromptNotFound, lambda error: Problem("not-found", str(error)))
    answers(states.AlreadyDecided, conflict)
    answers(states.StaleVersion, stale)
    answers(states.Expired, lambda error: Problem("expired", str(error)))
    answers(LinkOver, lambda error: Problem("expired", str(error)))
    answers(states.PromptCancelled, lambda error: Problem("expired", str(error)))
    answers(states.NotNow, lambda error: Problem("illegal-state", str(error)))
    answers(states.NotEligible, lambda error: Problem("not-eligible", str(error)))
    answers(states.StepUpRequired, lambda error: Problem("step-up-required", str(error)))
    answers(states.PolicyNotFound, lambda error: Problem("not-found", str(error)))
    answers(
        states.InvalidPolicy,
        lambda error: invalid([{**one, "loc": [one["field"]]} for one in error.errors]),
    )
    answers(
        states.InvalidDecision,
        lambda error: invalid([{"loc": one["field"].split("."), "msg": one["msg"]} for one in error.errors]),
    )


def _register_poll() -> None:
    from approvals import queries
    from flowapp.http import polling

    @polling.register
    def prompts(since: datetime) -> Iterable[polling.Change]:
        """The prompts that changed: asked, claimed, voted on, reassigned, ended."""
        for prompt_id, at in queries.changed_since(since):
            yield polling.Change("inbox", str(prompt_id), at)
