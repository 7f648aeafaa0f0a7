"""A prompt, locked for a change: its run first, then itself."""

from __future__ import annotations

from uuid import UUID

from approvals.models import Decision, Prompt
from approvals.states import AlreadyDecided, Expired, PromptCancelled, PromptNotFound, PromptStatus
from flowapp.engine import runs
from flowapp.engine.errors import RunNotFound


def locked(prompt_id: UUID) -> Prompt:
    """The prompt, its run and itself locked until the caller's transaction ends. Raises PromptNotFound.

    One that has ended is not locked: nothing changes it any more, and whoever comes late waits for nobody.
    """
    prompt = Prompt.objects.filter(pk=prompt_id).first()
    if prompt is None:
        raise PromptNotFound
    if prompt.status != PromptStatus.PENDING:
        return prompt
    try:
        runs.lock(prompt.run_id)
    except RunNotFound:
        raise PromptNotFound from None
    return Prompt.objects.select_for_update().get(pk=prompt_id)


def pending(prompt_id: UUID) -> Prompt:
    """The same, for what needs an open prompt. Raises what ended it otherwise."""
    prompt = locked(prompt_id)
    refuse_decided(prompt)
    refuse_ended(prompt)
    return prompt


def still_pending(prompt_id: UUID) -> Prompt | None:
    """The same, for a timer: None when the prompt has ended meanwhile, and then nothing is locked that need not be."""
    found = Prompt.objects.filter(pk=prompt_id, status=PromptStatus.PENDING)
    run_id = found.values_list("run_id", flat=True).first()
    if run_id is None:
        return None
    runs.lock(run_id)
    return found.select_for_update().first()


def refuse_decided(prompt: Prompt) -> None:
    """Raise the decision that ended a prompt."""
    if prompt.status == PromptStatus.DECIDED:
        raise AlreadyDecided(final(prompt).result())


def refuse_ended(prompt: Prompt) -> None:
    """Raise what ended a prompt without a person's decision."""
    if prompt.status == PromptStatus.EXPIRED:
        raise Expired
    if prompt.status == PromptStatus.CANCELLED:
        raise PromptCancelled


def final(prompt: Prompt) -> Decision:
    """The decision that ended a decided prompt."""
    return Decision.objects.get(prompt=prompt, final=True)
