"""The keys that bind decisions to payloads, and answers to questions: one a workspace, of each installation key."""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from django.conf import settings

from approvals.models import Prompt
from approvals.policies import binding


def digest(workspace_id: UUID, run_id: UUID, step: str, question: bytes, policies: Sequence[Any] = ()) -> str:
    """The digest of a question under the newest key; `policies` are the versions considered when it was asked."""
    return next(_digests(workspace_id, run_id, step, question, policies))


def bound(
    stored: str, workspace_id: UUID, run_id: UUID, step: str, question: bytes, policies: Sequence[Any] = ()
) -> bool:
    """Whether a stored digest is of exactly this question, under any key that is still kept."""
    return any(binding.same(stored, known) for known in _digests(workspace_id, run_id, step, question, policies))


def answer_digest(prompt: Prompt, *, asked: str, outcome: str, data: Any) -> str:
    """The digest of an answer to the question that has the digest `asked`, under the newest key."""
    return next(_answers(prompt.workspace_id, prompt.run_id, prompt.step_key, asked, outcome, data))


def bound_answer(stored: str, workspace_id: UUID, run_id: UUID, step: str, asked: str, outcome: str, data: Any) -> bool:
    """Whether a stored digest is of exactly this answer, under any key that is still kept."""
    return any(binding.same(stored, known) for known in _answers(workspace_id, run_id, step, asked, outcome, data))


def _digests(workspace_id: UUID, run_id: UUID, step: str, question: bytes, policies: Sequence[Any]) -> Iterator[str]:
    for key in _keys(workspace_id):
        yield binding.digest(key, run_id=str(run_id), step=step, question=question, policies=policies)


def _answers(workspace_id: UUID, run_id: UUID, step: str, asked: str, outcome: str, data: Any) -> Iterator[str]:
    for key in _keys(workspace_id):
        yield binding.answer(key, run_id=str(run_id), step=step, asked=asked, outcome=outcome, data=data)


def _keys(workspace_id: UUID) -> Iterator[bytes]:
    for secret in settings.FLOWAPP_ENCRYPTION_KEYS:
        yield hmac.digest(secret.encode(), b"approvals:" + workspace_id.bytes, "sha256")
