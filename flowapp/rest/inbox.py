"""/v1/inbox and /v1/filters: how much waits for you, and the views of it that you keep under names."""

from datetime import datetime
from typing import Any, Literal, get_args
from urllib.parse import parse_qs
from uuid import UUID

from ninja import Router, Status
from ninja.params import functions
from pydantic import BaseModel, Field

from approvals import actions, queries
from approvals.actions import eligibility
from approvals.models import SavedFilter
from approvals.views.listing import LONGEST_QUERY, as_query
from flowapp.http.access import SIGNED_IN, access
from flowapp.http.credentials import actor_of
from flowapp.http.problems import Problem
from flowapp.http.requests import Request
from flowapp.tenancy.models import Member

from .paging import Page
from .schemas import Name, Out, Text

type Scope = Literal["mine", "groups", "unassigned", "done"]
type Sort = Literal["oldest", "newest", "due", "amount"]

router = Router(tags=["prompts"])
SCOPE: Any = functions.Query(None, description="Your inbox: what is put to you. It needs a person's key.")
SEARCH: Any = functions.Query(None, max_length=LONGEST_QUERY, description="Words of a scope's prompts.")
SORT: Any = functions.Query(None, description="The scope's order; without it the most urgent first.")


class Count(BaseModel):
    """How many prompts a scope holds; beyond 99 it says `more` and counts no further."""

    open: int
    more: bool


class Inbox(BaseModel):
    """What waits for you: all that is put to you, what of it through your groups, and what nobody in particular has."""

    mine: Count
    groups: Count
    unassigned: Count


class View(BaseModel):
    """A view of the inbox, as `GET /v1/prompts` takes it."""

    name: Name = Field(max_length=60)
    scope: Scope = "mine"
    search: Text = Field("", max_length=LONGEST_QUERY)
    sort: Sort | None = None

    def query(self) -> str:
        """As the page's address says it."""
        return as_query(self.scope, self.search.strip(), self.sort or "")


class Filter(Out):
    """A view that you keep."""

    id: UUID
    name: str
    scope: Scope
    search: str
    sort: Sort | None
    created_at: datetime


class FilterPage(Page[Filter]):
    """Your filters by name; all of them, 30 at most."""


@router.get("/inbox", response=Inbox)
@access(SIGNED_IN)
def count_inbox(request: Request) -> Inbox:
    """How much waits for you."""
    found = queries.counts(targets_of(request))
    most = queries.COUNT_UP_TO
    return Inbox(**{scope: Count(open=min(number, most), more=number > most) for scope, number in found.items()})


@router.get("/filters", response=FilterPage)
@access(SIGNED_IN)
def list_filters(request: Request) -> FilterPage:
    """The views you keep; nobody else sees them."""
    return FilterPage(items=[_shown(kept) for kept in queries.saved_filters(member_of(request).pk)])


@router.post("/filters", response={201: Filter})
@access(SIGNED_IN)
def save_filter(request: Request, view: View) -> Status[Filter]:
    """Keep a view; one of the same name is replaced."""
    member_of(request)
    kept = actions.save_filter(name=view.name, query=view.query(), by=actor_of(request), channel="api")
    return Status(201, _shown(kept))


@router.put("/filters/{filter_id}", response=Filter)
@access(SIGNED_IN)
def change_filter(request: Request, filter_id: UUID, view: View) -> Filter:
    """Give a filter of yours another name, another view, or both."""
    member_of(request)
    by = actor_of(request)
    return _shown(actions.change_filter(filter_id, name=view.name, query=view.query(), by=by, channel="api"))


@router.delete("/filters/{filter_id}", response={204: None})
@access(SIGNED_IN)
def delete_filter(request: Request, filter_id: UUID) -> Status[None]:
    """Forget a filter of yours."""
    member_of(request)
    actions.delete_filter(filter_id, by=actor_of(request), channel="api")
    return Status(204, None)


def targets_of(request: Request) -> frozenset[str]:
    """The assign entries that mean the caller, a person or an agent."""
    by = actor_of(request)
    return eligibility.targets_of(by) if by.kind == "agent" else queries.targets_of(member_of(request).pk)


def member_of(request: Request) -> Member:
    """Whose inbox it is."""
    if request.member is None:
        raise Problem("not-eligible", "A workspace's key has no inbox: use a person's or an agent's key.")
    return request.member


def _shown(kept: SavedFilter) -> Filter:
    """The page keeps a view as an address, whatever it says; what it does not know there is left out."""
    view = {name: values[-1] for name, values in parse_qs(kept.query).items()}
    scope = view.get("scope") if view.get("scope") in get_args(Scope.__value__) else "mine"
    sort = view.get("sort") if view.get("sort") in get_args(Sort.__value__) else None
    about = {"scope": scope, "search": view.get("q", ""), "sort": sort}
    return Filter.model_validate({"id": kept.pk, "name": kept.name, "created_at": kept.created_at, **about})
