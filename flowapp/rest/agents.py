"""/v1/agents: the AI teammates of a workspace, who answers for each, and the keys they act by."""

from datetime import datetime
from uuid import UUID

from ninja import Router, Status
from pydantic import AwareDatetime, BaseModel, Field

from flowapp.http.access import SIGNED_IN, access
from flowapp.http.requests import Request
from flowapp.tenancy import agents
from flowapp.tenancy.keys import APPROVALS_DECIDE
from flowapp.tenancy.models import Agent as AgentRow
from flowapp.tenancy.models import Role

from .granted import granted
from .paging import CURSOR, LIMIT, Page, reading
from .schemas import Name, Out, Text

router = Router(tags=["agents"])
ADMINS = (Role.OWNER, Role.ADMIN)


class AgentDraft(BaseModel):
    """A new agent."""

    name: Name = Field(max_length=63, description="As `agent:NAME` says it: a-z, 0-9 and hyphens.")
    owner: Name = Field(max_length=254, description="The e-mail address of the member who answers for it.")
    most_open: int = Field(
        agents.MOST_OPEN, ge=1, le=10_000, description="How many prompts of the runs it started may wait at a time."
    )


class KeyDraft(BaseModel):
    """A new key of an agent."""

    name: Name = Field(max_length=100)
    decides: bool = Field(False, description=f"Grants {APPROVALS_DECIDE}: it may answer the prompts put to the agent.")
    expires_at: AwareDatetime | None = None


class Agent(Out):
    """An agent as the workspace knows it. One that was stopped keeps its name and does nothing any more."""

    id: UUID
    name: str
    owner: str
    most_open: int
    is_active: bool
    created_at: datetime

    @classmethod
    def of(cls, row: AgentRow) -> "Agent":
        """A row as we answer it."""
        return cls.model_validate({**vars(row), "owner": row.owner.user.email})


class AgentPage(Page[Agent]):
    """A page of agents."""


class NewKey(Out):
    """A key that was just made; its text is shown this once."""

    id: UUID
    name: str
    prefix: str
    scopes: list[str]
    expires_at: datetime | None
    key: Text


@router.get("/agents", response=AgentPage)
@access(SIGNED_IN)
def list_agents(request: Request, cursor: str | None = CURSOR, limit: int = LIMIT) -> AgentPage:
    """The workspace's agents, by name."""
    with reading(cursor):
        found = agents.page(after=cursor or "", limit=limit + 1)
    following = found[limit - 1].name if len(found) > limit else None
    return AgentPage(items=[Agent.of(one) for one in found[:limit]], next=following)


@router.post("/agents", response={201: Agent})
@access(*ADMINS)
def create_agent(request: Request, body: AgentDraft) -> Status[Agent]:
    """Make an agent known: prompts can be put to `agent:NAME` from then on."""
    made = agents.create_agent(name=body.name, owner=body.owner, most_open=body.most_open, by=granted(request))
    return Status(201, Agent.of(made))


@router.get("/agents/{agent_id}", response=Agent)
@access(SIGNED_IN)
def get_agent(request: Request, agent_id: UUID) -> Agent:
    """One agent."""
    return Agent.of(agents.agent_of(agent_id))


@router.post("/agents/{agent_id}/keys", response={201: NewKey})
@access(*ADMINS)
def create_agent_key(request: Request, agent_id: UUID, body: KeyDraft) -> Status[NewKey]:
    """A key the agent acts by; its text is in this answer and never again."""
    scopes = [APPROVALS_DECIDE] if body.decides else []
    key, text = agents.issue_key(
        agent_id, name=body.name, scopes=scopes, expires_at=body.expires_at, by=granted(request)
    )
    return Status(201, NewKey.model_validate({**vars(key), "key": text}))


@router.post("/agents/{agent_id}/stop", response=Agent)
@access(*ADMINS)
def stop_agent(request: Request, agent_id: UUID) -> Agent:
    """Stop an agent: its keys are revoked at once, and what is put to it reaches nobody any more."""
    return Agent.of(agents.stop_agent(agent_id, by=granted(request)))
