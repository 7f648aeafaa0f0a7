"""The keys that bind decisions to payloads: one a workspace, derived from each of the installation's keys."""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from django.conf import settings

from approvals.policies import binding


def digest(workspace_id: UUID, run_id: UUID, name: str, question: bytes, policies: Sequence[Any] = ()) -> str:
    """The digest of a question under the newest key; `policies` are the versions considered when it was asked."""
    return next(_digests(workspace_id, run_id, name, question, policies))


def bound(
    stored: str, workspace_id: UUID, run_id: UUID, name: str, question: bytes, policies: Sequence[Any] = ()
) -> bool:
    """Whether a stored digest is of exactly this question, under any key that is still kept."""
    return any(binding.same(stored, known) for known in _digests(workspace_id, run_id, name, question, policies))


def _digests(workspace_id: UUID, run_id: UUID, name: str, question: bytes, policies: Sequence[Any]) -> Iterator[str]:
    for secret in settings.FLOWAPP_ENCRYPTION_KEYS:
        key = hmac.digest(secret.encode(), b"approvals:" + workspace_id.bytes, "sha256")
        yield binding.digest(key, run_id=str(run_id), step=name, question=question, policies=policies)
