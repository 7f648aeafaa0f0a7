"""The frame around every page: which rooms the navigation shows, what waits in each, and the reader's theme."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from approvals import queries
from flowapp.http.access import CHANGERS
from flowapp.tenancy.models import Role

THEMES: Final = ("light", "dark")

# (section heading, room's name, its URL's name, its icon, the letter that goes there after g)
_ROOMS: Final = (
    ("", "Inbox", "inbox", "inbox", "i"),
    ("", "Board", "board", "board", "b"),
    ("", "Runs", "runs", "runs", "r"),
    ("", "Workflows", "workflows", "workflows", "w"),
    ("", "Agents", "agents", "agents", "a"),
    ("Insight", "Cost", "cost", "cost", "c"),
    ("Insight", "Reports", "reports", "screen", "s"),
    ("Insight", "Audit", "audit", "audit", "l"),
    ("Settings", "Operations", "operations", "shield", "o"),
    ("Settings", "Policies", "policies", "branch", "p"),
    ("Settings", "Calendars", "calendars", "clock", "k"),
    ("Settings", "Webhooks", "webhooks", "bolt", "h"),
    ("Settings", "Slack", "slack", "users", "t"),
)
# Of these, the rooms that only owners and admins may enter.
_KEEPERS: Final = frozenset({"operations", "policies", "calendars", "webhooks", "slack"})
# And those for managers as well.
_LEADERS: Final = frozenset({"reports"})


@dataclass(frozen=True)
class Item:
    """One link of the navigation."""

    section: str
    name: str
    url: str
    icon: str
    letter: str
    current: bool


def navigation(request: HttpRequest | None) -> list[Item]:
    """The rooms that exist. A room appears here once its URL has a name."""
    path = request.path if request else ""
    role = getattr(getattr(request, "member", None), "role", None)
    closed = frozenset() if role in (Role.OWNER, Role.ADMIN) else _KEEPERS
    closed |= frozenset() if role in (Role.OWNER, Role.ADMIN, Role.MANAGER) else _LEADERS
    found = [(room, _url(room[2])) for room in _ROOMS if room[2] not in closed]
    return [
        Item(section, name, url, icon, letter, path.startswith(url))
        for (section, name, _, icon, letter), url in found
        if url
    ]


def inbox_count(request: HttpRequest | None, counted: int | None = None) -> str:
    """How many prompts the reader may decide, in words short enough for a badge; empty for none."""
    member = getattr(request, "member", None)
    count = counted if counted is not None else queries.waiting_for(member.pk) if member else 0
    if count > queries.COUNT_UP_TO:
        return f"{queries.COUNT_UP_TO}+"
    return str(count) if count else ""


def may_change(request: HttpRequest) -> bool:
    """Whether the reader may start and steer runs; others are shown no buttons for it."""
    member = getattr(request, "member", None)
    return member is None or member.role in CHANGERS


def theme(request: HttpRequest | None) -> str:
    """The theme in the reader's cookie; empty means the system's."""
    chosen = request.COOKIES.get("theme", "") if request else ""
    return chosen if chosen in THEMES else ""


def _url(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""
