"""Whom a stage or an escalation reaches when its turn comes: people may have left since the prompt was opened."""

from __future__ import annotations

from collections.abc import Sequence

from approvals.models import Prompt
from approvals.policies.assignment import Spec
from flowapp.tenancy import agents
from flowapp.tenancy import queries as tenancy


def somebody(prompt: Prompt, asked: Sequence[Spec], what: str) -> Sequence[Spec]:
    """These, as far as any of them is still here; else the administrators, which the prompt then says of `what`."""
    if any(exists(spec) for spec in asked):
        return asked
    instead = administrators()
    roles = " and ".join(f"{spec.name}s" for spec in instead)
    gone = ", ".join(map(str, asked))
    note = f"{what}: {gone} does not exist here any more, or means nobody, so it was put to the {roles}."
    prompt.options = {**prompt.options, "notes": [*prompt.options.get("notes", ()), note]}
    return instead


def administrators() -> list[Spec]:
    """The admins, and the owners as well where nobody is admin: a prompt must reach somebody."""
    admins = [Spec("role", "admin")]
    return admins if tenancy.members_matching("role:admin").exists() else [*admins, Spec("role", "owner")]


def missing(asked: Sequence[Spec]) -> Sequence[Spec]:
    """Those that mean nobody: each user, group and agent has to exist, of roles only one where nobody else is asked."""
    named = [spec for spec in asked if spec.kind != "role"]
    if named:
        return [spec for spec in named if not exists(spec)]
    return [] if any(exists(spec) for spec in asked) else asked


def exists(spec: Spec) -> bool:
    """Whether an entry means anybody who is here now."""
    if spec.kind == "agent":
        return agents.named(spec.name) is not None
    return tenancy.members_matching(str(spec)).exists()
