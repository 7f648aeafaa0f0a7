"""Agents as tenancy knows them: their names, who answers for them, and the keys they act by. The workspace in scope."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from . import actions, keys, queries
from .actors import Actor
from .errors import NotHere, Unfit
from .models import Agent, ApiKey
from .signals import tell

MOST_OPEN = 20  # prompts of an agent's runs that may wait at a time, unless an admin says otherwise
LAST_YEAR = 2999
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)


@transaction.atomic
def create_agent(*, name: str, owner: str, most_open: int = MOST_OPEN, by: Actor) -> Agent:
    """A new agent; `owner` is the e-mail address of the member who answers for it. Raises Unfit."""
    member = queries.members_matching(f"user:{owner}").first() if owner else None
    errors = []
    if not _NAME.fullmatch(name):
        errors.append({"loc": ["name"], "msg": "use 1 to 63 of a-z, 0-9 and hyphens, and no hyphen at either end"})
    if member is None:
        errors.append({"loc": ["owner"], "msg": f"{owner!r} is the e-mail address of no member here"})
    if errors or member is None:
        raise Unfit(errors)
    try:
        with transaction.atomic():
            agent = Agent.objects.create(name=name, owner=member, most_open=most_open)
    except IntegrityError:
        raise Unfit([{"loc": ["name"], "msg": f"there is an agent {name!r} already"}]) from None
    shown = {"name": name, "owner": member.user.email, "most_open": most_open}
    tell(by=by, verb="agent.created", target=f"agent:{agent.pk}", after=shown)
    return agent


@transaction.atomic
def stop_agent(agent_id: UUID, *, by: Actor) -> Agent:
    """End an agent: it decides and starts nothing any more, and its keys are revoked. Raises NotHere."""
    agent = agent_of(agent_id, lock=True)
    if agent.is_active:
        agent.is_active = False
        agent.save(update_fields=["is_active"])
        tell(by=by, verb="agent.stopped", target=f"agent:{agent.pk}", before={"name": agent.name})
        for key in ApiKey.objects.filter(agent=agent, revoked_at=None):
            actions.revoke_api_key(key=key, by=by)
    return agent


@transaction.atomic
def issue_key(
    agent_id: UUID, *, name: str, scopes: Collection[str] = (), expires_at: datetime | None = None, by: Actor
) -> tuple[ApiKey, str]:
    """A key the agent acts by, and its text, which is shown this once. Raises NotHere, Unfit."""
    agent = agent_of(agent_id, lock=True)
    if not agent.is_active:
        raise Unfit([{"loc": ["agent"], "msg": f"the agent {agent.name!r} was stopped"}])
    if expires_at is not None and (expires_at.year > LAST_YEAR or expires_at <= timezone.now()):
        raise Unfit([{"loc": ["expires_at"], "msg": f"choose a time to come, up to {LAST_YEAR}, or leave it out"}])
    return actions.issue_api_key(name=name, agent=agent, scopes=scopes, expires_at=expires_at, by=by)


def page(*, after: str = "", limit: int = 100) -> list[Agent]:
    """Agents by name, those that were stopped too."""
    found = Agent.objects.select_related("owner__user").order_by("name")
    return list(found.filter(name__gt=after)[:limit])


def agent_of(agent_id: UUID, *, lock: bool = False) -> Agent:
    """One of them. Raises NotHere."""
    rows = Agent.objects.select_for_update(of=("self",)) if lock else Agent.objects
    found = rows.select_related("owner__user").filter(pk=agent_id).first()
    if found is None:
        raise NotHere("There is no such agent here.")
    return found


def named(name: str, *, lock: bool = False) -> Agent | None:
    """The agent of this name, in upper or lower case, that is active and whose owner is."""
    rows = Agent.objects.select_for_update(of=("self",)) if lock else Agent.objects
    active = rows.filter(is_active=True, owner__user__is_active=True)
    return active.select_related("owner__user").filter(name=name.lower()).first()


def owner_of(name: str) -> UUID | None:
    """The member who answers for the agent of this name, or did before it was stopped."""
    return Agent.objects.filter(name=name.lower()).values_list("owner_id", flat=True).first()


def names_of(member_id: UUID) -> set[str]:
    """The agents this member answers for."""
    return set(Agent.objects.filter(owner=member_id).values_list("name", flat=True))


def has_key_that_decides(agent: Agent) -> bool:
    """Whether it can answer what is put to it: it has a live key that was granted that."""
    live = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    granted = ApiKey.objects.filter(live, agent=agent, revoked_at=None).values_list("scopes", flat=True)
    return any(keys.APPROVALS_DECIDE in scopes for scopes in granted)
